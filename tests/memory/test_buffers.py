"""Buffers: all that was said, or the newest exchanges, in turns or in tokens."""

from __future__ import annotations

from typing import Any

import pytest

from redialog import ChatMemory, ConfigurationError, Message, Session, ToolCall
from redialog.errors import CounterError
from redialog.memory import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationTokenBufferMemory,
)
from redialog.summary import RollingSummary
from tests.memory.conftest import Ground
from tests.memory.tools import Recorder, words
from tests.support.servers import Server

FOUR = [f"Human: q{n}\nAI: a{n}" for n in range(4)]
CALL = ToolCall("get", {}, "c1")
ASKED = Message.assistant(tool_calls=[CALL])
TOLD = Message.tool("21", tool_call_id="c1")


def texts(messages: list[Message]) -> list[str]:
    """What they say."""
    return [message.text for message in messages]


def test_the_whole_conversation(ground: Ground) -> None:
    """Under ``history``, as text or as messages; also what others have stored."""
    memory = ConversationBufferMemory(session=ground.session)
    assert memory.memory_variables == ["history"]
    assert ground.load(memory) == ""
    ground.talk(memory, 4)
    assert ground.load(memory) == "\n".join(FOUR)
    ground.chat.append(Message.user("more"))
    memory.return_messages = True
    assert ground.load(memory) == ground.chat.messages()
    named = ConversationBufferMemory(session=ground.session, memory_key="said")
    assert named.memory_variables == ["said"]
    assert ground.load(named).endswith("\nHuman: more")


def test_clear_deletes_the_session(ground: Ground) -> None:
    """There is nothing afterwards; another clear is no error."""
    memory = ConversationBufferMemory(session=ground.session, return_messages=True)
    ground.talk(memory, 2)
    ground.clear(memory)
    assert (ground.load(memory), ground.chat.info().exists) == ([], False)
    ground.clear(memory)


@pytest.mark.parametrize(
    ("k", "history"), [(0, ""), (1, FOUR[3]), (2, "\n".join(FOUR[2:])), (5, "\n".join(FOUR))]
)
def test_a_window_holds_the_newest_exchanges(ground: Ground, k: int, history: str) -> None:
    """As many as LangChain's, the newest last; none at all where that is wanted."""
    memory = ConversationBufferWindowMemory(k, session=ground.session)
    ground.talk(memory, 4)
    assert ground.load(memory) == history
    assert ground.chat.count() == 8


def test_a_window_has_five_exchanges_unless_told(chat: Session) -> None:
    """As LangChain's; the number can be changed later."""
    memory = ConversationBufferWindowMemory(session=chat)
    for number in range(9):
        memory.save_context({"i": f"q{number}"}, {"o": "a"})
    assert memory.buffer_as_str.startswith("Human: q4\n")
    memory.k = 1
    assert memory.buffer_as_str == "Human: q8\nAI: a"


def test_a_window_counts_exchanges_and_not_messages(ground: Ground) -> None:
    """What belongs to an exchange stays with it: several user messages, tools, and so on."""
    memory = ConversationBufferWindowMemory(k=1, session=ground.session, return_messages=True)
    ground.talk(memory, 2)
    said = [Message.user("a"), Message.user("b"), ASKED, TOLD, Message.assistant("c")]
    ground.chat.append(*said)
    assert texts(ground.load(memory)) == ["a", "b", "", "21", "c"]


def test_a_window_is_of_what_was_said_and_not_of_a_summary(ground: Ground) -> None:
    """The newest exchanges are there word for word, though a summary covers some of them."""
    memory = ConversationBufferWindowMemory(k=3, session=ground.session)
    ground.talk(memory, 6, words=20)
    policy = RollingSummary(Recorder(), trigger_tokens=60, keep_turns=1)
    assert ground.chat.compact(policy, counter=words) is not None
    history = ground.load(memory)
    assert history.startswith("Human: q3 q3")
    assert "messages" not in history


def test_a_window_reads_the_newest_part_alone(chat: Session, server: Server) -> None:
    """What comes out of Redis does not grow with the conversation."""
    chat.append(*(Message.user(f"{n} {'x' * 1000}") for n in range(500)))
    chat.append(Message.user("q"), Message.assistant("a"))
    memory = ConversationBufferWindowMemory(k=1, session=chat)
    with server.client() as client:
        before = client.info()["total_net_output_bytes"]
        assert memory.buffer_as_str.endswith("\nHuman: q\nAI: a")
        # A run of user messages is one turn: it is read to its beginning.
        whole = client.info()["total_net_output_bytes"] - before
        chat.append(Message.user("q"), Message.assistant("a"))
        before = client.info()["total_net_output_bytes"]
        assert memory.buffer_as_str == "Human: q\nAI: a"
        assert client.info()["total_net_output_bytes"] - before < whole / 10


@pytest.mark.parametrize("k", [-1, True, 1.5, "2", None])
def test_a_window_of_no_number_is_refused(chat: Session, k: Any) -> None:
    """When the memory is made, and where it is changed later."""
    with pytest.raises(ConfigurationError, match="k must be a whole number"):
        ConversationBufferWindowMemory(k, session=chat)
    memory = ConversationBufferWindowMemory(session=chat)
    memory.k = k
    with pytest.raises(ConfigurationError, match="k must be a whole number"):
        memory.load_memory_variables({})


