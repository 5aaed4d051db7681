"""`Diagnosis`: what was found out about a store, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["ok", "info", "not_checked", "warning", "error"]
"""How a finding is meant: all is well; good to know; nobody may ask; conversations can be lost or
delayed; something does not work, or will not."""

LEVELS: tuple[Level, ...] = ("ok", "info", "not_checked", "warning", "error")
"""From the best to the worst."""

Fact: TypeAlias = str | int | float | bool | tuple[str, ...] | None


class Finding(msgspec.Struct, frozen=True):
    """What one check found.

    Attributes:
        check: the name of the check, such as ``eviction``; it stays the same in later versions.
        level: ``ok``, ``info``, ``not_checked``, ``warning`` or ``error``.
        text: what is, in one line; or why it was not checked.
        advice: what to do about it; empty where there is nothing to do.
        nodes: which of several nodes are meant; empty where there is one, or where it is true of
            all.
        facts: what the text was composed from, by name.
    """

    check: str
    level: Level
    text: str
    advice: str = ""
    nodes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = {}

    def to_dict(self) -> dict[str, object]:
        """The finding as JSON can hold it."""
        return {
            "check": self.check,
            "level": self.level,
            "text": self.text,
            "advice": self.advice,
            "nodes": list(self.nodes),
            "facts": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.facts.items()
            },
        }

    @property
    def line(self) -> str:
        """Nodes, text and advice in one line."""
        where = f"{', '.join(self.nodes)}: " if self.nodes else ""
        return where + self.text + (f"; {self.advice}" if self.advice else "")


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found out about a store; ``str()`` makes a table of it.

    It holds no secret and no text of messages; ids of sessions stand in it where something is wrong
    with them.

    Attributes:
        address: where the store is, without secrets.
        findings: in the order of the checks, one or more for each.
    """

    address: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst level that was found."""
        return max((one.level for one in self.findings), key=LEVELS.index, default="ok")

    def of(self, *levels: Level) -> tuple[Finding, ...]:
        """The findings of these levels.

        Args:
            *levels: any of `Level`.
        """
        return tuple(one for one in self.findings if one.level in levels)

    def to_dict(self) -> dict[str, object]:
        """The diagnosis as JSON can hold it; the names of its fields stay the same."""
        return {
            "address": self.address,
            "level": self.level,
            "errors": len(self.of("error")),
            "warnings": len(self.of("warning")),
            "not_checked": len(self.of("not_checked")),
            "findings": [one.to_dict() for one in self.findings],
        }

    @property
    def summary(self) -> str:
        """How many of which level, in words."""
        errors, warnings, unknown = (
            len(self.of(level)) for level in ("error", "warning", "not_checked")
        )
        parts = [counted(errors, "error"), counted(warnings, "warning")]
        if unknown:
            parts.append(f"{unknown} not checked")
        return ", ".join(parts)

    def lines(self) -> list[str]:
        """One line for each finding: its level, its check and what it says, in columns."""
        checks = max((len(one.check) for one in self.findings), default=0)
        return [
            f"{words(one.level):<{_LEVEL}}  {one.check:<{checks}}  {one.line}"
            for one in self.findings
        ]

    def __str__(self) -> str:
        return "\n".join(harmless(line) for line in (self.address, *self.lines(), self.summary))


def words(level: Level) -> str:
    """A level as people read it."""
    return level.replace("_", " ")


_LEVEL = max(len(words(level)) for level in LEVELS)


def harmless(text: str) -> str:
    """The text with all that is not printable written out: a server's own words can hold any."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def gathered(found: Iterable[tuple[str, Finding]]) -> list[Finding]:
    """Findings of several nodes, those that say the same as one.

    Args:
        found: of each node, with its address; findings of one check must follow one another only
            within a node.
    """
    pairs = list(found)
    everywhere = len({address for address, _ in pairs})
    same: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for address, one in pairs:
        key = (one.check, one.level, one.text, one.advice)
        same.setdefault(key, (one, []))[1].append(address)
    order = list(dict.fromkeys(one.check for _, one in pairs))
    return [
        one if len(nodes) == everywhere else msgspec.structs.replace(one, nodes=tuple(nodes))
        for one, nodes in sorted(same.values(), key=lambda entry: order.index(entry[0].check))
    ]


def counted(number: int, what: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """A few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
