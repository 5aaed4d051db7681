"""Options, exit codes, and what a run loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from redialog.cli.app import commands
from tests.cli.tools import MAIN, run

UNREACHABLE = "redis://127.0.0.1:1"


def test_the_version() -> None:
    """--version prints name and version, in either way to start."""
    assert run("--version")[:2] == (0, "redialog 0.1.0\n")
    as_module = "import runpy; runpy.run_module('redialog.cli', run_name='__main__')"
    assert run("--version", code=as_module)[:2] == (0, "redialog 0.1.0\n")


HEAVY = ["redis", "hiredis", "rich", "openai", "msgspec", "asyncio", "ssl"]
OURS = ["redialog." + name for name in ("sync", "transports", "ops", "plan", "embedded", "models")]
LOADED = (
    "import sys, atexit\n"
    "def report():\n"
    f"    found = [n for n in sys.modules if n in {HEAVY} or n.startswith({tuple(OURS)})]\n"
    "    sys.stderr.write(repr(found))\n"
    "atexit.register(report)\n" + MAIN
)


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in commands.commands),
        *(["completion", shell] for shell in ("bash", "zsh", "fish")),
    ],
)
def test_help_loads_no_client(args: list[str]) -> None:
    """Help, version and completion scripts come without client library, rich and the like."""
    ended = run(*args, code=LOADED)
    assert ended.code == 0
    assert ended.err == "[]"
    assert ended.out


@pytest.mark.parametrize("line", ["redialog ", "redialog show --", "redialog completion "])
def test_completion_loads_no_client(line: str) -> None:
    """Nor do they have to be loaded to complete a command or an option."""
    ended = run(env={"_REDIALOG_COMPLETE": "bash", "COMP_LINE": line}, code=LOADED)
    assert (ended.code, ended.err) == (0, "[]")
    assert len(ended.out.splitlines()) > 2


def test_the_demo_loads_neither_rich_nor_openai() -> None:
    """A chat with the demo, whose output is a pipe, imports only what it uses."""
    code = (
        "import sys, atexit\n"
        "def report():\n"
        "    sys.stderr.write(repr({'rich', 'openai'} & set(sys.modules)))\n"
        "atexit.register(report)\n" + MAIN
    )
    assert run("chat", "--url", UNREACHABLE, code=code).err.endswith("set()")


@pytest.mark.parametrize(
    "args",
    [
        ["--nonsense"],
        ["nonsense"],
        ["chat", "--nonsense"],
        ["chat", "-c", "--session", "s"],
        ["chat", "--ttl", "soon"],
        ["chat", "--max-tokens", "0"],
        ["chat", "--max-tokens", "-1"],
        ["chat", "--max-tokens", "many"],
        ["chat", "--max-tokens", "1.5"],
        ["chat", "--window", "-1"],
        ["chat", "--window", ""],
        ["chat", "--summarize", "yes"],
        ["explain"],
        ["explain", "a", "b"],
        ["explain", "s", "--max-tokens", "0"],
        ["explain", "s", "--window", "-1"],
        ["explain", "s", "--summarize"],
        ["show"],
        ["rm"],
        ["rm", "a", "b", "-y"],
        ["ls", "a"],
        ["ls", "--limit", "0"],
        ["ls", "--limit", "many"],
        ["rewind", "s"],
        ["fork"],
        ["fork", "a", "b", "c"],
        ["ttl", "s", "soon"],
        ["ttl", "s", "0"],
        ["ttl", "s", "-1"],
        ["ttl", "s", "nan"],
        ["ttl", "s", "1w"],
        ["ttl", "s", "9" * 400],
        ["ttl", "s", "60", "--persist"],
        ["ttl"],
        ["title"],
        ["title", "s", "two", "words"],
        ["completion"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage(args: list[str]) -> None:
    """What click refuses is a usage error, before anything is connected."""
    assert CliRunner().invoke(commands, args).exit_code == 2


def test_choices_are_named_in_one_line() -> None:
    """What click writes into several lines stands in one, with no escapes in it."""
    assert run("completion").err == (
        "redialog: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish "
        "(see redialog completion --help)\n"
    )


def test_the_help_names_whole_sentences() -> None:
    """No command's line is cut off, and each that takes a URL tells all kinds of it."""
    assert "..." not in run("--help").out.partition("Commands:")[2]
    told = " ".join(run("ls", "--help").out.split())
    for kind in ("redis+sentinel://", "redis+cluster://", "https://", "$UPSTASH_REDIS_REST_URL"):
        assert kind in told


