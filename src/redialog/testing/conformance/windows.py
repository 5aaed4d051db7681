"""Windows: the newest turns or messages, never half a turn and never half a tool call."""

from __future__ import annotations

import pytest

from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._tools import Part, texts
from redialog.toolcalls import ToolCall


class Windows(Part):
    """What `Session.window` returns."""

    def test_windows_are_whole_turns_counted_from_the_newest(self, memory: ChatMemory) -> None:
        """A turn runs from the user's messages to the next ones; the newest are returned."""
        chat = memory.session()
        chat.append(
            Message.system("sys"),
            Message.user("q1"),
            Message.assistant("a1"),
            Message.user("q2"),
            Message.user("q2 more"),
            Message.assistant("", tool_calls=[ToolCall("f", {}, "c1"), ToolCall("g", {}, "c2")]),
            Message.tool("r1", tool_call_id="c1"),
            Message.tool("r2", tool_call_id="c2"),
            Message.assistant("a2"),
            Message.user("q3"),
        )
        assert texts(chat.window(turns=0)) == []
        assert texts(chat.window(turns=1)) == ["q3"]
        assert texts(chat.window(turns=2)) == ["q2", "q2 more", "", "r1", "r2", "a2", "q3"]
        assert texts(chat.window(turns=3)) == texts(chat.messages())

    def test_a_window_of_messages_never_starts_inside_a_tool_call(self, memory: ChatMemory) -> None:
        """A result without its call is cut off; the newest call is kept whole with its results."""
        chat = memory.session()
        calls = [ToolCall("f", {}, "c1"), ToolCall("g", {}, "c2")]
        chat.append(
            Message.user("q"),
            Message.assistant("call", tool_calls=calls),
            Message.tool("r1", tool_call_id="c1"),
            Message.tool("r2", tool_call_id="c2"),
        )
        assert texts(chat.window(messages=1)) == ["call", "r1", "r2"]
        assert texts(chat.window(messages=2)) == ["call", "r1", "r2"]
        assert texts(chat.window(messages=3)) == ["call", "r1", "r2"]
        chat.append(Message.assistant("a"))
        assert texts(chat.window(messages=1)) == ["a"]
        assert texts(chat.window(messages=3)) == ["a"]
        assert texts(chat.window(messages=4)) == ["call", "r1", "r2", "a"]

    def test_windows_ask_for_exactly_one_unit(self, memory: ChatMemory) -> None:
        """Both, none, negative, fractional and boolean limits are refused."""
        chat = memory.session()
        for wrong in (
            {},
            {"turns": 1, "messages": 1},
            {"turns": -1},
            {"messages": 1.5},
            {"turns": True},
        ):
            with pytest.raises(ConfigurationError):
                chat.window(**wrong)

    def test_a_window_of_turns_begins_before_a_call_that_is_answered_in_it(
        self, memory: ChatMemory
    ) -> None:
        """Where the user spoke before the results came, the turn with the call comes along."""
        chat = memory.session()
        chat.append(
            Message.user("old"),
            Message.assistant("old answer"),
            Message.user("weather?"),
            Message.assistant("call", tool_calls=[ToolCall("f", {}, "c1")]),
            Message.user("hurry"),
            Message.tool("r1", tool_call_id="c1"),
            Message.assistant("sunny"),
        )
        assert texts(chat.window(turns=1)) == ["weather?", "call", "hurry", "r1", "sunny"]
