"""`redialog chat` with piped input: sessions, what is stored, what is printed where."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from redialog import ChatMemory, Message, ToolCall
from redialog.cli.chat import WINDOW_TURNS, presentable
from redialog.keys import OwnLayout
from tests.cli.tools import MAIN, run, start
from tests.models.endpoint import Endpoint
from tests.support.servers import Server

JIM = "Hi! I'm Jim.\n"
NAME = "What did I just say my name was?\n"


def test_a_later_process_remembers(url: str) -> None:
    """What was said in a session is known to the next process, and to no other session."""
    assert run("chat", "--url", url, "--session", "a", said=JIM).code == 0
    again = run("chat", "--url", url, "--session", "a", said=NAME)
    assert again[:2] == (0, 'You said: "Hi! I\'m Jim."\n')
    other = run("chat", "--url", url, "--session", "b", said=NAME)
    assert other.code == 0
    assert "Jim" not in other.out
    assert "I don't know" in other.out


def test_continue_takes_the_newest_session(url: str) -> None:
    """-c goes on where something was said last, whatever the order of the ids."""
    run("chat", "--url", url, "--session", "b", said=JIM)
    run("chat", "--url", url, "--session", "a", said="I'm Ann.\n")
    ended = run("chat", "--url", url, "-c", said=NAME)
    assert ended.out == 'You said: "I\'m Ann."\n'
    assert "continuing session a (2 messages)" in ended.err


def test_continue_takes_the_user_s_own_session(url: str) -> None:
    """-c with --user looks only at the sessions of that user."""
    run("chat", "--url", url, "--session", "b", "--user", "jim", said=JIM)
    run("chat", "--url", url, "--session", "a", "--user", "ann", said="I'm Ann.\n")
    ended = run("chat", "--url", url, "--continue", "--user", "jim", said=NAME)
    assert "Jim" in ended.out


def test_nothing_to_continue(url: str) -> None:
    """-c where there is no session is exit code 3, and nothing is created."""
    for more in [], ["--user", "me"], ["--namespace", "other"]:
        ended = run("chat", "--url", url, "-c", *more, said=JIM)
        assert (ended.code, ended.out) == (3, "")
        assert "no session" in ended.err


def test_the_newest_session_has_expired(url: str, memory: ChatMemory, server: Server) -> None:
    """-c does not silently begin anew under the id of a session that is gone."""
    memory.session("s").append(Message.user("I'm Jim."))
    with server.client() as client:
        client.delete(OwnLayout("default").session("s", None).log)
    ended = run("chat", "--url", url, "-c", said=NAME)
    assert (ended.code, ended.out) == (3, "")


def test_a_new_session_tells_how_to_come_back(url: str, memory: ChatMemory) -> None:
    """The id of a new session is told on standard error, with the options that lead there."""
    ended = run("chat", "--url", url, "--user", "me too", "--key-prefix", "p:", said=JIM)
    [line] = [line for line in ended.err.splitlines() if "new session" in line]
    session_id = line.split("new session ")[1].split(";")[0]
    assert line.endswith(
        f"redialog chat --session {session_id} --user 'me too' --key-prefix p: --url ..."
    )
    with ChatMemory.from_url(url, key_prefix="p:") as shared:
        assert shared.session(session_id).count() == 2
    assert memory.latest_session_id() is None


def test_standard_output_holds_only_answers(url: str) -> None:
    """One answer for each line that is not empty; all else is on standard error."""
    ended = run("chat", "--url", url, said=f"{JIM}\n   \n{NAME}no newline at the end")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines] == ["Noted.", "You", "Noted."]
    assert "you>" not in ended.out + ended.err
    assert "not a language model" in ended.err
    assert "--model NAME" in ended.err


def test_a_turn_is_stored_whole(url: str, memory: ChatMemory) -> None:
    """Question and answer stand in the session as they were said."""
    run("chat", "--url", url, "--session", "s", "--user", "me", said=JIM)
    session = memory.session("s")
    question, answer = session.messages()
    assert (question.role, question.content) == ("user", "Hi! I'm Jim.")
    assert answer.role == "assistant"
    assert answer.text.startswith("Noted.")
    assert answer.metadata == {}
    assert session.info().user_id == "me"
    assert session.info().ttl is None


def test_the_ttl_is_the_session_s(url: str, memory: ChatMemory) -> None:
    """--ttl gives the session a time to live in seconds."""
    run("chat", "--url", url, "--session", "s", "--ttl", "90.5", said=JIM)
    ttl = memory.session("s").info().ttl
    assert ttl is not None
    assert 60 < ttl.total_seconds() <= 90.5


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
    assert "element 1 " in warning
    assert "\x1b" not in ended.err


def test_another_user_s_session_is_refused(url: str, memory: ChatMemory) -> None:
    """A session of somebody else is exit code 1, before the model sees a message of it."""
    memory.session("s", user_id="ann").append(Message.user("My locker code is 4417."))
    ended = run("chat", "--url", url, "--session", "s", "--user", "jim", said="locker code?\n")
    assert (ended.code, ended.out) == (1, "")
    assert memory.session("s").count() == 1


def test_a_key_of_another_type(url: str, server: Server) -> None:
    """A refusal by the server is exit code 1 and one line."""
    with server.client() as client:
        client.set("p:s", "x")
    ended = run("chat", "--url", url, "--session", "s", "--key-prefix", "p:", said=JIM)
    assert (ended.code, ended.out) == (1, "")
    assert "Traceback" not in ended.err


def test_control_characters_are_written_out(url: str, memory: ChatMemory) -> None:
    """Stored text and ids reach neither stream raw, and are stored as they were said."""
    evil = "My code is \x1b]0;pwned\x07 \x9b31m \u202e \u2066 \u2028 \x7f \r x"
    run("chat", "--url", url, "--session", "e\x1b[2J\nvil", said="hello\n")
    memory.session("s").append(Message.user(evil))
    ended = run("chat", "--url", url, "--session", "s", said="What is my code?\n")
    assert r"\x1b]0;pwned\x07 \x9b31m \u202e \u2066" in ended.out
    again = run("chat", "--url", url, "--session", "e\x1b[2J\nvil")
    assert r"session e\x1b[2J\nvil (2 messages)" in again.err
    for text in (ended.out, ended.err, again.err):
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u2028\x7f\r")
    assert memory.session("s").messages()[0].text == evil


def test_streamed_control_characters_are_written_out(url: str, memory: ChatMemory) -> None:
    """A sequence that is cut between two pieces of an answer is no less harmless."""
    with Endpoint(["a\x1b", "[31m", "\x00b\tc\nd\ud83d", "\ude00"]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        ended = run("chat", "--url", url, "--session", "s", *real, said="x\n")
    assert ended.out == "a\\x1b[31m\\x00b\tc\nd\U0001f600\n"
    assert memory.session("s").messages()[1].text == "a\x1b[31m\x00b\tc\nd\U0001f600"


def test_a_narrow_encoding_does_not_fail(url: str) -> None:
    """Where standard output cannot hold a character, it is written out."""
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    run("chat", "--url", url, "--session", "s", said="My code is Zoë 日本.\n")
    ended = run("chat", "--url", url, "--session", "s", said="My code?\n", env=env)
    assert ended[:2] == (0, 'You said: "My code is Zo\\xeb \\u65e5\\u672c."\n')


def test_input_that_is_no_text_is_replaced(url: str, memory: ChatMemory) -> None:
    """Bytes that are not in the terminal's encoding do not end the chat."""
    said = b"caf\xe9\n".decode(errors="surrogateescape")
    assert run("chat", "--url", url, "--session", "s", said=said).code == 0
    assert memory.session("s").messages()[0].text == "caf\ufffd"


