"""`redialog rm`: asks a person, and wants --yes of everybody else."""

from __future__ import annotations

import pytest

from redialog import ChatMemory, Message
from tests.cli.tools import Terminal, run
from tests.support.servers import Server

ID = "s\x1b[2J\n"
SHOWN = r"s\x1b[2J\n"


@pytest.fixture
def session_id(memory: ChatMemory) -> str:
    """A session of Ann's with two messages, under a hostile id, beside another one."""
    memory.session(ID, user_id="ann").append(Message.user("a"), Message.assistant("b"))
    memory.session("other", user_id="ann").append(Message.user("x"))
    return ID


def test_yes(url: str, memory: ChatMemory, session_id: str) -> None:
    """--yes deletes without asking; what was deleted is told on standard error."""
    ended = run("rm", session_id, "--url", url, "--yes")
    assert ended == (0, "", f"redialog: deleted session {SHOWN} (2 messages)\n")
    assert [one.session_id for one in memory.sessions()] == ["other"]
    assert [one.session_id for one in memory.sessions("ann")] == ["other"]
    ended = run("rm", session_id, "--url", url, "-y")
    assert (ended.code, ended.out) == (3, "")
    assert "deleted" not in ended.err


@pytest.mark.parametrize("said", ["", "y\n"])
def test_nobody_to_ask(url: str, memory: ChatMemory, session_id: str, said: str) -> None:
    """Where standard input is no terminal it is exit code 2, whatever is piped in."""
    ended = run("rm", session_id, "--url", url, said=said)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert "no terminal" in ended.err
    assert memory.session(session_id).count() == 2


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_agrees(url: str, memory: ChatMemory, session_id: str, answer: str) -> None:
    """The question says how much there is; what is deleted is counted when it is deleted."""
    with Terminal("rm", session_id, "--url", url) as terminal:
        terminal.expect(f"Delete session {SHOWN} with 2 messages? [y/N] ")
        memory.session(session_id).append(Message.user("meanwhile"))
        terminal.type(answer)
        terminal.expect(f"deleted session {SHOWN} (3 messages)")
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
    assert memory.session(session_id).count() == 0


@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\n", "\x04"])
def test_a_person_does_not(url: str, memory: ChatMemory, session_id: str, answer: str) -> None:
    """Any other answer, and none, deletes nothing: exit code 1."""
    with Terminal("rm", session_id, "--url", url) as terminal:
        terminal.expect("[y/N] ")
        terminal.type(answer)
        terminal.expect("nothing was deleted")
        assert terminal.end() == 1
    assert memory.session(session_id).count() == 2


def test_ctrl_c_at_the_question(url: str, memory: ChatMemory, session_id: str) -> None:
    """It deletes nothing: exit code 130."""
    with Terminal("rm", session_id, "--url", url) as terminal:
        terminal.expect("[y/N] ")
        assert terminal.interrupt_to_end() == 130
    assert "Traceback" not in terminal.seen
    assert memory.session(session_id).count() == 2


def test_nothing_to_ask_about(url: str) -> None:
    """A session that is not there is exit code 3, without a question."""
    with Terminal("rm", "s", "--url", url) as terminal:
        assert terminal.end() == 3
    assert "y/N" not in terminal.seen


def test_it_goes_while_a_person_thinks(url: str, memory: ChatMemory, session_id: str) -> None:
    """What somebody else has deleted meanwhile is not claimed: exit code 3."""
    with Terminal("rm", session_id, "--url", url) as terminal:
        terminal.expect("[y/N] ")
        memory.session(session_id).clear()
        terminal.type("y\n")
        assert terminal.end() == 3
    assert "deleted" not in terminal.seen


def test_a_key_of_another_type(url: str, server: Server) -> None:
    """It is left as it is: exit code 1."""
    with server.client() as client:
        client.set("p:s", "x")
        ended = run("rm", "s", "-y", "--url", url, "--key-prefix", "p:")
        assert (ended.code, ended.out) == (1, "")
        assert "holds a string" in ended.err
        assert client.get("p:s") == b"x"
