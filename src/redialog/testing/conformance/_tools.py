"""What the parts of the suite share: the store that a user provides, and short helpers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from redialog.keys import OwnLayout, SessionKeys, SharedLayout
from redialog.messages import Message
from redialog.sync import ChatMemory

LAYOUTS = pytest.mark.parametrize("prefix", [None, ""], ids=["own", "shared"])


class Store(Protocol):
    """What the suite runs on: an empty database, and two ways to it.

    Attributes:
        raw: another client of the same database: a ``redis.Redis``, or what has its methods, with
            bytes in and out.
    """

    raw: Any

    def memory(self, **options: Any) -> ChatMemory:
        """A memory on the database.

        Args:
            **options: ``namespace``, ``key_prefix``, ``ttl``, ``ttl_mode``, ``max_messages`` and
                ``max_message_bytes``, as `ChatMemory.from_url` takes them.
        """
        ...


class Part:
    """A part of the suite; the fixture ``store`` is its user's."""

    @pytest.fixture
    def memory(self, store: Store) -> ChatMemory:
        """A memory with the default options."""
        return store.memory()


def texts(messages: Sequence[Message]) -> list[str]:
    """What they say."""
    return [message.text for message in messages]


def numbered(count: int, start: int = 0) -> list[Message]:
    """So many short messages that say their number."""
    return [Message.user(str(number)) for number in range(start, start + count)]


def keys_of(
    session_id: str,
    user_id: str | None = None,
    *,
    prefix: str | None = None,
    namespace: str = "default",
) -> SessionKeys:
    """The keys of a session, as ARCHITECTURE.md names them."""
    layout = OwnLayout(namespace) if prefix is None else SharedLayout(namespace, prefix)
    return layout.session(session_id, user_id)


def element(text: str, kind: str = "human", **data: object) -> bytes:
    """A message as LangChain in Python stores it, without an id unless one is given."""
    rest: dict[str, object] = {
        "additional_kwargs": {},
        "response_metadata": {},
        "type": kind,
        "name": None,
    }
    return json.dumps(
        {"type": kind, "data": {"content": text, **rest, "id": None, "example": False, **data}}
    ).encode()


def everything(raw: Any) -> dict[bytes, bytes | None]:
    """All that the database holds, to see whether anything was changed."""
    return {key: _content(raw, key) for key in raw.scan_iter("*", count=1000)}


def _content(raw: Any, key: bytes) -> bytes | None:
    if raw.type(key) != b"hash":
        found: bytes | None = raw.dump(key)
        return found
    # Its fields are in no order, and in another one the next time.
    return repr(sorted(raw.hgetall(key).items())).encode()


def tokens(raw: Any) -> list[bytes]:
    """The tokens of operations that the database remembers."""
    return list(raw.scan_iter("redialog:*op:*", count=1000))


def stages(raw: Any) -> list[bytes]:
    """The lists in which operations gather what is too large for one call."""
    return list(raw.scan_iter("redialog:*stage:*", count=1000))


def forget_tokens(raw: Any) -> None:
    """As if a minute had passed."""
    for token in tokens(raw):
        raw.delete(token)


def expire_now(raw: Any, key: bytes) -> None:
    """Lets a key expire, and waits until it has."""
    assert raw.pexpire(key, 1)
    for _ in range(100_000):
        if not raw.exists(key):
            return
    raise AssertionError(f"{key!r} does not expire")
