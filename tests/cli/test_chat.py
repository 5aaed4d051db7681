"""`redialog chat` with piped input: which session it goes on with, and what is stored."""

from __future__ import annotations

import re
import threading

from redialog import ChatMemory, Message
from redialog.keys import OwnLayout
from tests.cli.tools import run, start
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


def test_a_message_that_is_not_stored_is_told() -> None:
    """Where the server has gone when the next line is typed, nobody need wonder what is stored."""
    with Server() as mortal, start("chat", "--url", mortal.url, "--session", "s") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(JIM)
        process.stdin.flush()
        assert process.stdout.readline().startswith("Noted.")
        mortal.kill()
        _, err = process.communicate(NAME)
    assert process.returncode == 4
    assert "your message is not stored" in err


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
    # A request went into the dead connection: from here one cannot know. Now and then an append
    # first looks for expired sessions; then it is known that nothing was sent.
    assert re.search("the last turn (may not be|is not) stored", err)
    assert "idempotency_key" not in err
