"""`redialog chat`: what the model is shown of a session."""

from __future__ import annotations

from typing import Any

from redialog import ChatMemory, Message, ToolCall
from redialog.cli.options import WINDOW_TURNS
from redialog.keys import OwnLayout
from redialog.tokens import Costs
from tests.cli.tools import Ended, Terminal, run
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


def chat(url: str, endpoint: Endpoint, *more: str, said: str = "now\n") -> Ended:
    """A piped chat in the session ``s`` with a model at the endpoint."""
    real = ["--model", "m", "--base-url", endpoint.url]
    return run("chat", "--url", url, "--session", "s", *real, *more, said=said)


def contents(request: dict[str, Any]) -> list[Any]:
    """What the messages of a request hold."""
    return [message["content"] for message in request["messages"]]


def turns(number: int, words: int = 1) -> list[Message]:
    """So many turns of so many words a message."""
    return [
        message
        for at in range(number)
        for message in (
            Message.user(" ".join([f"q{at}"] * words)),
            Message.assistant(" ".join([f"a{at}"] * words)),
        )
    ]


def test_no_model_sees_half_of_a_tool_call(url: str, memory: ChatMemory) -> None:
    """A call without all of its results is left out, and a result without its call."""
    memory.session("s").append(
        Message.user("one"),
        Message.tool("r", tool_call_id="0"),
        Message.assistant("Looking.", tool_calls=[ToolCall("f", {}, "1"), ToolCall("f", {}, "2")]),
        Message.tool("r", tool_call_id="1"),
        Message.user("two"),
        Message.assistant(tool_calls=[ToolCall("f", {}, "3")]),
        Message.tool("r", tool_call_id="3"),
    )
    with Endpoint() as endpoint:
        assert chat(url, endpoint).code == 0
    seen = [(m["role"], m["content"]) for m in endpoint.requests[0]["messages"]]
    assert seen == [
        ("user", "one"),
        ("user", "two"),
        ("assistant", None),
        ("tool", "r"),
        ("user", "now"),
    ]


def test_a_window(url: str, memory: ChatMemory) -> None:
    """--window K shows the model the newest K turns and the question."""
    memory.session("s").append(*turns(5))
    with Endpoint() as endpoint:
        assert chat(url, endpoint, "--window", "2").code == 0
        assert chat(url, endpoint, "--window", "0").code == 0
    assert [contents(request) for request in endpoint.requests] == [
        ["q3", "a3", "q4", "a4", "now"],
        ["now"],
    ]


def test_a_budget(url: str, memory: ChatMemory) -> None:
    """--max-tokens N bounds all that the model is sent, the question included."""
    memory.session("s").append(Message.system("Be short."), *turns(60, words=8))
    costs = Costs()
    with Endpoint() as endpoint:
        for budget in ("100", "1000", "100000"):
            assert chat(url, endpoint, "--max-tokens", budget, said="so?\n").code == 0
            sent = [Message.from_openai(message) for message in endpoint.requests[-1]["messages"]]
            assert sum(map(costs.of, sent)) <= int(budget)
            assert (sent[0].text, sent[-1].text) == ("Be short.", "so?")
    few, more, everything = (len(request["messages"]) for request in endpoint.requests)
    assert 3 < few < more < everything
    # Without --window there is no other limit: also what came in the two chats before is there.
    assert everything == 1 + 2 * 60 + 2 * 2 + 1


def test_a_budget_and_a_window(url: str, memory: ChatMemory) -> None:
    """Where both are given, the tighter one holds."""
    memory.session("s").append(*turns(5))
    with Endpoint() as endpoint:
        chat(url, endpoint, "--max-tokens", "10000", "--window", "1")
    assert contents(endpoint.requests[0]) == ["q4", "a4", "now"]


def test_a_question_beyond_the_budget(url: str, memory: ChatMemory) -> None:
    """It is exit code 2; nobody is asked, and nothing is stored."""
    with Endpoint() as endpoint:
        ended = chat(url, endpoint, "--max-tokens", "50", said="word " * 100 + "\nnext\n")
    assert (ended.code, ended.out) == (2, "")
    assert "and 50 are allowed" in ended.err
    assert endpoint.requests == []
    assert memory.session("s").count() == 0


def test_a_person_can_ask_a_shorter_question(url: str, memory: ChatMemory) -> None:
    """In a terminal the chat goes on after one that was too long, and says what became of it."""
    with Terminal("chat", "--url", url, "--session", "s", "--max-tokens", "50") as terminal:
        terminal.expect("you> ")
        terminal.type("word " * 100 + "\n")
        terminal.expect("your message is not stored")
        terminal.expect("you> ")
        terminal.type("I'm Jim.\n")
        terminal.expect("Noted.")
        terminal.expect("you> ")
        terminal.type("\x04")
        assert terminal.end() == 0
    assert memory.session("s").count() == 2


