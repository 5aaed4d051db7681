"""Each library that reads and writes sessions, behind one small interface."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from redialog import ChatMemory, nodes
from redialog.integrations import langchain as adapter
from tests.interop import messages
from tests.interop.javascript import Peer
from tests.interop.kinds import Family, Kind
from tests.interop.messages import Told

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`langchain-community` is being sunset", DeprecationWarning)
    from langchain_community import chat_message_histories as community


TITLES: dict[Family, str] = {
    "redialog": "redialog",
    "adapter": "redialog for LangChain",
    "node": "redialog's nodes",
    "python": "LangChain Python",
    "javascript": "LangChain JS",
    "flowise": "Flowise's nodes",
}
"""Of the families, in the order of the tables."""


@dataclass(frozen=True)
class Place:
    """One Redis, and the ways to it.

    Args:
        url: of the server.
        rest: of a gateway before it.
        token: for the gateway.
        peer: node, with the packages of JavaScript.
        kept: histories for LangChain in Python; the client of one for Upstash takes long to make.
    """

    url: str
    rest: str
    token: str
    peer: Peer
    kept: dict[PythonHistory, Any] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, str]:
        """For another process."""
        return {"url": self.url, "rest": self.rest, "token": self.token}


class Library(Protocol):
    """A reader and writer; a session is named by its whole key.

    Attributes:
        family: what it is one of.
        short: which of them it is.
    """

    family: Family
    short: str

    def write(self, place: Place, key: str, kinds: Sequence[Kind], ttl: int | None = None) -> None:
        """Appends messages, oldest first, as an application would."""

    def read(self, place: Place, key: str) -> list[Told]:
        """What it sees, oldest first."""

    def clear(self, place: Place, key: str) -> None:
        """Deletes the session."""


def split(key: str) -> tuple[str, str]:
    """A key's prefix of LangChain in Python, where it has that, and its session id."""
    prefix = "message_store:" if key.startswith("message_store:") else ""
    return prefix, key.removeprefix(prefix)


class Core:
    """`ChatMemory` with a prefix."""

    family: Family = "redialog"
    short = "ChatMemory"

    def _memory(self, place: Place, key: str, ttl: int | None = None) -> ChatMemory:
        return ChatMemory.from_url(place.url, key_prefix=split(key)[0], ttl=ttl)

    def write(self, place: Place, key: str, kinds: Sequence[Kind], ttl: int | None = None) -> None:
        with self._memory(place, key, ttl) as memory:
            made = [messages.made(kind.type, kind.fields) for kind in kinds]
            memory.session(split(key)[1]).append(*made)

    def read(self, place: Place, key: str) -> list[Told]:
        with self._memory(place, key) as memory:
            return [messages.told(one) for one in memory.session(split(key)[1]).messages()]

    def clear(self, place: Place, key: str) -> None:
        with self._memory(place, key) as memory:
            memory.session(split(key)[1]).clear()


class PythonHistory:
    """A chat history for LangChain in Python."""

    def __init__(self, family: Family, short: str, kind: Any, *, rest: bool) -> None:
        self.family = family
        self.short = short
        self._kind = kind
        self._rest = rest

    @contextlib.contextmanager
    def history(self, place: Place, key: str, ttl: int | None = None) -> Iterator[Any]:
        """The history of a session."""
        prefix, session_id = split(key)
        if self.family == "adapter":
            history = self._made(place, session_id, prefix, ttl)
            try:
                yield history
            finally:
                history.close()
            return
        history = place.kept.get(self)
        if history is None:
            history = place.kept[self] = self._made(place, session_id, prefix, ttl)
        history.session_id, history.key_prefix, history.ttl = session_id, prefix, ttl
        yield history

    def _made(self, place: Place, session_id: str, prefix: str, ttl: int | None) -> Any:
        where = {"url": place.rest, "token": place.token} if self._rest else {"url": place.url}
        return self._kind(session_id, **where, key_prefix=prefix, ttl=ttl)

    def write(self, place: Place, key: str, kinds: Sequence[Kind], ttl: int | None = None) -> None:
        with self.history(place, key, ttl) as history:
            made = [messages.langchain_made(kind.type, kind.fields) for kind in kinds]
            history.add_messages(made)

    def read(self, place: Place, key: str) -> list[Told]:
        with self.history(place, key) as history:
            return [messages.langchain_told(one) for one in history.messages]

    def clear(self, place: Place, key: str) -> None:
        with self.history(place, key) as history:
            history.clear()


