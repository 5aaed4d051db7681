"""`redialog chat` with a real model behind it: streaming, failures, Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading

import pytest

from redialog import ChatMemory
from redialog.cli.console import Interrupts
from tests.cli.tools import PATIENCE_S, Ended, interrupted, run, start
from tests.models.endpoint import Endpoint, Step

KEY = "sk-very-secret-0123"
ENV = {"OPENAI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}


def chat(url: str, endpoint: Endpoint, said: str = "Hi\n") -> Ended:
    """A piped chat in the session ``s``."""
    return run(
        *("chat", "--url", url, "--session", "s", "--model", "m", "--base-url", endpoint.url),
        said=said,
        env=ENV,
    )


def texts(memory: ChatMemory) -> list[str]:
    """What the session ``s`` holds."""
    return [message.text for message in memory.session("s").messages()]


def read(process: subprocess.Popen[str], count: int) -> str:
    """So many characters of the answers."""
    assert process.stdout is not None
    return process.stdout.read(count)


def test_the_model_sees_the_session(url: str, memory: ChatMemory) -> None:
    """Each request holds what was said before, oldest first, and the new line last."""
    with Endpoint(["Hello", " you"]) as endpoint:
        assert chat(url, endpoint, "one\n")[:2] == (0, "Hello you\n")
        assert chat(url, endpoint, "two\n").code == 0
    first, second = (request["messages"] for request in endpoint.requests)
    assert [m["content"] for m in first] == ["one"]
    assert [(m["role"], m["content"]) for m in second] == [
        ("user", "one"),
        ("assistant", "Hello you"),
        ("user", "two"),
    ]
    assert endpoint.keys == [f"Bearer {KEY}"] * 2
    assert texts(memory) == ["one", "Hello you", "two", "Hello you"]


def test_the_variables_configure_a_model(url: str) -> None:
    """OPENAI_MODEL and OPENAI_BASE_URL do what the options do; the demo is not mentioned."""
    with Endpoint(["line one\nline two\n"]) as endpoint:
        env = ENV | {"OPENAI_MODEL": "theirs", "OPENAI_BASE_URL": endpoint.url}
        ended = run("chat", "--url", url, said="Hi\n", env=env)
    assert ended[:2] == (0, "line one\nline two\n")
    assert "demo" not in ended.err
    assert endpoint.requests[0]["model"] == "theirs"


def test_an_answer_is_printed_as_it_comes(url: str) -> None:
    """The first piece is on standard output while the model still speaks."""
    more = threading.Event()
    with Endpoint(["first ", more, "second"]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with start("chat", "--url", url, *real, env=ENV) as process:
            assert process.stdin is not None
            process.stdin.write("Hi\n")
            process.stdin.flush()
            assert read(process, 6) == "first "
            more.set()
            assert process.communicate(timeout=PATIENCE_S)[0] == "second\n"


@pytest.mark.parametrize("status", [401, 500])
def test_a_failing_model_keeps_the_message(url: str, memory: ChatMemory, status: int) -> None:
    """An error of the endpoint is exit code 1; it shows neither key nor message text."""
    error = {"message": f"key {KEY} is wrong for 'my private words'", "code": "invalid_api_key"}
    with Endpoint(status=status, error=error) as endpoint:
        ended = chat(url, endpoint, "my private words\nnot read any more\n")
    assert (ended.code, ended.out) == (1, "")
    assert f"HTTP {status}" in ended.err
    assert "secret" not in ended.err
    assert "private" not in ended.err
    assert texts(memory) == ["my private words"]


def test_an_endpoint_that_is_not_there(url: str, memory: ChatMemory) -> None:
    """A refused connection is exit code 1, and the message is kept."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        ended = run(
            *("chat", "--url", url, "--session", "s", "--model", "m", "--base-url", base),
            said="Hi\n",
            env=ENV,
        )
    assert (ended.code, ended.out) == (1, "")
    assert "refused" in ended.err
    assert texts(memory) == ["Hi"]


@pytest.mark.parametrize(
    ("steps", "kept"), [((), ["Hi"]), ((None,), ["Hi"]), (("Hel", None), ["Hi", "Hel"])]
)
def test_an_answer_that_breaks_off_is_kept(
    url: str, memory: ChatMemory, steps: tuple[Step, ...], kept: list[str]
) -> None:
    """What a failing model has said is stored and marked; where it said nothing, no answer is."""
    with Endpoint(steps) as endpoint:
        ended = chat(url, endpoint)
    assert ended.code == 1
    assert ended.out == "".join(f"{text}\n" for text in kept[1:])
    messages = memory.session("s").messages()
    assert [message.text for message in messages] == kept
    assert [m.metadata for m in messages[1:]] == [{"interrupted": True}] * (len(kept) - 1)


def test_ctrl_c_keeps_what_was_said(url: str, memory: ChatMemory) -> None:
    """Stopped in the middle of a piped answer, question and piece are stored; exit code 130."""
    never = threading.Event()
    with Endpoint(["first", never]) as endpoint:
        real = ["--session", "s", "--model", "m", "--base-url", endpoint.url]
        with start("chat", "--url", url, *real, env=ENV) as process:
            assert process.stdin is not None
            process.stdin.write("Hi\n")
            process.stdin.flush()
            assert read(process, 5) == "first"
            out, err = interrupted(process)
        never.set()
    assert process.returncode == 130
    assert out == "\n"
    assert "Traceback" not in err
    question, answer = memory.session("s").messages()
    assert (question.text, question.metadata) == ("Hi", {})
    assert (answer.text, answer.metadata) == ("first", {"interrupted": True})


def test_ctrl_c_waits_for_the_storing() -> None:
    """In an answer it interrupts once, then waits for `release`; twice, it does not wait."""
    with Interrupts() as interrupts:
        interrupts.answering()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.release()

        interrupts.answering()
        interrupts.check()
        interrupts.hold()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.release()
        interrupts.release()

        interrupts.hold()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored(url: str) -> None:
    """A background job of a script, which starts with SIGINT ignored, is not interrupted."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from redialog.cli import main; main()"
    )
    more = threading.Event()
    with Endpoint(["first ", more, "second"]) as endpoint:
        real = ["--model", "m", "--base-url", endpoint.url]
        with start("chat", "--url", url, *real, env=ENV, code=code) as process:
            assert process.stdin is not None
            process.stdin.write("Hi\n")
            process.stdin.flush()
            assert read(process, 6) == "first "
            process.send_signal(signal.SIGINT)
            more.set()
            assert process.communicate(timeout=PATIENCE_S)[0] == "second\n"
    assert process.returncode == 0