RULES = "You keep the notes of a conversation"


def folds(endpoint: Endpoint) -> list[dict[str, Any]]:
    """The requests for a summary."""
    return [r for r in endpoint.requests if str(contents(r)[0]).startswith(RULES)]


def enough_to_fold(trigger: int) -> list[Message]:
    """So many turns that one fold takes what is above the trigger."""
    costs, number = Costs(), 1
    while sum(map(costs.of, turns(number, words=10))) <= trigger:
        number += 1
    return turns(number, words=10)


def test_a_summary_by_the_model(url: str, memory: ChatMemory) -> None:
    """--summarize has the model that answers fold what is older; a later chat sees the result."""
    history = enough_to_fold(300)
    memory.session("s").append(*history)
    with Endpoint(["They counted."]) as endpoint:
        assert chat(url, endpoint, "--summarize", "--max-tokens", "600", said="x\ny\n").code == 0
        [asked] = folds(endpoint)
        assert "q0 q0" in contents(asked)[1]
        # A quarter of the tokens, in words.
        assert "at most 60 words" in contents(asked)[1]
        found = memory.session("s").summary()
        assert found is not None
        assert (found.text, found.by) == ("They counted.", "m")
        assert memory.session("s").count() == len(history) + 4
        assert chat(url, endpoint, "--max-tokens", "600").code == 0
    for request in (endpoint.requests[1], endpoint.requests[-1]):
        summary, first = request["messages"][:2]
        assert summary["role"] == "system"
        assert "They counted." in summary["content"]
        # Nothing lies between what is summarised and what is seen.
        assert first["content"].startswith(f"q{found.covers // 2} ")


def test_a_summary_without_a_model(url: str, memory: ChatMemory) -> None:
    """Beside the demo, key sentences are picked offline."""
    memory.session("s").append(*turns(20, words=10))
    ended = run("chat", "--url", url, "--session", "s", "--summarize", said="now\n")
    assert ended.code == 0
    assert memory.session("s").summary() is None, "2,000 tokens are left as they are"
    more = ["--summarize", "--max-tokens", "600"]
    ended = run("chat", "--url", url, "--session", "s", *more, said="now\n")
    assert ended.code == 0
    assert "warning" not in ended.err
    found = memory.session("s").summary()
    assert found is not None
    assert found.by == "key sentences"


def test_nothing_is_lost_beside_a_summary(url: str, memory: ChatMemory) -> None:
    """The model sees each turn that is not summarised yet; what a window leaves out is folded."""
    memory.session("s").append(*turns(80))
    with Endpoint() as endpoint:
        assert chat(url, endpoint, "--summarize").code == 0
        assert chat(url, endpoint, "--summarize", "--window", "3").code == 0
    alone, summarising, beside = (request["messages"] for request in endpoint.requests)
    assert len(alone) == 2 * 80 + 1
    assert "the record begins" in summarising[1]["content"]
    found = memory.session("s").summary()
    assert found is not None
    summary, *history, _ = beside
    assert found.text in summary["content"]
    assert found.covers + len(history) == 2 * 81
    assert len(history) <= 2 * 3


def test_a_summary_that_fails(url: str, memory: ChatMemory) -> None:
    """The chat goes on with the messages as they are; standard error says so once."""
    memory.session("s").append(*turns(30, words=10))
    with Endpoint(["word " * 400]) as endpoint:
        ended = chat(url, endpoint, "--summarize", "--max-tokens", "600", said="x\ny\n")
        # Whoever does not ask for a summary is not told that there is none.
        assert "warning" not in chat(url, endpoint).err
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 2
    [warning] = [line for line in ended.err.splitlines() if "warning" in line]
    assert "not summarised: the summariser returned more than" in warning
    assert len(folds(endpoint)) == 1
    assert memory.session("s").summary() is None
    assert memory.session("s").count() == 66


def test_many_damaged_elements_are_named_together(
    url: str, memory: ChatMemory, server: Server
) -> None:
    """A long run of them is one warning; others after it are new ones."""
    memory.session("s").append(Message.user("I'm Jim."), Message.assistant("Hi."))
    key = OwnLayout("default").session("s", None).log
    with server.client() as client:
        client.lpush(key, *[b"junk"] * 20)
        ended = run("chat", "--url", url, "--session", "s", said=NAME * 2)
        [warning] = [line for line in ended.err.splitlines() if "damaged" in line]
        assert "in place 3 to 22 of the session" in warning
        for _ in range(5):
            memory.session("s").append(Message.assistant("Hm."))
            client.lpush(key, b"junk")
    ended = run("chat", "--url", url, "--session", "s", said=NAME)
    assert len([line for line in ended.err.splitlines() if "damaged: " in line]) == 2
    assert "warning: 3 more are damaged" in ended.err
