"""Completion in the shell: the scripts, and what they are answered."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redialog import ChatMemory, Message
from tests.cli.tools import MAIN, Ended, Terminal, environment, run

IDS = ["shop:42:ann", "shop:43", "alpha", "mail@example.com", "k=v"]
UNSAFE = [
    "x;touch evil",
    "$(id)",
    "`id`",
    "a b",
    "al*",
    "-rf",
    "~root",
    "al\n$(id)",
    "al'",
    "al\x1b[2J",
]


@pytest.fixture
def sessions(memory: ChatMemory) -> None:
    """Sessions with ids that shells can take, and with others; one has a hostile title."""
    for session_id in (*IDS, *UNSAFE):
        memory.session(session_id).append(Message.user("x"))
    memory.session("alpha").set_title("T: \x1b[2J\nalpine\t" + "long " * 50)


def asked(
    line: str, *, shell: str = "bash", env: dict[str, str] | None = None, code: str = MAIN
) -> Ended:
    """What a shell is answered for a line."""
    variables = {"_REDIALOG_COMPLETE": shell, "COMP_LINE": line, **(env or {})}
    return run(env=variables, code=code)


def offered(line: str, **more: str) -> list[str]:
    """The candidates for a line."""
    ended = asked(line, env=more)
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


def test_commands_and_options() -> None:
    """They are completed without a store."""
    assert offered("redialog re") == ["rewind"]
    commands = {"chat", "ls", "rm", "fork", "ttl", "title", "explain", "completion"}
    assert commands <= set(offered("redialog "))
    assert offered("redialog show --na") == ["--namespace"]
    assert offered("redialog ttl s --per") == ["--persist"]
    assert offered("redialog chat --su") == ["--summarize"]
    assert set(offered("redialog explain s --")) >= {"--max-tokens", "--window", "--no-preview"}
    assert offered("redialog completion f") == ["fish"]


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    "command", ["show", "rm", "fork", "rewind", "ttl", "title", "explain", "chat --session"]
)
def test_session_ids(url: str, command: str) -> None:
    """Each command that takes a session completes its id, and nothing that a shell would run."""
    found = offered(f"redialog {command} ", REDIALOG_URL=url)
    assert sorted(found) == sorted(IDS)
    assert offered(f"redialog {command} sh", REDIALOG_URL=url) == ["shop:43", "shop:42:ann"]


@pytest.mark.usefixtures("sessions")
def test_the_options_of_the_line_say_where(url: str, memory: ChatMemory) -> None:
    """--url, --namespace, --key-prefix and --user on the line lead to the store."""
    with ChatMemory.from_url(url, namespace="n", key_prefix="p:") as other:
        other.session("there").append(Message.user("x"))
    memory.session("ann-1", user_id="ann").append(Message.user("x"))
    assert offered(f"redialog show --url {url} alp") == ["alpha"]
    assert offered(f"redialog show --url '{url}' --namespace n --key-prefix=p: ") == ["there"]
    assert offered("redialog chat --user ann --session ", REDIS_URL=url) == ["ann-1"]
    assert offered("redialog show --url redis://127.0.0.1:1 alp", REDIALOG_URL=url) == []


@pytest.mark.usefixtures("sessions")
def test_the_descriptions_are_harmless(url: str) -> None:
    """zsh and fish show titles: on one line, short, and none of them poses as a candidate."""
    env = {"REDIALOG_URL": url}
    fish = asked("redialog show al", shell="fish", env=env).out
    assert fish.startswith("alpha\tT: \\x1b[2J\\nalpine\\tlong ")
    zsh = asked("redialog show al", shell="zsh", env=env).out
    assert zsh.startswith("alpha:T: \\\\x1b[2J\\\\nalpine\\\\tlong ")
    for out in fish, zsh:
        assert out.count("\n") == 1
        assert len(out) < 100
    assert asked("redialog show shop:43", shell="zsh", env=env).out == "shop\\:43\n"


def test_from_the_embedded_store(tmp_path: Path) -> None:
    """Where no URL is given, the ids are those in the user's folder."""
    home = {"REDIALOG_HOME": str(tmp_path / "home")}
    assert run("chat", "--session", "mine", said="Hi\n", env=home).code == 0
    assert offered("redialog show m", **home) == ["mine"]


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "gopher://x", "nonsense", "redis://h:port", "embedded:relative"]
)
def test_a_store_that_does_not_answer(url: str) -> None:
    """It completes nothing and says nothing."""
    assert asked("redialog show ", env={"REDIALOG_URL": url}) == (0, "", "")


def test_nobody_waits_for_a_store() -> None:
    """Not even where a name is looked up for longer than these tests wait."""
    code = f"import socket, time; socket.getaddrinfo = lambda *a, **k: time.sleep(3600)\n{MAIN}"
    ended = asked("redialog show ", env={"REDIALOG_URL": "redis://somewhere"}, code=code)
    assert ended == (0, "", "")


@pytest.mark.parametrize("line", ["", "redialog 'sh", 'redialog "', "redialog show \\"])
def test_half_a_line(line: str) -> None:
    """An open quote or a lone backslash is no error."""
    env = {"REDIALOG_URL": "redis://127.0.0.1:1"}
    ended = asked(line, env=env)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts(shell: str) -> None:
    """Each script names the command and asks in the way that is answered; shells can read it."""
    ended = run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_REDIALOG_COMPLETE" in ended.out
    assert "COMP_LINE" in ended.out
    if (path := shutil.which(shell)) is not None:
        check = subprocess.run(
            [path, "-n"], input=ended.out, text=True, capture_output=True, check=False
        )
        assert (check.returncode, check.stderr) == (0, "")


@pytest.fixture
def bash(tmp_path: Path, url: str) -> Terminal:
    """A person's bash, in which redialog is installed and completed."""
    command = tmp_path / "redialog"
    command.write_text(f"#!{sys.executable}\n{MAIN}\n")
    command.chmod(0o755)
    (tmp_path / "rc").write_text(
        f"PATH={tmp_path}:$PATH; PS1='ready> '; bind 'set enable-bracketed-paste off'\n"
        'eval "$(redialog completion bash)"\n'
    )
    become = (
        "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        f"os.execvp('bash', ['bash', '--noprofile', '--rcfile', {str(tmp_path / 'rc')!r}, '-i'])\n"
    )
    env = {**environment(), "REDIALOG_URL": url, "TERM": "dumb"}
    return Terminal(env=env, before=become)


@pytest.mark.usefixtures("sessions")
def test_in_bash(bash: Terminal) -> None:
    """A Tab completes what is typed, also after colons, which bash takes for the ends of words."""
    with bash as terminal:
        for typed, completed in [
            ("redialog rew\t", "redialog rewind "),
            ("redialog show al\t", "redialog show alpha "),
            ("redialog show shop:43\t", "redialog show shop:43 "),
            ("redialog show shop:42:\t", "redialog show shop:42:ann "),
            ("redialog show 'shop:42\t", "redialog show 'shop:42:ann' "),
            ("redialog chat --session=shop:42\t", "redialog chat --session=shop:42:ann "),
            ("redialog show mail@\t", "redialog show mail@example.com "),
            ("redialog show --url redis://127.0.0.1:1 --na\t", ":1 --namespace "),
        ]:
            terminal.expect("ready> ")
            terminal.type(typed)
            terminal.expect(completed)
            terminal.type("\x15: next\n")
    assert "Traceback" not in terminal.seen
