"""A session that is to be summarised, answering as a server does, and what the operations take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redialog import RollingSummary, codec, summary
from redialog.effect import Batch, Replies
from redialog.messages import Message
from redialog.tokens import Costs
from tests.operations.tools import arguments_of, keys_of, script_name

COSTS = Costs(lambda _: 36)
"""Each message that says anything has 40 tokens."""

POLICY = RollingSummary(lambda *_: "", trigger_tokens=400, timeout=5)
"""More than ten messages are too many; five may stay."""

NOW = 1_700_000_000_000


def conversation(turns: int, leading: int = 0) -> list[bytes]:
    """Oldest first: so many system messages, and turns of a question and an answer."""
    roles = [Message.system] * leading + [Message.user, Message.assistant] * turns
    return [
        codec.element(codec.stored(made(f"m{place}"), f"id-{place}", NOW))
        for place, made in enumerate(roles, 1)
    ]


def kept(covers: int, text: str = "So far.", one: bytes = b"before") -> list[Any]:
    """A summary as the scripts give it."""
    stored = summary.stored(text, by="me", tokens=6, last_id=f"id-{covers}")
    return [one, covers, b"%d" % NOW, stored]


def digest(elements: Sequence[bytes]) -> str:
    """What shows that messages are the same."""
    parts = "".join(hashlib.sha1(element).hexdigest() for element in elements)
    return hashlib.sha1(parts.encode()).hexdigest()


def mark(elements: Sequence[bytes]) -> bytes:
    """What shows whether the newest message is still the same."""
    return hashlib.sha1(elements[-1]).hexdigest()[:16].encode() if elements else b""


class Session:
    """A session, as the scripts and commands of a fold find it.

    Args:
        elements: oldest first.
        known: the summary that stands, as `kept` makes it.
        failed: as companions hold it.
        shift: the same.
        holder: of the lease.
        ids: of all summaries, when the lease is taken; None where they are as before.
        cleared: after the batch of which number, counted from 1, nothing is left.
        popped: whether the newest message goes after each batch.
    """

    def __init__(
        self,
        elements: Sequence[bytes],
        known: Sequence[Any] = (),
        *,
        failed: bytes = b"",
        shift: int = 0,
        holder: Any = None,
        ids: bytes | None = None,
        cleared: int | None = None,
        popped: bool = False,
    ) -> None:
        self.elements = list(elements)
        self.names: list[str] = []
        self._known = list(known)
        self._failed = failed
        self._shift = shift
        self._holder = holder
        self._listed = known[0] if known else b""
        self._ids = self._listed if ids is None else ids
        self._cleared = cleared
        self._popped = popped
        self._batches = 0

    def __call__(self, batch: Batch) -> Replies:
        found = [self._reply(command) for command in batch.commands]
        self._batches += 1
        if self._batches == self._cleared:
            self.elements.clear()
        if self._popped:
            self.elements.pop()
        return found

    def _reply(self, command: Any) -> Any:
        if command[0] in (b"EVALSHA", b"EVAL"):
            name = script_name(command)
            self.names.append(name)
            return self._view(*arguments_of(command)) if name == "view" else 1
        self.names.append(command[0].decode())
        plain: dict[bytes, Any] = {b"SET": self._holder, b"HGET": self._ids or None}
        if command[0] in plain:
            return plain[command[0]]
        if command[0] == b"LINDEX":
            return self.elements[::-1][command[2]] if -command[2] <= len(self.elements) else None
        if command[0] == b"LLEN":
            return len(self.elements)
        assert command[0] == b"LRANGE"
        start, stop = command[2], command[3]
        assert stop - start <= 1000
        size = len(self.elements)
        if start == 0:
            return self.elements[::-1][: stop + 1]
        assert start < 0
        return self.elements[::-1][max(size + start, 0) : size + stop + 1]

    def _view(self, wanted: int, most: int, size: int) -> list[Any]:
        oldest: list[bytes] = []
        while len(self.elements) > max(wanted, len(oldest)) and len(oldest) < most and size > 0:
            oldest.append(self.elements[len(oldest)])
            size = size - len(oldest[-1]) if b"system" in oldest[-1] else 0
        head = [len(self.elements), mark(self.elements), oldest, self._known, self._failed]
        return [*head, b"%d" % NOW if self._failed else b"0", self._shift, self._listed]


def only(batch: Batch) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
    """The one call of a script in a batch: its name, keys and arguments."""
    [command] = [one for one in batch.commands if one[0] in (b"EVALSHA", b"EVAL")]
    return script_name(command), keys_of(command), arguments_of(command)
