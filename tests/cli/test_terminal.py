"""The command line with a person at a terminal: prompt, Ctrl-C, Ctrl-D, colours."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from redialog import ChatMemory, Message
from tests.cli.tools import Terminal
from tests.models.endpoint import Endpoint

CTRL_D = "\x04"
ENV = {"OPENAI_API_KEY": "sk-secret", "NO_PROXY": "127.0.0.1"}


def test_a_conversation(url: str, memory: ChatMemory) -> None:
    """A person is prompted, answered, and leaves with Ctrl-D."""
    with Terminal("chat", "--url", url, "--session", "s") as terminal:
        terminal.expect("new session s")
        terminal.expect("you> ")
        terminal.type("I'm Jim.\n")
        terminal.expect("Noted.")
        terminal.expect("you> ")
        terminal.type("\n")
        terminal.expect("you> ")
        terminal.type("What's my name?\n")
        terminal.expect('You said: "I\'m Jim."\r\n')
        terminal.expect("you> ")
        terminal.type(CTRL_D)
        assert terminal.end() == 0
    assert memory.session("s").count() == 4


def test_ctrl_c_at_the_prompt(url: str, memory: ChatMemory) -> None:
    """Ctrl-C where nothing is being said ends with 130; what was said before is stored."""
    with Terminal("chat", "--url", url, "--session", "s") as terminal:
        terminal.expect("you> ")
        terminal.type("I'm Jim.\n")
        terminal.expect("Noted.")
        terminal.expect("you> ")
        terminal.type("half a li")
        # Ctrl-C drops what was typed; in the instant before readline takes it, that would leave
        # readline waiting for it.
        terminal.expect("half a li")
        assert terminal.interrupt_to_end() == 130
    assert "Traceback" not in terminal.seen
    assert memory.session("s").count() == 2


def test_ctrl_c_in_an_answer(url: str, memory: ChatMemory) -> None:
    """It stops the answer, keeps what was said, and gives the prompt back; once more ends."""
    never = threading.Event()
    with Endpoint(["first", never]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with Terminal("chat", "--url", url, "--session", "s", *real, env=ENV) as terminal:
            terminal.expect("you> ")
            terminal.type("Hi\n")
            terminal.expect("first")
            terminal.interrupt("what was said is stored")
            terminal.expect("you> ")
            assert terminal.interrupt_to_end() == 130
        never.set()
    assert "Traceback" not in terminal.seen
    question, answer = memory.session("s").messages()
    assert (question.text, question.metadata) == ("Hi", {})
    assert (answer.text, answer.metadata) == ("first", {"interrupted": True})


def test_ctrl_c_before_the_first_word(url: str, memory: ChatMemory) -> None:
    """Where the model has said nothing yet, the question alone is stored."""
    never = threading.Event()
    with Endpoint([never]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with Terminal("chat", "--url", url, "--session", "s", *real, env=ENV) as terminal:
            terminal.expect("you> ")
            terminal.type("Hi\n")
            endpoint.arrived.wait(20)
            terminal.interrupt("you> ")
            terminal.type(CTRL_D)
            assert terminal.end() == 0
        never.set()
    assert [message.text for message in memory.session("s").messages()] == ["Hi"]


def test_a_failing_model_does_not_end_the_chat(url: str, memory: ChatMemory) -> None:
    """A person can try again after an error; the message is kept."""
    with Endpoint(status=500) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with Terminal("chat", "--url", url, "--session", "s", *real, env=ENV) as terminal:
            terminal.expect("you> ")
            terminal.type("Hi\n")
            terminal.expect("HTTP 500")
            terminal.expect("your message is stored")
            terminal.expect("you> ")
            terminal.type(CTRL_D)
            assert terminal.end() == 0
    assert "sk-secret" not in terminal.seen
    assert memory.session("s").count() == 1


def test_the_prompt_stays_out_of_a_redirected_output(url: str, tmp_path: Path) -> None:
    """With standard output in a file, the prompt is on standard error."""
    out = tmp_path / "out"
    redirect = f"import sys; sys.stdout = open({str(out)!r}, 'w')\n"
    with Terminal("chat", "--url", url, before=redirect) as terminal:
        terminal.expect("you> ")
        terminal.type("I'm Jim.\n")
        terminal.expect("you> ")
        terminal.type(CTRL_D)
        assert terminal.end() == 0
    assert "Noted." not in terminal.seen
    assert out.read_text().startswith("Noted.")
    assert "you>" not in out.read_text()


def test_the_embedded_server_survives_ctrl_c(tmp_path: Path) -> None:
    """The terminal's Ctrl-C reaches the chat and not its server, so the answer is stored."""
    home = {"REDIALOG_HOME": str(tmp_path / "home")}
    never = threading.Event()
    with Endpoint(["first", never]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with Terminal("chat", "--session", "s", *real, env=ENV | home) as terminal:
            terminal.expect("you> ")
            terminal.type("Hi\n")
            terminal.expect("first")
            terminal.interrupt("you> ")
            assert terminal.interrupt_to_end() == 130
        never.set()
    with ChatMemory.from_url(f"embedded://{tmp_path / 'home'}") as memory:
        assert [m.text for m in memory.session("s").messages()] == ["Hi", "first"]


EVIL = "\x1b]0;pwned\x07 [red]markup[/red] :smile: \u202e\n[bold]user[/bold] 2026-01-01"


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_show_in_a_terminal(
    url: str, memory: ChatMemory, env: dict[str, str], coloured: bool
) -> None:
    """Headings are coloured unless NO_COLOR says no; stored text is neither markup nor control."""
    memory.session("s").append(Message.user(EVIL), Message.assistant("Hi \U0001f600"))
    with Terminal("show", "s", "--url", url, env=env) as terminal:
        assert terminal.end() == 0
    assert ("\x1b[" in terminal.seen) is coloured
    assert "\x1b]" not in terminal.seen
    assert "\u202e" not in terminal.seen
    for part in (r"\x1b]0;pwned\x07", "[red]markup[/red] :smile:", "    [bold]user", "\U0001f600"):
        assert part in terminal.seen
