"""Which input and output are stored, and the errors where that cannot be told.

What LangChain's own classes (langchain-classic 1.0.8) do is recorded in the tables; where they
raise, the errors here are of the same built-in class.
"""

from __future__ import annotations

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redialog import ChatMemory, ConfigurationError, InvalidMessage, Message, Session, ToolCall
from redialog.memory import ConversationBufferMemory, MissingKey
from tests.memory.conftest import Ground


@pytest.mark.parametrize(
    ("inputs", "outputs", "options", "history"),
    [
        ({"input": "a"}, {"output": "b"}, {}, "Human: a\nAI: b"),
        ({"question": "a"}, {"text": "b"}, {}, "Human: a\nAI: b"),
        ({"a": "a", "stop": ["x"]}, {"output": "b"}, {}, "Human: a\nAI: b"),
        ({"a": "a", "history": "zzz"}, {"output": "b"}, {}, "Human: a\nAI: b"),
        ({"a": "a", "mem": "zzz"}, {"output": "b"}, {"memory_key": "mem"}, "Human: a\nAI: b"),
        ({"a": "a"}, {"x": "b", "y": "c"}, {"output_key": "y"}, "Human: a\nAI: c"),
        ({"a": "a", "b": "q"}, {"x": "b"}, {"input_key": "b"}, "Human: q\nAI: b"),
        ({"a": "a", "history": "q"}, {"x": "b"}, {"input_key": "history"}, "Human: q\nAI: b"),
        ({"a": [{"type": "text", "text": "hey"}]}, {"x": "b"}, {}, "Human: hey\nAI: b"),
        ({"a": ""}, {"x": ""}, {}, "Human: \nAI: "),
    ],
)
def test_the_exchange_is_found_as_langchain_finds_it(
    ground: Ground,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    options: dict[str, Any],
    history: str,
) -> None:
    """One input besides the memory's own and ``stop``, one output; or those that are named."""
    memory = ConversationBufferMemory(session=ground.session, **options)
    ground.save(memory, inputs, outputs)
    assert ground.load(memory) == history


