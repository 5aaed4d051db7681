"""The table of who reads what of whom, and its page."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.interop.comparing import NOTES, Cell, cell
from tests.interop.installing import HERE, pinned
from tests.interop.kinds import KINDS, Family, Kind
from tests.interop.libraries import (
    FLOWISE,
    LIBRARIES,
    NODE,
    PYTHON,
    TITLES,
    Library,
    Place,
    name_of,
)
from tests.interop.messages import Told, normal

BEGIN, END = "<!-- interop: begin -->", "<!-- interop: end -->"
PROJECT = HERE.parents[1] / "pyproject.toml"
CHOSEN = ("langchain-community", "langchain-core", "upstash-redis")
"""Of Python's packages, which the page names with the versions that the tests accept."""

Matrix: TypeAlias = Mapping[tuple[str, str, str], Cell]
"""By writer, reader and kind."""
Lines: TypeAlias = list[Sequence[str]]


def matrix(place: Place) -> dict[tuple[str, str, str], Cell]:
    """Has everybody write everything that it can, each to a session of its own, and all read it.

    Raises:
        Unexplained: a reader saw something that no footnote explains.
    """
    cells = {}
    for writer in LIBRARIES:
        for kind in written_by(writer.family):
            key = f"matrix {name_of(writer)} {kind.name}"
            writer.write(place, key, kind.session)
            for reader in LIBRARIES:
                where = name_of(writer), name_of(reader), kind.name
                cells[where] = cell(place, reader, key, kind)
    return cells


def written_by(family: Family) -> list[Kind]:
    """The kinds of message that a family has."""
    return [kind for kind in KINDS if family in kind.by]


@dataclass(frozen=True)
class Shown:
    """What a node gives for a message in the form of the builders."""

    type: str | None
    whole: bool


def shown(place: Place) -> dict[tuple[str, str], Shown]:
    """What the nodes give as ``{"message", "type"}``, by node and kind."""
    found = {}
    for kind in written_by("python"):
        if kind.type in ("chat", "remove", "ai chunk") or kind.name == "NaN":
            continue  # a session with it, Flowise does not read
        key = f"shown {kind.name}"
        PYTHON.write(place, key, [kind])
        given: Any = FLOWISE.ask(place, key, "read plain")
        found["flowise", kind.name] = _shown(kind, given)
        with NODE.node(place, key) as node:
            found["node", kind.name] = _shown(kind, node.get_chat_messages())
    return found


def _shown(kind: Kind, given: Sequence[Told]) -> Shown:
    if not given:
        return Shown(None, whole=False)
    [one] = given
    content = normal("human", {"content": one["message"]})["content"]
    return Shown(one["type"], content == kind.said["content"])


def _marks(cells: Iterable[Cell]) -> dict[str, str]:
    used = {note for one in cells for note in one.notes}
    return dict(zip((n for n in NOTES if n in used), "abcdefghijklmnopqrstuvwxyz", strict=False))


def _text(one: Cell, marks: Mapping[str, str]) -> str:
    notes = ", ".join(marks[note] for note in one.notes)
    if one.seen == "part" and one.text_lost:
        return f"no text ({notes})"
    said = {"all": "all", "part": f"all but {notes}", "left out": f"nothing ({notes})"}
    return said.get(one.seen, f"error ({notes})")


def _folded(
    cells: Matrix, writers: Sequence[Library], readers: Sequence[Library], kind: Kind, marks: Any
) -> str:
    """One cell for two families: what most see, then who sees something else."""
    found = {
        (w.short, r.short): _text(cells[name_of(w), name_of(r), kind.name], marks)
        for w in writers
        for r in readers
    }
    counted = Counter(found.values()).most_common()
    parts = [counted[0][0]]
    for text, _ in counted[1:]:
        pairs = [pair for pair, seen in found.items() if seen == text]
        some = dict.fromkeys(reader for _, reader in pairs)
        # Where it depended on the writer as well, a reader's name would not say it.
        assert len(pairs) == len(some) * len(writers), (kind.name, pairs)
        parts.append(f"{', '.join(some)}: {text}")
    return "; ".join(parts)


def markdown(cells: Matrix, nodes: Mapping[tuple[str, str], Shown]) -> str:
    """The tables and their footnotes."""
    families: dict[Family, list[Library]] = {}
    for library in LIBRARIES:
        families.setdefault(library.family, []).append(library)
    marks = _marks(cells.values())
    parts: list[str] = []
    for family, writers in families.items():
        lines: Lines = [("message", *(TITLES[one] for one in families))]
        lines += [
            (kind.name, *(_folded(cells, writers, some, kind, marks) for some in families.values()))
            for kind in written_by(family)
        ]
        parts += [f"### Written by {TITLES[family]}", "", *_table(lines), ""]
    parts += ["### What is not seen, and why", ""]
    parts += [f"- **{mark}**: {NOTES[note]}" for note, mark in marks.items()]
    parts += ["", "### What the nodes show of it", ""]
    lines = [("message", TITLES["flowise"], TITLES["node"])]
    for kind in dict.fromkeys(name for _, name in nodes):
        lines.append((kind, *(_as_shown(nodes[one, kind]) for one in ("flowise", "node"))))
    parts += [*_table(lines), "", "### With these versions", "", *_table(_versions()), ""]
    return "\n".join(parts)


def _as_shown(one: Shown) -> str:
    if one.type is None:
        return "not shown"
    return f"`{one.type}`" if one.whole else f"`{one.type}`, not the whole text"


def _versions() -> Lines:
    """What package.json pins, and what the tests accept of Python's."""
    lines: Lines = [("package", "from", "version")]
    lines += [(f"`{name}`", "npm", version) for name, version in pinned().items()]
    groups = tomllib.loads(PROJECT.read_text("utf-8"))["dependency-groups"]
    for name in CHOSEN:
        [needed] = [one.removeprefix(name) for one in groups["dev"] if one.startswith(f"{name}>")]
        lines.append((f"`{name}`", "PyPI", needed.replace(",", ", ")))
    return lines


def _table(lines: Lines) -> list[str]:
    head, *rest = lines
    return [_line(one) for one in (head, ["---"] * len(head), *rest)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def between(page: str) -> str:
    """What stands between a page's markers.

    Raises:
        ValueError: it has none.
    """
    _, begin, rest = page.partition(BEGIN)
    tables, end, _ = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no markers {BEGIN} and {END}")
    return tables.strip()


def put(page: Path, tables: str) -> None:
    """Replaces it."""
    text = page.read_text("utf-8")
    between(text)
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{tables.strip()}\n\n{END}{after}", "utf-8")
