"""`redialog chat` with piped input: what is printed where, whatever characters are in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from redialog import ChatMemory, Message
from tests.cli.tools import MAIN, run, start
from tests.models.endpoint import Endpoint

JIM = "Hi! I'm Jim.\n"
NAME = "What did I just say my name was?\n"


def test_standard_output_holds_only_answers(url: str) -> None:
    """One answer for each line that is not empty; all else is on standard error."""
    ended = run("chat", "--url", url, said=f"{JIM}\n   \n{NAME}no newline at the end")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines] == ["Noted.", "You", "Noted."]
    assert "you>" not in ended.out + ended.err
    assert "not a language model" in ended.err
    assert "--model NAME" in ended.err


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
