"""Over a chat history of LangChain's shape, which is all that `chat_memory` needs to be."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from redialog import ConfigurationError, InvalidMessage, Message, Session
from redialog.memory import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationTokenBufferMemory,
)
from tests.memory.histories import Listed, Texts, Ways, langchain_history
from tests.memory.tools import words

FOUR = [f"Human: q{n}\nAI: a{n}" for n in range(4)]


@pytest.mark.parametrize("kind", [langchain_history, Listed, Texts])
def test_every_kind_of_history_keeps_the_exchanges(ways: Ways, kind: Any) -> None:
    """They are stored as it stores them, and shown as all are."""
    history = kind()
    memory = ConversationBufferMemory(chat_memory=history)
    assert ways.load(memory) == ""
    for number in range(4):
        ways.save(memory, f"q{number}", f"a{number}")
    assert len(history.messages) == 8
    assert ways.load(memory) == "\n".join(FOUR)
    memory.return_messages = True
    assert ways.load(memory) == list(history.messages)
    ways.clear(memory)
    assert (ways.load(memory), list(history.messages)) == ([], [])


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_a_window_of_a_history(ways: Ways, k: int) -> None:
    """The newest exchanges, of messages that the history itself has."""
    history = langchain_history()
    memory = ConversationBufferWindowMemory(k, chat_memory=history)
    for number in range(4):
        ways.save(memory, f"q{number}", f"a{number}")
    assert ways.load(memory) == "\n".join(FOUR[4 - min(k, 4) :])
    memory.return_messages = True
    shown = ways.load(memory)
    assert len(shown) == 2 * min(k, 4)
    assert all(
        one is other for one, other in zip(shown[::-1], history.messages[::-1], strict=False)
    )


@pytest.mark.parametrize(("limit", "exchanges"), [(0, 0), (13, 0), (14, 1), (28, 2), (999, 4)])
def test_a_token_buffer_of_a_history(ways: Ways, limit: int, exchanges: int) -> None:
    """What fits; the history keeps all, other than LangChain's, which prunes it."""
    history = langchain_history()
    memory = ConversationTokenBufferMemory(
        limit, counter=words, chat_memory=history, return_messages=True
    )
    for number in range(4):
        ways.save(memory, f"q{number} x y", f"a{number} x y")
    assert ways.load(memory) == history.messages[8 - 2 * exchanges :]
    assert len(history.messages) == 8


def test_no_tool_call_is_cut_from_its_results_in_a_history() -> None:
    """A limit that would cut there gives less."""
    history = langchain_history()
    memory = ConversationTokenBufferMemory(20, counter=words, chat_memory=history)
    called = AIMessage("", tool_calls=[{"name": "get", "args": {}, "id": "c1"}])
    told = ToolMessage("21", tool_call_id="c1")
    history.add_messages([HumanMessage("q"), called, told, HumanMessage("q"), AIMessage("a")])
    assert memory.buffer == "Human: q\nAI: a"
    history.messages.pop(2)
    memory.max_token_limit = 999
    assert memory.buffer == "Human: q\nHuman: q\nAI: a"


def test_a_history_that_lies_on_a_session_uses_that(chat: Session) -> None:
    """So that its limits are those of the session; what it shows are its own messages."""

    class Adapter(Listed):
        session = chat

        def present(self, messages: Any) -> Any:
            return [f"<{message.text}>" for message in messages]

    history = Adapter()
    memory = ConversationBufferWindowMemory(1, chat_memory=history, return_messages=True)
    for number in range(3):
        memory.save_context({"i": f"q{number}"}, {"o": f"a{number}"})
    assert (memory.buffer, memory.buffer_as_str) == (["<q2>", "<a2>"], "Human: q2\nAI: a2")
    assert (chat.count(), history.kept) == (6, [])


def test_a_history_of_texts_takes_no_more_than_texts() -> None:
    """What it could not keep is refused, before anything is stored."""
    history = Texts()
    memory = ConversationBufferMemory(chat_memory=history)
    with pytest.raises(ConfigurationError, match="texts of the user and of the assistant alone"):
        memory.save_context({"i": "a"}, {"o": Message.tool("21", tool_call_id="c1")})
    assert history.messages == []


def test_a_value_that_is_no_message_reaches_no_history() -> None:
    """Also among messages: nothing is stored that could not be read again."""
    history = Listed()
    memory = ConversationBufferMemory(chat_memory=history)
    for value in (5, None, {"text": "x"}, [Message.assistant("a"), "b"]):
        with pytest.raises(InvalidMessage):
            memory.save_context({"i": "a"}, {"o": value})
    assert history.kept == []


@pytest.mark.parametrize("value", [5, "text", {"role": 5}, {"type": "human", "data": 5}])
def test_a_history_of_something_else_is_told(value: Any) -> None:
    """Not skipped: it may be a history of another kind altogether."""
    history = Listed()
    history.kept.append(value)
    with pytest.raises(InvalidMessage):
        ConversationBufferMemory(chat_memory=history).load_memory_variables({})


def test_a_source_is_given_and_is_one(chat: Session) -> None:
    """A session or a chat history, not both, nothing else; found out without any I/O."""

    class Remote(Listed):
        @property
        def messages(self) -> Any:
            raise AssertionError("read before it is used")

    ConversationBufferMemory(chat_memory=Remote())
    for wrong in ({}, {"session": chat, "chat_memory": Listed()}):
        with pytest.raises(ConfigurationError, match="session= or chat_memory=, and not both"):
            ConversationBufferMemory(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="not str"):
        ConversationBufferMemory(session="s")  # type: ignore[arg-type]
    for other in ("redis://", [], chat, object()):
        with pytest.raises(ConfigurationError, match="takes a chat history"):
            ConversationBufferMemory(chat_memory=other)  # type: ignore[arg-type]
    for name in ("memory_key", "input_key", "output_key", "human_prefix", "ai_prefix"):
        with pytest.raises(ConfigurationError, match=f"{name} must be text"):
            ConversationBufferMemory(session=chat, **{name: 5})  # type: ignore[arg-type]


def test_nothing_of_langchain_is_needed() -> None:
    """Where it is not loaded, a history gets texts, or this library's messages."""
    code = """
        import sys
        from redialog import Message
        from redialog.memory import ConversationBufferMemory

        class Listed(list):
            @property
            def messages(self):
                return self

            add_message = list.append

        class Texts(Listed):
            def add_user_message(self, text):
                self.append({"role": "user", "content": text})

            def add_ai_message(self, text):
                self.append({"role": "assistant", "content": text})

        for history in (Listed(), Texts()):
            memory = ConversationBufferMemory(chat_memory=history)
            memory.save_context({"i": "q"}, {"o": "a"})
            assert memory.buffer == "Human: q\\nAI: a", memory.buffer
            print(type(history[0]).__name__)
        print(*{name.partition(".")[0] for name in sys.modules} & {"langchain_core", "pydantic"})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["Message", "dict"]
