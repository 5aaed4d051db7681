"""What a reader saw, beside what was written: whole, or what is missing, by a footnote.

A difference that no footnote explains is an error: it would be a loss that nobody knows of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tests.interop.javascript import Rejected
from tests.interop.kinds import Kind
from tests.interop.libraries import Library, Place, name_of
from tests.interop.messages import Told

Seen: TypeAlias = Literal["all", "part", "left out", "rejected"]

NOTES = {
    "numbers": "JavaScript has one kind of number: integers above 2^53 are rounded, and 1.0 is 1.",
    "function": "Stored as the result of a tool, with its name, which every reader has: all but "
    "redialog see it as that.",
    "role": "Stored as a message of the user, which every reader has; only redialog, which keeps "
    "the role beside it, sees the role.",
    "metadata": "Metadata of the application are redialog's alone.",
    "calls": "Further fields of a call, and the order of malformed calls among the others, are "
    "redialog's alone: LangChain's two lists of calls have no place for them, and in Python it "
    "rejects a message with another field in a call.",
    "openai": "Kept beside the message for redialog's `to_openai()`, and given as "
    "`additional_kwargs` to LangChain through redialog; the others do not see them.",
    "chat": "LangChain writes a type here that its other language does not know. A reader that "
    "meets it reads nothing of the session.",
    "remove": "LangChain in JavaScript cannot read it, though it writes it. redialog shows it as a "
    "message with the role `remove`, and leaves it out of what it gives to LangChain.",
    "NaN": "LangChain in Python writes what JSON does not have. A reader in JavaScript reads "
    "nothing of the session, and through Upstash not this message.",
    "pairs": "redialog's nodes hand over what a model can be given, so no result without the call "
    "that it answers; `node.session().messages()` has it.",
    "blocks": "LangChain in JavaScript stores such a message without its `content`, so that it "
    "reads none itself, and through Upstash no message. redialog and LangChain in Python read the "
    "blocks.",
    "chunk": "LangChain in Python stores the piece under a type that JavaScript does not know, and "
    "that then reads nothing of the session.",
}
"""Why a reader does not see all, in the order of the page."""

# The reasons that an element gives a reader to reject it: what of a kind is not everybody's.
_REJECTED = {"chat": "chat", "remove": "remove", "ai chunk": "chunk"}
# The reasons for which a reader leaves out a message and reads the others.
_MISSING = {
    "request to remove": "remove",
    "contentBlocks": "blocks",
    "NaN": "NaN",
    "result without a call": "pairs",
    "function": "pairs",
}


@dataclass(frozen=True)
class Cell:
    """What one reader saw of one message of one writer."""

    seen: Seen
    notes: tuple[str, ...] = ()
    text_lost: bool = False


class Unexplained(Exception):
    """A reader saw something else, and no footnote says why."""


def cell(place: Place, reader: Library, key: str, kind: Kind) -> Cell:
    """Reads a session of one message.

    Raises:
        Unexplained: the message is not what was written.
    """
    try:
        found = reader.read(place, key)
    except (Rejected, ValueError, TypeError, KeyError) as error:
        note = _REJECTED.get(kind.type) or _MISSING.get(kind.name)
        if note is None:
            raise Unexplained(f"{name_of(reader)} rejects {kind.name}: {error}") from error
        return Cell("rejected", (note,), text_lost=True)
    if len(found) < kind.together:
        note = _MISSING.get(kind.name)
        if note == "pairs" and reader.family != "node":
            note = None
        if note is None:
            raise Unexplained(f"{name_of(reader)} does not see {kind.name}")
        return Cell("left out", (note,), text_lost=True)
    seen = found[len(kind.before)]
    notes = dict.fromkeys(_notes(reader, kind, seen))
    lost = not _same(kind.said["content"], seen["content"])
    return Cell("part" if notes else "all", tuple(n for n in NOTES if n in notes), lost)


def _notes(reader: Library, kind: Kind, found: Told) -> Iterable[str]:
    given = kind.said
    for name in sorted(given.keys() | found.keys()):
        was, seen = given.get(name), found.get(name)
        if _same(was, seen) or (name == "id" and was is None):
            continue  # an id that a writer gave a message is not missing from it
        note = _explained(name, was, seen, given)
        if note is None:
            raise Unexplained(f"{name_of(reader)}, {kind.name}: {name} is {seen!r}, was {was!r}")
        yield note


def _same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return value


def _without_further(calls: Any) -> Any:
    return [{k: v for k, v in call.items() if k != "further"} for call in calls or ()]


def _explained(name: str, was: Any, seen: Any, given: Told) -> str | None:
    """The footnote that says why a field is seen otherwise than it was given."""
    if name in ("type", "role"):
        return _of_type(name, was, seen, given)
    if name in ("our metadata", "order", "openai"):
        notes = {"our metadata": "metadata", "order": "calls", "openai": "openai"}
        return notes[name] if seen is None else None
    if name == "additional_kwargs" and was is None:
        return "openai" if _same(seen, given.get("openai")) else None
    if name.endswith("tool_calls") and _same(_without_further(was), seen):
        return "calls"
    if name == "content" and seen == "":
        blocks = isinstance(was, list) and any(block["type"] == "reasoning" for block in was)
        return "blocks" if blocks else None
    return "numbers" if _same(_rounded(was), _rounded(seen)) else None


def _of_type(name: str, was: Any, seen: Any, given: Told) -> str | None:
    if given["type"] == "chat" and (name, seen) in (("type", "human"), ("role", None)):
        return "role"
    return "function" if (was, seen) == ("function", "tool") else None