@pytest.mark.parametrize(
    "args",
    [
        ["--nonsense"],
        ["chat", "-c", "--session", "s"],
        ["chat", "--url", "gopher://secret"],
        ["chat", "--url", "redis://user:secret@host:port"],
        ["chat", "--url", "embedded:secret"],
        ["chat", "--url", UNREACHABLE, "--session", ""],
        ["chat", "--url", UNREACHABLE, "--session", "x" * 20_000],
        ["chat", "--url", UNREACHABLE, "--ttl", "0"],
        ["chat", "--url", UNREACHABLE, "--ttl", "nan"],
        ["chat", "--url", UNREACHABLE, "--ttl", "-1"],
        ["chat", "--url", UNREACHABLE, "--system", b"\xff".decode(errors="surrogateescape")],
        ["chat", "--url", UNREACHABLE, "-c", "--user", b"\xff".decode(errors="surrogateescape")],
        ["chat", "--url", UNREACHABLE, "--model", "m"],
        ["chat", "--url", UNREACHABLE, "--model", "m", "--base-url", "localhost"],
        ["chat", "--url", UNREACHABLE, "--base-url", "http://localhost/v1"],
        ["show", "--url", UNREACHABLE, ""],
        ["explain", "--url", UNREACHABLE, ""],
        ["explain", "--url", UNREACHABLE, "--key-prefix", "", "redialog:x"],
        ["show", "--url", UNREACHABLE, "--namespace", "", "s"],
        ["ls", "--url", UNREACHABLE, "--user", ""],
        ["ls", "--url", UNREACHABLE, "--user", b"\xff".decode(errors="surrogateescape")],
        ["ls", "--url", "redis://user:secret@host:port"],
        ["rm", "--url", UNREACHABLE, "", "-y"],
        ["rm", "--url", UNREACHABLE, "s"],
        ["fork", "--url", UNREACHABLE, "s", "s"],
        ["fork", "--url", UNREACHABLE, "s", ""],
        ["fork", "--url", UNREACHABLE, "s", "--at", ""],
        ["rewind", "--url", UNREACHABLE, "s", ""],
        ["ttl", "--url", UNREACHABLE, "s", "99999999d"],
        ["title", "--url", UNREACHABLE, "s", "x" * 1001],
        ["title", "--url", UNREACHABLE, "s", b"\xff".decode(errors="surrogateescape")],
    ],
)
def test_wrong_options(args: list[str]) -> None:
    """A wrong option ends with 2 and one line that holds no secret."""
    ended = run(*args, said="hello\n")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert lines[-1].startswith("redialog: ")
    assert "Traceback" not in ended.err
    assert "secret" not in ended.err


def test_no_command() -> None:
    """Without a command there is the help, on standard error, and exit code 2."""
    ended = run()
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: redialog" in ended.err


@pytest.mark.parametrize(
    "args",
    [
        ["chat"],
        ["show", "s"],
        ["explain", "s"],
        ["explain", "s", "--json"],
        ["ls"],
        ["rm", "s", "-y"],
        ["fork", "s"],
        ["rewind", "s", "m"],
        ["ttl", "s"],
        ["ttl", "s", "60"],
        ["ttl", "s", "none"],
        ["title", "s"],
        ["title", "s", "x"],
    ],
)
def test_an_unreachable_store(args: list[str]) -> None:
    """Where nobody answers, the exit code is 4 and the address is named without secrets."""
    ended = run(*args, "--url", "redis://me:secret@127.0.0.1:1", said="hello\n")
    assert (ended.code, ended.out) == (4, "")
    assert "127.0.0.1:1" in ended.err
    assert "secret" not in ended.err


@pytest.mark.parametrize("name", ["click", "rich"])
def test_a_missing_package_names_the_install_line(name: str) -> None:
    """Without click or rich there is one line that says how to install them."""
    ended = run("--version", code=f"import sys; sys.modules[{name!r}] = None\n{MAIN}")
    assert (ended.code, ended.out) == (1, "")
    [line] = ended.err.splitlines()
    assert "pip install 'redialog[cli]'" in line


def test_a_missing_openai_names_the_install_line() -> None:
    """A real model without the package openai fails in the same way."""
    ended = run(
        *("chat", "--url", UNREACHABLE, "--model", "m", "--base-url", "http://127.0.0.1:1/v1"),
        code=f"import sys; sys.modules['openai'] = None\n{MAIN}",
    )
    assert (ended.code, ended.out) == (1, "")
    assert "pip install 'redialog[openai]'" in ended.err


BREAK = (
    "import redialog.sync\n"
    "def broken(*a, **k): raise RuntimeError('a secret sk-key')\n"
    f"redialog.sync.ChatMemory.session = broken\n{MAIN}"
)


def test_an_unexpected_error_is_one_line() -> None:
    """A bug ends with 1 and a line without the foreign text; the traceback is there on request."""
    ended = run("show", "s", "--url", UNREACHABLE, code=BREAK)
    assert ended.code == 1
    assert ended.err == (
        "redialog: unexpected RuntimeError (set REDIALOG_DEBUG=1 for a traceback)\n"
    )
    env = {"REDIALOG_DEBUG": "1", "OPENAI_API_KEY": "sk-key"}
    ended = run("show", "s", "--url", UNREACHABLE, code=BREAK, env=env)
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "sk-key" not in ended.err


def test_the_embedded_store_is_the_default(tmp_path: Path) -> None:
    """Without a URL the conversation lies in the user's folder, and the next process finds it."""
    env = {"REDIALOG_HOME": str(tmp_path / "home")}
    assert run("chat", "--session", "a", said="I'm Jim.\n", env=env).code == 0
    ended = run("chat", "-c", said="What's my name?\n", env=env)
    assert ended[:2] == (0, 'You said: "I\'m Jim."\n')


def test_standard_streams_can_be_missing() -> None:
    """A process without standard input and output ends in good order."""
    code = f"import os, sys; sys.stdin = sys.stdout = None\n{MAIN}"
    assert run("show", "s", "--url", UNREACHABLE, code=code).code == 4