class Node:
    """A node of the visual builders; what it reads are what it calls base messages."""

    family: Family = "node"

    def __init__(self, short: str, name: str, *, rest: bool) -> None:
        self.short = short
        self._name = name
        self._rest = rest

    def node(self, place: Place, key: str, ttl: int | None = None, **inputs: object) -> Any:
        """The node, with its inputs as a flow file has them."""
        prefix, session_id = split(key)
        told = {"sessionId": session_id, "sessionTTL": str(ttl or ""), "keyPrefix": prefix}
        credential = {"name": "redisCacheUrlApi", "redisUrl": place.url}
        if self._rest:
            told["baseURL"] = place.rest
            credential = {"name": "upstashRedisMemoryApi", "upstashRestToken": place.token}
        return nodes.made(self._name, told | inputs, credential)

    def write(self, place: Place, key: str, kinds: Sequence[Kind], ttl: int | None = None) -> None:
        with self.node(place, key, ttl) as node:
            node.add_chat_messages([self._made(kind) for kind in kinds])

    def _made(self, kind: Kind) -> object:
        if "flowise" not in kind.by:
            return messages.langchain_made(kind.type, kind.fields)
        said = "userMessage" if kind.type == "human" else "apiMessage"
        return {"text": kind.fields["content"], "type": said}

    def read(self, place: Place, key: str) -> list[Told]:
        with self.node(place, key) as node:
            return [messages.told(one) for one in node.get_chat_messages("", True)]

    def clear(self, place: Place, key: str) -> None:
        with self.node(place, key) as node:
            node.clear_chat_messages()


class JavaScript:
    """A history or a node that runs in the other process."""

    def __init__(self, family: Family, short: str, library: str) -> None:
        self.family = family
        self.short = short
        self.library = library

    def ask(self, place: Place, key: str, does: str, **more: object) -> Any:
        """One request."""
        about = {"library": self.library, "place": place.plain, "key": key}
        return place.peer.ask(**about, does=does, **more)

    def write(self, place: Place, key: str, kinds: Sequence[Kind], ttl: int | None = None) -> None:
        self.ask(place, key, "write", messages=[kind.plain for kind in kinds], ttl=ttl)

    def read(self, place: Place, key: str) -> list[Told]:
        found: list[Mapping[str, Any]] = self.ask(place, key, "read")
        return [messages.normal(one["type"], one["fields"]) for one in found]

    def clear(self, place: Place, key: str) -> None:
        self.ask(place, key, "clear")


CORE = Core()
HISTORY = PythonHistory("adapter", "Redis", adapter.RedisChatMessageHistory, rest=False)
UPSTASH_HISTORY = PythonHistory(
    "adapter", "Upstash", adapter.UpstashRedisChatMessageHistory, rest=True
)
NODE = Node("Redis", "RedisBackedChatMemory", rest=False)
UPSTASH_NODE = Node("Upstash", "upstashRedisBackedChatMemory", rest=True)
PYTHON = PythonHistory("python", "Redis", community.RedisChatMessageHistory, rest=False)
UPSTASH_PYTHON = PythonHistory(
    "python", "Upstash", community.UpstashRedisChatMessageHistory, rest=True
)
NODE_REDIS = JavaScript("javascript", "node-redis", "node-redis")
IOREDIS = JavaScript("javascript", "ioredis", "ioredis")
UPSTASH_JS = JavaScript("javascript", "Upstash", "upstash")
FLOWISE = JavaScript("flowise", "Redis", "flowise redis")
UPSTASH_FLOWISE = JavaScript("flowise", "Upstash", "flowise upstash")

OURS: tuple[Library, ...] = (CORE, HISTORY, UPSTASH_HISTORY, NODE, UPSTASH_NODE)
OTHERS: tuple[Library, ...] = (
    PYTHON,
    UPSTASH_PYTHON,
    NODE_REDIS,
    IOREDIS,
    UPSTASH_JS,
    FLOWISE,
    UPSTASH_FLOWISE,
)
LIBRARIES = (*OURS, *OTHERS)


def name_of(library: Library) -> str:
    """Its name, as tests and errors give it."""
    return f"{TITLES[library.family]}, {library.short}"
