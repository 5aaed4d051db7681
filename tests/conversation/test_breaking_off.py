"""A blocking conversation that is broken off: nothing is lost, and nothing is stored twice."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from redialog import ChatMemory, Message, MessageTooLarge, Session, TransportError
from redialog.conversation import Conversation
from redialog.models import ModelError
from tests.conversation.models import ANSWER, PIECES, Asked, metadata, said, yielding
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

QUESTION = "What is my locker code?"
TURN = [("user", QUESTION), ("assistant", ANSWER)]
CUT = [{}, {"interrupted": True}]


def test_nobody_reads_on(memory: ChatMemory) -> None:
    """A stream that is closed early stores what was read, and marks it."""
    with closing(Conversation(memory.session("s"), yielding).stream(QUESTION)) as stream:
        assert [next(stream), next(stream)] == PIECES[:2]
        assert said(memory) == []
    assert said(memory) == [("user", QUESTION), ("assistant", "It is 4417")]
    assert metadata(memory) == CUT


def test_a_stream_that_is_dropped(memory: ChatMemory) -> None:
    """So does one that nobody holds any longer."""
    for piece in Conversation(memory.session("s"), yielding).stream(QUESTION):
        assert piece == PIECES[0]
        break
    assert said(memory) == [("user", QUESTION), ("assistant", PIECES[0])]
    assert metadata(memory) == CUT


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_in_the_model(memory: ChatMemory, interrupt: type[BaseException]) -> None:
    """It goes through, after what came was stored."""

    def model(_: Any) -> Generator[str, None, None]:
        yield PIECES[0]
        raise interrupt

    with pytest.raises(interrupt):
        Conversation(memory.session("s"), model).ask(QUESTION)
    assert said(memory) == [("user", QUESTION), ("assistant", PIECES[0])]
    assert metadata(memory) == CUT


class Interrupted(Session):
    """A session in whose methods Ctrl-C is pressed, before or after they have done their work."""

    presses: tuple[str, ...] = ()
    after = False

    def context(self, **options: Any) -> Any:
        """Reads, or is interrupted."""
        if "context" in self.presses:
            raise KeyboardInterrupt
        return super().context(**options)

    def append(self, *messages: Any, idempotency_key: str | None = None) -> list[Message]:
        """Stores, and is interrupted the first time."""
        if "append" not in self.presses:
            return super().append(*messages, idempotency_key=idempotency_key)
        self.presses = ()
        if self.after:
            super().append(*messages, idempotency_key=idempotency_key)
        raise KeyboardInterrupt


def interrupted(memory: ChatMemory, *presses: str, after: bool = False) -> Interrupted:
    """The session ``s``, with Ctrl-C pressed in these methods."""
    session = memory.session("s")
    made = Interrupted(session._transport, session._plan)
    made.presses, made.after = presses, after
    return made


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_while_it_is_stored(memory: ChatMemory, after: bool) -> None:
    """Before the write or after it, the turn is stored once, and whole."""
    with pytest.raises(KeyboardInterrupt):
        Conversation(interrupted(memory, "append", after=after), yielding).ask(QUESTION)
    assert said(memory) == TURN
    assert metadata(memory) == [{}, {}]


def test_an_interrupt_while_the_session_is_read(memory: ChatMemory) -> None:
    """The question is stored: it was said."""
    model = Asked()
    with pytest.raises(KeyboardInterrupt):
        Conversation(interrupted(memory, "context"), model).ask(QUESTION)
    assert model.seen == []
    assert said(memory) == [("user", QUESTION)]


def test_an_interrupt_in_a_turn_is_not_tried_again(memory: ChatMemory) -> None:
    """Whoever takes the steps decides that: a further call stores the same turn once."""
    turn = Conversation(interrupted(memory, "append", after=True), yielding).turn(QUESTION)
    list(turn.pieces())
    with pytest.raises(KeyboardInterrupt):
        turn.store()
    assert turn.stored == []
    assert [message.text for message in turn.store()] == [QUESTION, ANSWER]
    assert said(memory) == TURN


def test_a_lost_reply(server: Server) -> None:
    """A turn whose append is not confirmed is stored once."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        talk = Conversation(memory.session("s"), yielding)
        talk.ask("one")
        proxy.cut_reply(match=b"two")
        talk.ask("two")
        assert said(memory) == [("user", "one"), TURN[1], ("user", "two"), TURN[1]]


def test_a_store_that_goes_while_the_model_speaks(server: Server, memory: ChatMemory) -> None:
    """All pieces were given; once the store is back, the same turn can be stored."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as behind,
    ):

        def model(_: Any) -> Generator[str, None, None]:
            yield from PIECES
            proxy.refuse()
            proxy.cut_all()

        turn = Conversation(behind.session("s"), model).turn(QUESTION)
        assert list(turn.pieces()) == PIECES
        with pytest.raises(TransportError):
            turn.store()
        assert said(memory) == []
        proxy.accept()
        turn.store()
    assert said(memory) == TURN


def test_an_answer_that_is_too_large(server: Server) -> None:
    """It is an error, and nothing is stored: neither half of the turn."""
    with ChatMemory.from_url(server.url, max_message_bytes=300) as memory:
        with pytest.raises(MessageTooLarge):
            Conversation(memory.session("s"), Asked("x" * 300)).ask(QUESTION)
        assert said(memory) == []


def test_a_failure_beside_a_failure(memory: ChatMemory) -> None:
    """Where the turn cannot be stored either, the model's error is still in the chain."""

    def model(_: Any) -> Generator[str, None, None]:
        memory.close()
        raise ModelError("the model is down")
        yield

    with pytest.raises(Exception, match="closed") as caught:
        Conversation(memory.session("s"), model).ask(QUESTION)
    assert isinstance(caught.value.__context__, ModelError)
