"""A read that appends first: what is lost after the append does not make it forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from redialog import Message, RollingSummary, Session, TransportError
from redialog.summary import Summarizer
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

Behind = tuple[FaultProxy, Server]
OLDER = [made(f"m{number}") for number in range(150) for made in (Message.user, Message.assistant)]
QUESTION = Message.user("Which one?")


def asked(chat: Session) -> int:
    """How often the question is stored."""
    return [message.text for message in chat.messages()].count(QUESTION.text)


@pytest.mark.parametrize("kind", ["window", "context"])
def test_a_lost_page_says_that_the_append_is_there(
    behind: Behind, connect: Connect, kind: str
) -> None:
    """The call under the error's token stores nothing more, and reads."""
    proxy, _ = behind
    chat = connect(proxy.url).session("s")
    chat.append(*OLDER)
    chat.context(window_turns=1)  # teaches the scripts

    def read(key: str | None = None) -> Sequence[Message]:
        if kind == "window":
            return chat.window(messages=250, append=QUESTION, idempotency_key=key)
        return chat.context(append=QUESTION, idempotency_key=key).messages

    proxy.drop_request(2, match=b"LRANGE", times=99)
    with pytest.raises(TransportError) as caught:
        read()
    proxy.clear()
    assert asked(chat) == 1
    assert caught.value.maybe_applied
    found = read(caught.value.token)
    assert found[-1].text == QUESTION.text
    assert len(found) >= 250
    assert asked(chat) == 1


def test_a_lost_look_after_a_fold_changes_nothing(behind: Behind, connect: Connect) -> None:
    """What was seen before the fold is as good; without an append, the call can be repeated."""
    proxy, _ = behind
    chat = connect(proxy.url).session("s")
    chat.append(*OLDER)
    teaching = RollingSummary(lambda *_: "short", trigger_tokens=100)
    assert chat.fork().compact(teaching) is not None
    policy = RollingSummary(_losing(proxy), trigger_tokens=100)
    made = chat.context(max_tokens=200, summarizer=policy, append=QUESTION)
    proxy.clear()
    assert made.messages[-1].text == QUESTION.text
    assert chat.summary() is not None
    assert asked(chat) == 1
    chat.append(*OLDER)
    with pytest.raises(TransportError):
        chat.context(max_tokens=200, summarizer=policy)
    proxy.clear()


def _losing(proxy: FaultProxy) -> Summarizer:
    """A summariser, after which no message can be read."""

    def summarize(previous: str | None, messages: Sequence[Message]) -> str:
        proxy.drop_request(match=b"LRANGE", times=99)
        return "short"

    return summarize