def test_a_reader_that_goes_ends_the_chat_quietly(url: str, memory: ChatMemory) -> None:
    """A broken pipe is no error, and what was said is stored."""
    with start("chat", "--url", url, "--session", "s") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.write(JIM)
        process.stdin.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 0
    assert "Error" not in err
    assert memory.session("s").messages()[0].text == "Hi! I'm Jim."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_an_output_that_is_full_fails(url: str, memory: ChatMemory) -> None:
    """An answer that could not be printed is exit code 1, and what was said is stored."""
    code = f"import sys; sys.stdout = open('/dev/full', 'w')\n{MAIN}"
    ended = run("chat", "--url", url, "--session", "s", said=JIM, code=code)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert memory.session("s").count() == 2


def test_a_turn_that_cannot_be_stored_is_told() -> None:
    """Where the server goes away during an answer, the exit code is 4 and the loss is told."""
    gone = threading.Event()
    with Server() as mortal, Endpoint(["Hello", gone]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with start("chat", "--url", mortal.url, *real) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("one\n")
            process.stdin.flush()
            assert process.stdout.read(5) == "Hello"
            mortal.kill()
            gone.set()
            _, err = process.communicate()
    assert process.returncode == 4
    # A request went into the dead connection: from here one cannot know.
    assert "the last turn may not be stored" in err
    assert "idempotency_key" not in err


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