@pytest.mark.parametrize(
    ("limit", "exchanges"), [(0, 0), (13, 0), (14, 1), (27, 1), (28, 2), (56, 4), (999, 4)]
)
def test_a_token_buffer_holds_what_fits(ground: Ground, limit: int, exchanges: int) -> None:
    """Whole exchanges, the newest last; each has 2 * (3 + 4) tokens here. The log keeps all."""
    memory = ConversationTokenBufferMemory(limit, counter=words, session=ground.session)
    ground.talk(memory, 4, words=3)
    lines = [f"Human: q{n} q{n} q{n}\nAI: a{n} a{n} a{n}" for n in range(4)]
    assert ground.load(memory) == "\n".join(lines[4 - exchanges :])
    assert ground.chat.count() == 8


def test_a_message_that_is_too_large_leaves_no_history(ground: Ground) -> None:
    """It does not fail the chat; the next exchange is there again."""
    memory = ConversationTokenBufferMemory(
        max_token_limit=30, counter=words, session=ground.session, return_messages=True
    )
    ground.talk(memory, 1)
    ground.save(memory, {"i": "w " * 100}, {"o": "a"})
    assert ground.load(memory) == []
    ground.save(memory, {"i": "q"}, {"o": "a"})
    assert texts(ground.load(memory)) == ["q", "a"]


def test_a_token_buffer_keeps_leading_system_messages_and_a_summary(ground: Ground) -> None:
    """Both count: it holds what a context of that many tokens does."""
    ground.chat.append(Message.system("Be brief."))
    memory = ConversationTokenBufferMemory(
        max_token_limit=80, counter=words, session=ground.session, return_messages=True
    )
    ground.talk(memory, 8, words=3)
    assert texts(ground.load(memory))[0] == "Be brief."
    policy = RollingSummary(Recorder(), trigger_tokens=60, keep_turns=1)
    assert ground.chat.compact(policy, counter=words) is not None
    found = ground.load(memory)
    assert found == ground.chat.context(max_tokens=80, counter=words).messages
    assert found[1].text.endswith("messages")


def test_a_token_buffer_has_2000_tokens_by_the_estimate_unless_told(chat: Session) -> None:
    """As LangChain's limit is."""
    memory = ConversationTokenBufferMemory(session=chat, return_messages=True)
    assert (memory.max_token_limit, memory.counter) == (2000, None)
    chat.append(*(Message.user(f"{n} " + "some words " * 40) for n in range(100)))
    chat.append(Message.user("q"), Message.assistant("a"))
    assert memory.buffer_as_messages == chat.context(max_tokens=2000).messages
    assert 2 <= len(memory.buffer_as_messages) < 60


@pytest.mark.parametrize("limit", [-1, True, 1.5, "2", None])
def test_a_limit_of_no_number_is_refused(chat: Session, limit: Any) -> None:
    """When the memory is made, and where it is changed later."""
    with pytest.raises(ConfigurationError, match="max_token_limit must be a whole number"):
        ConversationTokenBufferMemory(limit, session=chat)
    memory = ConversationTokenBufferMemory(session=chat)
    memory.max_token_limit = limit
    with pytest.raises(ConfigurationError, match="max_token_limit must be a whole number"):
        memory.load_memory_variables({})


def test_a_counter_that_fails_is_told_and_no_empty_history(ground: Ground) -> None:
    """Only a limit that is too small leaves none."""
    with pytest.raises(ConfigurationError):
        ConversationTokenBufferMemory(session=ground.session, counter=5)  # type: ignore[arg-type]
    memory = ConversationTokenBufferMemory(session=ground.session, counter=lambda _: -1)
    ground.talk(memory, 1)
    with pytest.raises(CounterError):
        ground.load(memory)


def whole(chat: Session) -> list[Any]:
    """One memory of each kind, with room for everything."""
    return [
        ConversationBufferMemory(session=chat, return_messages=True),
        ConversationBufferWindowMemory(9, session=chat, return_messages=True),
        ConversationTokenBufferMemory(session=chat, return_messages=True),
    ]


def test_what_no_model_may_be_given_is_left_out(chats: ChatMemory, server: Server) -> None:
    """Calls without their results, results without their call, damage, and removals."""
    chat = chats.session("s")
    chat.append(Message.user("q"), TOLD, ASKED, Message.user("again"), Message.assistant("a"))
    with server.client() as client:
        client.lpush(chat._plan.keys.log, "{damaged", '{"type":"remove","data":{"id":"1"}}')
    for memory in whole(chat):
        assert texts(memory.buffer) == ["q", "again", "a"]


def test_a_call_with_its_results_is_given_whole(chats: ChatMemory) -> None:
    """Also where the user spoke in between."""
    chat = chats.session("s")
    chat.append(Message.user("q"), ASKED, Message.user("hurry"), TOLD, Message.assistant("a"))
    for memory in whole(chat):
        assert texts(memory.buffer) == ["q", "", "hurry", "21", "a"]
    window = ConversationBufferWindowMemory(1, session=chat, return_messages=True)
    assert texts(window.buffer_as_messages) == ["q", "", "hurry", "21", "a"]
