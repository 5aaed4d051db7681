"""What servers say of themselves, as plain values.

Whatever a server refuses to tell is `Unknown` and says why: nothing fails for want of a permission.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from redialog import replies
from redialog.effect import CommandError, Reply
from redialog.errors import RedialogError

T = TypeVar("T")
Version: TypeAlias = tuple[int, int, int]

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
UNREACHABLE, LOST = "UNREACHABLE", "LOST"
"""Where a node does not answer; where it answers, but not to these questions."""

# Servers that speak the protocol and are not Redis or Valkey, by the field of INFO that gives them
# away. They tell a version of Redis, too.
_OTHERS = {
    "valkey_version": "Valkey",
    "dragonfly_version": "Dragonfly",
    "kvrocks_version": "Kvrocks",
    "garnet_version": "Garnet",
    "upstash_version": "Upstash",
}


class Unknown(msgspec.Struct, frozen=True):
    """What could not be found out.

    Attributes:
        why: in words.
        code: of the server's error; empty where it gave none.
    """

    why: str
    code: str = ""


def unknown(error: CommandError, name: str) -> Unknown:
    """Why a question got an error.

    Args:
        error: of the server. Its text is not shown: it can quote anything.
        name: of the command, as people know it.
    """
    if error.code == UNREACHABLE:
        return Unknown("the node does not answer", error.code)
    if error.code == LOST:
        return Unknown(f"there was no answer to {name}", error.code)
    if error.code == "NOPERM":
        return Unknown(f"the ACL user may not run {name}", error.code)
    if error.text.lower().startswith("unknown "):
        return Unknown(f"the server has no {name}", "UNKNOWN")
    return Unknown(f"the server refused {name} ({error.code})", error.code)


class Info(msgspec.Struct, frozen=True):
    """What ``INFO`` told.

    Attributes:
        fields: by name.
        modules: names of the modules that are loaded.
    """

    fields: Mapping[str, str]
    modules: tuple[str, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """A field."""
        return self.fields.get(name, default)

    def number(self, name: str) -> int | None:
        """A field that is a whole number; None where there is none."""
        return whole(self.fields.get(name))


class Node(msgspec.Struct, frozen=True):
    """What one node answered.

    Attributes:
        address: of the node.
        info: of ``INFO``.
        hello: of ``HELLO``: less, and less guarded.
        config: of ``CONFIG GET``.
        time_ms: by its clock.
        user: who the connection is.
        replay: whether the default user may run each command of a replayed AOF.
        probe: what the user may not run; by the script that asks.
        repeated: the same script's answer when it was called by its digest.
        cluster: of ``CLUSTER INFO``.
        nodes: of ``CLUSTER NODES``.
    """

    address: str
    info: Info | Unknown
    hello: Mapping[str, str] | Unknown
    config: Mapping[str, str] | Unknown
    time_ms: int | Unknown
    user: str | Unknown
    replay: tuple[bool, ...] | Unknown
    probe: tuple[str, ...] | Unknown
    repeated: tuple[str, ...] | Unknown
    cluster: Mapping[str, str] | Unknown
    nodes: tuple[str, ...] | Unknown

    @property
    def reached(self) -> bool:
        """Whether it answered at all."""
        return not (isinstance(self.info, Unknown) and self.info.code == UNREACHABLE)

    def field(self, name: str, default: str = "") -> str:
        """A field of ``INFO``; empty where it is not known."""
        return default if isinstance(self.info, Unknown) else self.info.get(name, default)

    def number(self, name: str) -> int | None:
        """The same for a whole number; None where it is not known."""
        return None if isinstance(self.info, Unknown) else self.info.number(name)

    def setting(self, name: str) -> str | None:
        """A setting of the server; None where it is not known."""
        return None if isinstance(self.config, Unknown) else self.config.get(name)

    @property
    def clustered(self) -> bool:
        """Whether it belongs to a Cluster."""
        mode = "" if isinstance(self.hello, Unknown) else self.hello.get("mode", "")
        return self.field("redis_mode", mode) == "cluster"

    @property
    def product(self) -> tuple[str, str]:
        """The name of the server and its version; empty where they are not known."""
        if not isinstance(self.info, Unknown):
            for name, product in _OTHERS.items():
                if name in self.info.fields:
                    return product, self.info.get(name)
            if "redis_version" in self.info.fields:
                return "Redis", self.info.get("redis_version")
        if not isinstance(self.hello, Unknown):
            return self.hello.get("server", "").capitalize(), self.hello.get("version", "")
        return "", ""


def version(text: str) -> Version | None:
    """The parts of a version; None where it is none."""
    found = _VERSION.match(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def whole(text: str | None) -> int | None:
    """A whole number; None where it is none."""
    return int(text) if text and len(text) < 19 and re.fullmatch(r"-?\d+", text) else None  # noqa: PLR2004


def lines(reply: Reply) -> list[str]:
    """A text of several lines."""
    return replies.text(reply).decode("utf-8", "replace").splitlines()


def fields(reply: Reply) -> dict[str, str]:
    """A text with a field in each line."""
    pairs = (line.partition(":") for line in lines(reply) if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in pairs if colon}


def info(reply: Reply) -> Info:
    """The answer to ``INFO``."""
    modules = (line for line in lines(reply) if line.startswith("module:"))
    names = (found[1] for line in modules if (found := re.search(r"name=([^,]*)", line)))
    return Info(fields(reply), tuple(names))


def pairs(reply: Reply) -> dict[str, str]:
    """Names and values: a flat array in RESP2, a map in RESP3; what is no text is left out."""
    if isinstance(reply, Mapping):
        found = list(reply.items())
    else:
        items = listed(reply)
        found = list(zip(items[::2], items[1::2], strict=False))
    return {
        word(name): word(value) for name, value in found if isinstance(value, bytes | str | int)
    }


def listed(reply: Reply) -> list[Reply]:
    """An array; a text is none, although it can be iterated over.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(reply, list | tuple):
        raise TypeError(type(reply).__name__)
    return list(reply)


def word(reply: Reply) -> str:
    """A text or a number as text."""
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def name(reply: Reply) -> str:
    """A text."""
    return replies.text(reply).decode("utf-8", "replace")


def milliseconds(reply: Reply) -> int:
    """The answer to ``TIME``."""
    seconds, micros = map(replies.integer, listed(reply))
    return seconds * 1000 + micros // 1000


def read(reply: Reply, name: str, parse: Callable[[Reply], T]) -> T | Unknown:
    """What a reply says, where it is of the shape that it should be.

    Args:
        reply: of the server.
        name: of the command, as people know it.
        parse: makes a value of it.
    """
    if isinstance(reply, CommandError):
        return unknown(reply, name)
    try:
        return parse(reply)
    except (RedialogError, TypeError, ValueError, IndexError):
        return Unknown(f"the answer to {name} is not one of Redis")