@pytest.mark.parametrize(
    ("inputs", "outputs", "options", "error"),
    [
        ({"a": "a", "b": "c"}, {"output": "b"}, {}, ValueError),
        ({}, {"output": "b"}, {}, ValueError),
        ({"stop": ["x"]}, {"output": "b"}, {}, ValueError),
        ({"a": "a", "history": "z"}, {"output": "b"}, {"memory_key": "mem"}, ValueError),
        ({"a": "a"}, {"x": "b", "y": "c"}, {}, ValueError),
        ({"a": "a"}, {}, {}, ValueError),
        ({"a": "a"}, {"x": "b"}, {"output_key": "y"}, KeyError),
        ({"a": "a"}, {"x": "b"}, {"input_key": "b"}, KeyError),
        ({"a": 5}, {"x": "b"}, {}, ValueError),
        ({"a": "a"}, {"x": None}, {}, ValueError),
        ({"a": {"text": "x"}}, {"x": "b"}, {}, ValueError),
        ({"a": [Message.user("x"), "y"]}, {"x": "b"}, {}, ValueError),
    ],
)
def test_what_is_ambiguous_or_no_message_is_refused_as_langchain_refuses_it(
    ground: Ground,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """The error is LangChain's built-in one and this library's; nothing is stored."""
    memory = ConversationBufferMemory(session=ground.session, **options)
    with pytest.raises(error) as raised:
        ground.save(memory, inputs, outputs)
    assert isinstance(raised.value, ConfigurationError)
    assert ground.chat.count() == 0


def test_an_error_names_the_names_and_holds_no_text(chat: Session) -> None:
    """The names tell what to write; what the user said is not repeated."""
    memory = ConversationBufferMemory(session=chat)
    with pytest.raises(ConfigurationError, match="'a', 'b': say which one with input_key=") as one:
        memory.save_context({"a": "4417", "b": "9921"}, {"o": "x"})
    with pytest.raises(ConfigurationError, match="'y', 'z': say which one with output_key="):
        memory.save_context({"a": "4417"}, {"z": "x", "y": "x"})
    with pytest.raises(ConfigurationError, match="given none"):
        memory.save_context({}, {"o": "x"})
    with pytest.raises(InvalidMessage) as other:
        memory.save_context({"a": {"code": "4417"}}, {"o": "x"})
    memory.input_key = "q"
    with pytest.raises(MissingKey, match=r"^there is no input named 'q'"):
        memory.save_context({"a": "4417"}, {"o": "x"})
    assert "4417" not in str(one.value) + str(other.value)


def test_of_several_outputs_the_one_named_output_is_stored_with_a_warning(ground: Ground) -> None:
    """As LangChain does."""
    memory = ConversationBufferMemory(session=ground.session)
    with pytest.warns(UserWarning, match="the one named 'output' is stored"):
        ground.save(memory, {"a": "a"}, {"x": "b", "output": "c"})
    assert ground.load(memory) == "Human: a\nAI: c"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ground.save(memory, {"a": "a"}, {"x": "b"})


def test_that_warning_is_about_the_line_that_saved(chat: Session) -> None:
    """So that a reader finds the call, which is the application's."""
    memory = ConversationBufferMemory(session=chat)

    async def both() -> None:
        memory.save_context({"a": "a"}, {"x": "b", "output": "c"})
        await memory.asave_context({"a": "a"}, {"x": "b", "output": "c"})

    with pytest.warns(UserWarning, match="output_key=") as seen:
        asyncio.run(both())
    assert [warning.filename for warning in seen] == [__file__] * 2


@pytest.mark.parametrize("given", [None, "text", ["a"], 5])
def test_inputs_and_outputs_are_mappings(chat: Session, given: Any) -> None:
    """Anything else is refused, and not looked into."""
    memory = ConversationBufferMemory(session=chat)
    with pytest.raises(ConfigurationError, match="the inputs must be a mapping"):
        memory.save_context(given, {"o": "x"})
    with pytest.raises(ConfigurationError, match="the outputs must be a mapping"):
        memory.save_context({"i": "x"}, given)
    assert memory.load_memory_variables(given) == {"history": ""}


def test_messages_are_stored_as_they_are(ground: Ground) -> None:
    """Also a whole answer with its tool calls; fields beside the text are kept."""
    memory = ConversationBufferMemory(session=ground.session, return_messages=True)
    said = Message.user("Weather?", name="ada", metadata={"from": "web"})
    answer = [
        Message.assistant(tool_calls=[ToolCall("get", {"city": "Bern"}, "c1")]),
        Message.tool("21°", tool_call_id="c1"),
        Message.assistant("It is 21°.", id="m-4"),
    ]
    ground.save(memory, {"input": said}, {"output": answer})
    stored = ground.chat.messages()
    assert ground.load(memory) == stored
    assert [message.role for message in stored] == ["user", "assistant", "tool", "assistant"]
    assert (stored[0].name, stored[0].metadata) == ("ada", {"from": "web"})
    assert stored[1].tool_calls == answer[0].tool_calls
    assert (stored[2].tool_call_id, stored[3].id) == ("c1", "m-4")


def test_a_dict_of_openai_is_a_message(ground: Ground) -> None:
    """What a client of OpenAI's returned, as a dict, can be handed on."""
    memory = ConversationBufferMemory(session=ground.session)
    said: dict[str, object] = {"role": "user", "content": "a", "name": "ada"}
    answer = {"role": "assistant", "content": "b", "refusal": None, "audio": {"id": "a-1"}}
    ground.save(memory, {"i": said}, {"o": [answer]})
    assert ground.load(memory) == "Human: a\nAI: b"
    assert [message.to_openai() for message in ground.chat.messages()] == [said, answer]


def test_an_exchange_is_one_write(chats: ChatMemory) -> None:
    """Whoever saves at the same time: no message of another stands between the two."""
    memories = [ConversationBufferMemory(session=chats.session("s")) for _ in range(3)]

    def save(name: str, memory: ConversationBufferMemory) -> None:
        for number in range(60):
            memory.save_context({"i": f"{name}{number}"}, {"o": f"{name}{number}"})

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(save, "abc", memories))
    said = [message.text for message in chats.session("s").messages()]
    assert len(said) == 360
    assert said[::2] == said[1::2]
