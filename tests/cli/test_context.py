"""`redialog chat`: what the model is shown of a session."""

from __future__ import annotations

import pytest

from redialog import ChatMemory, Message, ToolCall
from redialog.cli.chat import WINDOW_TURNS, presentable
from redialog.keys import OwnLayout
from tests.cli.tools import run
from tests.models.endpoint import Endpoint
from tests.support.servers import Server

NAME = "What did I just say my name was?\n"


def test_the_system_message_is_stored_once(url: str, memory: ChatMemory) -> None:
    """A new session begins with --system; the same again changes nothing, and says nothing."""
    with Endpoint() as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        for said in "one\ntwo\n", "three\n":
            ended = run(
                *("chat", "--url", url, "--session", "s", "--system", "Be short.", *real),
                said=said,
            )
            assert ended.code == 0
            assert "--system" not in ended.err
    roles = [message.role for message in memory.session("s").messages()]
    assert roles == ["system", *["user", "assistant"] * 3]
    for request in endpoint.requests:
        assert [m["role"] for m in request["messages"]].count("system") == 1
        assert request["messages"][0] == {"role": "system", "content": "Be short."}


def test_the_system_message_of_a_running_session_is_for_this_run(
    url: str, memory: ChatMemory
) -> None:
    """In a session that has begun, --system is shown to the model and not stored."""
    session = memory.session("s")
    session.append(Message.system("Be long."), Message.user("a"), Message.assistant("b"))
    with Endpoint() as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        ended = run(
            *("chat", "--url", url, "--session", "s", "--system", "Be short.", *real), said="c\n"
        )
    assert "this run only" in ended.err
    [request] = endpoint.requests
    contents = [message["content"] for message in request["messages"]]
    assert contents == ["Be short.", "Be long.", "a", "b", "c"]
    assert [m.role for m in session.messages()].count("system") == 1


def test_a_long_session_keeps_its_system_message(url: str, memory: ChatMemory) -> None:
    """Beyond the window, the model still sees the messages with which the session began."""
    session = memory.session("s")
    turns = [m for i in range(80) for m in (Message.user(f"q{i}"), Message.assistant(f"a{i}"))]
    session.append(Message.system("Be short."), *turns)
    with Endpoint() as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        run("chat", "--url", url, "--session", "s", *real, said="q80\n")
    sent = [message["content"] for message in endpoint.requests[0]["messages"]]
    assert sent[:2] == ["Be short.", f"q{80 - WINDOW_TURNS}"]
    assert len(sent) == 1 + 2 * WINDOW_TURNS + 1


def test_damaged_elements_are_left_out_with_one_warning(
    url: str, memory: ChatMemory, server: Server
) -> None:
    """What cannot be read is skipped for the model, and named by key and position, once."""
    memory.session("s").append(Message.user("I'm Jim."), Message.assistant("Hi."))
    key = OwnLayout("default").session("s", None).log
    with server.client() as client:
        client.lpush(key, b"not JSON \x1b[2J", b'{"type":"remove","data":{"content":"","id":"x"}}')
    ended = run("chat", "--url", url, "--session", "s", said=NAME * 3)
    assert ended.code == 0
    assert ended.out == 'You said: "I\'m Jim."\n' * 3
    [warning] = [line for line in ended.err.splitlines() if "damaged" in line]
    assert repr(key.decode()) in warning
    assert "element -3 " in warning
    assert "\x1b" not in ended.err


CALL = ToolCall("f", {}, "1")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([Message.assistant(tool_calls=[CALL]), Message.tool("r", tool_call_id="1")], [0, 1]),
        ([Message.assistant(tool_calls=[CALL]), Message.user("a")], [1]),
        ([Message.tool("r", tool_call_id="1"), Message.user("a")], [1]),
        ([Message.user("a"), Message.tool("r", tool_call_id="1")], [0]),
        (
            [
                Message.assistant(tool_calls=[CALL, ToolCall("g", {}, "2")]),
                Message.tool("r", tool_call_id="2"),
            ],
            [],
        ),
    ],
)
def test_models_see_no_half_of_a_tool_call(given: list[Message], kept: list[int]) -> None:
    """A call without its results, or a result without its call, is left out."""
    assert presentable(given) == [given[index] for index in kept]


def test_the_text_beside_an_unanswered_call_is_kept() -> None:
    """What the assistant said along with such a call is still shown to the model."""
    [kept] = presentable([Message.assistant("Let me look.", tool_calls=[CALL])])
    assert kept == Message.assistant("Let me look.")
