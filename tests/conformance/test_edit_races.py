"""Edits that others come between: after the message was found, and after a reply was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from redialog import ChatMemory, Conflict, Message, Session, scripts
from redialog.effect import Batch, Replies, Transport
from redialog.testing.conformance._tools import LAYOUTS, texts
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

EDITS: dict[str, Callable[[Session], object]] = {
    "replace": lambda chat: chat.replace("b", Message.user("new")).text,
    "remove": lambda chat: chat.remove("b"),
    "rewind": lambda chat: chat.rewind("b"),
}
ANSWERS = {"replace": "new", "remove": True, "rewind": 2}
AFTER = {
    "replace": ["a", "new", "c", "d"],
    "remove": ["a", "c", "d"],
    "rewind": ["a", "b"],
}


class _Interrupted:
    """A transport before whose second batch something else happens."""

    def __init__(self, inner: Transport, between: Callable[[], object]) -> None:
        self.address = inner.address
        self.patience = inner.patience
        self._inner = inner
        self._between = between
        self._sent = 0

    def execute(self, batch: Batch, within: float | None = None) -> Replies:
        """Sends it."""
        self._sent += 1
        if self._sent == 2:
            self._between()
        return self._inner.execute(batch, within)

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """Somebody else's."""
    with ChatMemory.from_url(server.url) as made:
        yield made


def _begun(memory: ChatMemory) -> Session:
    chat = memory.session("s")
    chat.append(*(Message.user(text, id=text) for text in "abcd"))
    return chat


def _edited(server: Server, name: str, between: Callable[[], object]) -> object:
    with ChatMemory.from_url(server.url) as mine:
        mine._transport = _Interrupted(mine._transport, between)
        return EDITS[name](mine.session("s"))


@pytest.mark.parametrize("name", EDITS)
def test_a_message_that_was_changed_after_it_was_found_is_left(
    server: Server, memory: ChatMemory, name: str
) -> None:
    """Its bytes are compared where they lie: the other change stands."""
    chat = _begun(memory)
    with pytest.raises(Conflict):
        _edited(server, name, lambda: chat.replace("b", Message.user("theirs")))
    assert texts(chat.messages()) == ["a", "theirs", "c", "d"]


@pytest.mark.parametrize("name", EDITS)
def test_a_message_that_was_moved_after_it_was_found_is_found_again(
    server: Server, memory: ChatMemory, name: str
) -> None:
    """An older one went: no other message is met in its place."""
    chat = _begun(memory)
    assert _edited(server, name, lambda: chat.remove("a")) == ANSWERS[name]
    assert texts(chat.messages()) == AFTER[name][1:]


@LAYOUTS
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_whose_reply_is_lost_is_done_once(
    server: Server, prefix: str | None, name: str
) -> None:
    """It is sent again under its token, and answers as if nothing had been lost."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url, key_prefix=prefix) as memory,
    ):
        chat = _begun(memory)
        proxy.cut_reply(match=scripts.get("edit").sha)
        with server.client() as raw:
            raw.script_load(scripts.get("edit").body.decode())
        assert EDITS[name](chat) == ANSWERS[name]
        assert proxy.connections == 2
        assert texts(chat.messages()) == AFTER[name]
