"""`redialog show`: a conversation for people and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from redialog import ChatMemory, Message, ToolCall
from redialog.keys import OwnLayout
from tests.cli.tools import run, start
from tests.support.servers import Server

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
CALL = ToolCall("get_weather", {"city": "Köln"}, "call_1")


@pytest.fixture
def session_id(memory: ChatMemory, server: Server) -> str:
    """A session with a bit of everything."""
    memory.session("s").append(
        Message.system("Be short."),
        Message.user("Is it\n\nraining?", name="Jim", created_at=AT, metadata={"a": [1, None]}),
        Message.assistant("Let me look.", tool_calls=[CALL, ToolCall("broken", "{not JSON")]),
        Message.tool("Yes.", tool_call_id="call_1"),
        Message.user([{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {}}]),
        Message.assistant("Evil \x1b[2J \x85 \u202e \u2028", metadata={"interrupted": True}),
    )
    with server.client() as client:
        client.lpush(OwnLayout("default").session("s", None).log, b"not JSON")
    return "s"


def test_a_conversation_for_people(url: str, session_id: str) -> None:
    """Role, name, time, text, tool calls, blocks and damage are all readable."""
    ended = run("show", session_id, "--url", url)
    assert (ended.code, ended.err) == (0, "")
    blocks = ended.out.split("\n\n")
    assert ended.out.startswith("system 20")
    assert "user Jim 2026-01-02 03:04:05 UTC\n    Is it\n    \n    raining?\n\n" in ended.out
    assert (
        '    Let me look.\n    calls get_weather {"city": "Köln"} [call_1]\n'
        "    calls broken {not JSON\n\n" in ended.out
    )
    assert "tool [call_1] 20" in ended.out
    assert "    See:\n    [image_url]\n" in ended.out
    assert "(interrupted)\n" + r"    Evil \x1b[2J \x85 \u202e \u2028" in ended.out
    assert blocks[-2].startswith("damaged\n    element -7 ")
    assert "\x1b" not in ended.out


def test_a_conversation_as_json(url: str, session_id: str) -> None:
    """--json has all public fields, raw UTF-8, and control characters as JSON escapes."""
    ended = run("show", session_id, "--url", url, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert not set(ended.out) & set("\x1b\x85\u202e\u2028")
    assert "Köln" in ended.out
    made = json.loads(ended.out)
    assert (made["session"], made["count"], len(made["messages"])) == ("s", 7, 7)
    system, user, calling, result, blocks, evil, damaged = made["messages"]
    assert system["role"] == "system"
    assert {k: v for k, v in user.items() if k != "id"} == {
        "role": "user",
        "original_role": None,
        "name": "Jim",
        "content": "Is it\n\nraining?",
        "tool_calls": [],
        "tool_call_id": None,
        "created_at": "2026-01-02T03:04:05.678+00:00",
        "metadata": {"a": [1, None]},
        "extra": {},
        "damage": None,
    }
    assert user["id"]
    assert calling["tool_calls"] == [
        {"id": "call_1", "name": "get_weather", "args": {"city": "Köln"}, "extra": {}},
        {"id": None, "name": "broken", "args": "{not JSON", "extra": {}},
    ]
    assert result["tool_call_id"] == "call_1"
    assert blocks["content"][1] == {"type": "image_url", "image_url": {}}
    assert evil["content"] == "Evil \x1b[2J \x85 \u202e \u2028"
    assert damaged["role"] == "damaged"
    assert damaged["damage"]["key"] == OwnLayout("default").session("s", None).log.decode()
    assert damaged["damage"]["position"] == -7
    assert damaged["damage"]["reason"]


def test_json_where_the_encoding_is_narrow(url: str, memory: ChatMemory) -> None:
    """In an encoding without the characters the JSON is ASCII, and the same."""
    memory.session("s").append(Message.user("Köln \U0001f600"))
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    ended = run("show", "s", "--url", url, "--json", env=env)
    assert ended.out.isascii()
    assert json.loads(ended.out)["messages"][0]["content"] == "Köln \U0001f600"


def test_what_json_cannot_hold(url: str, server: Server) -> None:
    """NaN, infinity and lone surrogates of foreign writers come out as JSON that parses."""
    element = (
        b'{"type":"human","data":{"content":"half \\ud83d",'
        b'"additional_kwargs":{"x":[NaN,Infinity,1.5]}}}'
    )
    with server.client() as client:
        client.lpush("p:s", element)
    ended = run("show", "s", "--url", url, "--json", "--key-prefix", "p:")
    assert ended.code == 0

    def refuse(constant: str) -> object:
        raise AssertionError(constant)

    [message] = json.loads(ended.out, parse_constant=refuse)["messages"]
    assert message["extra"]["additional_kwargs"] == {"x": [None, None, 1.5]}
    assert message["content"] == "half \ud83d"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_unknown_session(url: str, more: list[str]) -> None:
    """A session without messages is exit code 3, and standard output stays empty."""
    ended = run("show", "no\x1bpe", "--url", url, *more)
    assert (ended.code, ended.out) == (3, "")
    assert r"no\x1bpe" in ended.err
    assert "\x1b" not in ended.err


def test_namespaces_and_shared_layouts(url: str) -> None:
    """--namespace and --key-prefix say where the session lies."""
    with ChatMemory.from_url(url, namespace="n") as memory:
        memory.session("s").append(Message.user("in n"))
    with ChatMemory.from_url(url, key_prefix="") as memory:
        memory.session("s").append(Message.user("shared"))
    assert "in n" in run("show", "s", "--url", url, "--namespace", "n").out
    assert "shared" in run("show", "s", "--url", url, "--key-prefix", "").out
    assert run("show", "s", "--url", url).code == 3


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_long_conversations(url: str, memory: ChatMemory, more: list[str]) -> None:
    """Several pages are printed whole; a reader that goes after one line ends it quietly."""
    memory.session("s").append(*[Message.user(f"message {i}") for i in range(2500)])
    assert run("show", "s", "--url", url, *more).out.count("message ") == 2500
    with start("show", "s", "--url", url, *more) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(20)
    assert process.returncode == 0
