"""`redialog nodes list` and `redialog nodes describe`."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from redialog.nodes import CREDENTIALS, NODES, CredentialDescriptor, Descriptor
from tests.cli.tools import Ended, Terminal, run, start

NAMES = [*NODES, *CREDENTIALS]


def described(name: str, *more: str) -> Ended:
    """What the command prints of a node."""
    return run("nodes", "describe", name, *more)


def data_file(name: str) -> str:
    """The data file of a node or a credential."""
    return (files("redialog.nodes") / "descriptors" / f"{name}.json").read_text("utf-8")


def test_the_list() -> None:
    """A line for each node with its credentials, and one for each credential with its fields."""
    ended = run("nodes", "list")
    assert (ended.code, ended.err) == (0, "")
    nodes, credentials = ended.out.split("\n\n")
    assert [line.split()[0] for line in nodes.splitlines()] == ["NODE", *NODES]
    assert "redisCacheApi or redisCacheUrlApi, or none  Redis-Backed Chat Memory\n" in nodes + "\n"
    assert "upstashRedisMemoryApi                       Upstash" in nodes
    assert [line.split()[0] for line in credentials.splitlines()] == ["CREDENTIAL", *CREDENTIALS]
    assert "redisCacheHost, redisCachePort, redisCacheUser, redisCachePwd" in credentials


def test_the_list_as_json() -> None:
    """--json has the descriptors, with all of their fields."""
    ended = run("nodes", "list", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == [json.loads(data_file(name)) for name in NODES]


@pytest.mark.parametrize("name", NAMES)
def test_a_node_for_people(name: str) -> None:
    """Each field with type, default and what it is; of a node also its credentials."""
    ended = described(name)
    assert (ended.code, ended.err) == (0, "")
    descriptor: Descriptor | CredentialDescriptor = NODES.get(name) or CREDENTIALS[name]
    assert ended.out.startswith(f"{name} {descriptor.version:g}: {descriptor.label}\n")
    parts = ended.out.split("\n\n")
    rows = [line.split() for line in parts[1].splitlines()]
    assert rows[0] == ["FIELD", "TYPE", "DEFAULT", "WHAT"]
    marked = [f"{field.name}{'*' if field.redialog else ''}" for field in descriptor.inputs]
    assert [row[0] for row in rows[1:]] == marked
    for field in descriptor.inputs:
        assert field.description in parts[1]
    if name in NODES:
        for kind in NODES[name].credential.credential_names:
            assert f"\n{kind} 1: {CREDENTIALS[kind].label}\n" in ended.out


def test_defaults() -> None:
    """A default is shown as JSON, a field that is needed as such, any other as nothing."""
    text = described("upstashRedisBackedChatMemory").out
    rows = {line.split()[0]: line.split()[2] for line in text.splitlines() if len(line.split()) > 3}
    assert rows["memoryKey"] == '"chat_history"'
    assert rows["summarize*"] == "false"
    assert rows["sessionTTL"] == "-"
    assert rows["sessionId"] == "-"
    assert rows["baseURL"] == "(needed)"
    assert "sliding|fixed|on_read" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_node_as_json(name: str) -> None:
    """--json is the data file as it is."""
    ended = described(name, "--json")
    assert (ended.code, ended.err, ended.out) == (0, "", data_file(name))


@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_the_case_of_a_name(written: type[str]) -> None:
    """It does not matter, and the exact name is what is printed."""
    for name in NAMES:
        assert described(written(name)).out == described(name).out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_unknown_name(more: list[str]) -> None:
    """It is exit code 2, and the error has the names that there are."""
    ended = described("buffer\x1b[2JMemory", *more)
    assert (ended.code, ended.out) == (2, "")
    assert all(name in ended.err for name in NAMES)
    assert r"buffer\x1b[2JMemory" in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["--nonsense"],
        ["list", "x"],
        ["describe"],
        ["describe", "a", "b"],
        ["run"],
        ["run", "a", "b"],
        ["run", "a", "--credential"],
    ],
)
def test_wrong_usage(args: list[str]) -> None:
    """It is exit code 2 and one line."""
    ended = run("nodes", *args)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)


def test_no_command() -> None:
    """Without a command there is the help, on standard error, and exit code 2."""
    ended = run("nodes")
    assert (ended.code, ended.out) == (2, "")
    assert "Usage: redialog nodes" in ended.err


@pytest.mark.parametrize("command", ["list", "describe", "run"])
def test_help(command: str) -> None:
    """Each command has its help."""
    ended = run("nodes", command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: redialog nodes {command}")


def test_completion() -> None:
    """A shell completes commands, options and names, in any case."""

    def offered(line: str) -> list[str]:
        ended = run(env={"_REDIALOG_COMPLETE": "bash", "COMP_LINE": line})
        assert (ended.code, ended.err) == (0, "")
        return ended.out.splitlines()

    assert offered("redialog nod") == ["nodes"]
    assert offered("redialog nodes ") == ["describe", "list", "run"]
    assert offered("redialog nodes describe ") == NAMES
    assert offered("redialog nodes describe redisb") == ["RedisBackedChatMemory"]
    assert offered("redialog nodes run f --cr") == ["--credential"]


def test_colours() -> None:
    """Headings stand out in a terminal; NO_COLOR is respected."""
    for args in (["list"], ["describe", "RedisBackedChatMemory"]):
        with Terminal("nodes", *args) as terminal:
            assert terminal.end() == 0
        assert "\x1b[1m" in terminal.seen
        with Terminal("nodes", *args, env={"NO_COLOR": "1"}) as terminal:
            assert terminal.end() == 0
        assert "\x1b" not in terminal.seen


@pytest.mark.parametrize("args", [["list"], ["list", "--json"], ["describe", NAMES[0]]])
def test_a_reader_that_goes(args: list[str]) -> None:
    """A broken pipe ends it quietly."""
    with start("nodes", *args) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(20)
    assert process.returncode == 0
