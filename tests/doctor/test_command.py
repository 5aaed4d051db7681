"""`redialog doctor`: for people, for programs, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from redialog import ChatMemory, Message
from redialog.diagnosis import Diagnosis
from redialog.keys import OwnLayout
from tests.cli.tools import Terminal, run
from tests.support.servers import Server

CONTROLS = set("\x1b\x07\x85\x9b\u202e\u2028\x7f\r\t")
EVIL = "e\x1b[2J\n\u202e"


@pytest.fixture
def url(server: Server) -> str:
    """An empty server that saves nothing, which is worth a warning."""
    return server.url


@pytest.fixture
def full() -> Iterator[Server]:
    """A server that refuses writes."""
    with Server("redis", config={"maxmemory": "100kb"}) as server:
        yield server


def test_a_line_for_each_finding(url: str) -> None:
    """In columns, between the address and the sum; the same as the value as text."""
    ended = run("doctor", "--url", url)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == url
    assert lines[1] == lines[-2] == ""
    assert lines[-1] == "0 errors, 1 warning"
    [found] = [line for line in lines[2:-2] if "persistence" in line]
    assert found == (
        "warning      persistence  nothing is saved: a restart loses all conversations; "
        "set appendonly yes"
    )
    assert {line[13:].split("  ")[0].strip() for line in lines[2:-2]} >= {
        "reach",
        "acl",
        "elements",
    }
    with ChatMemory.from_url(url) as memory:
        shown = str(memory.diagnose()).splitlines()
    assert shown == [line for line in lines if line]


def test_json(url: str) -> None:
    """One object, with the same fields as the value."""
    ended = run("doctor", "--json", "--url", url)
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert (found["address"], found["level"]) == (url, "warning")
    assert (found["errors"], found["warnings"], found["not_checked"]) == (0, 1, 0)
    with ChatMemory.from_url(url) as memory:
        value: Diagnosis = memory.diagnose()
    assert [one["check"] for one in found["findings"]] == [one.check for one in value.findings]
    assert all(set(one) == set(value.to_dict()["findings"][0]) for one in found["findings"])  # type: ignore[index]


def test_an_error_has_an_exit_code(full: Server) -> None:
    """In both forms."""
    for more in ((), ("--json",)):
        ended = run("doctor", *more, "--url", full.url)
        assert (ended.code, ended.err) == (1, "")
        assert "writes are refused" in ended.out


def test_nobody_there(server: Server) -> None:
    """Exit code 4, and the reason on standard error."""
    with Server("redis") as gone:
        url = gone.url
    ended = run("doctor", "--url", url)
    assert (ended.code, ended.out) == (4, "")
    assert "cannot connect" in ended.err
    with Server("redis", password="right") as locked:
        ended = run("doctor", "--json", "--url", locked.url.replace("right", "wr0ng"))
    assert (ended.code, ended.out) == (4, "")
    assert "wr0ng" not in ended.err


def test_a_wrong_url() -> None:
    """Exit code 2, as for each command."""
    assert run("doctor", "--url", "gopher://x").code == 2


def test_no_control_characters_and_no_secret() -> None:
    """Names of sessions are written out; the password stands nowhere."""
    with Server("redis", password="s3cr3t") as server:
        with ChatMemory.from_url(server.url, namespace="shop") as memory:
            memory.session(EVIL).append(Message.user("locker 4417"))
        with server.client() as client:
            client.lpush(OwnLayout("shop").session(EVIL).log, "{locker 4417")
        for more in ((), ("--json",)):
            ended = run("doctor", *more, "--namespace", "shop", "--url", server.url)
            assert ended.code == 0
            assert not set(ended.out) & CONTROLS
            assert "1 message of 1 session cannot be read" in ended.out
            assert "s3cr3t" not in ended.out + ended.err
            assert "4417" not in ended.out
        assert json.loads(ended.out)["findings"][-1]["facts"]["sessions"] == [EVIL]


def test_what_a_server_says_of_itself_is_written_out() -> None:
    """It can hold anything: here the name of a replica's primary does."""
    with Server("redis") as server, server.client() as client:
        client.replicaof("e\x1b[2Jvil", 1)
        for more in ((), ("--json",)):
            ended = run("doctor", *more, "--url", server.url)
            assert ended.code == 1
            assert not set(ended.out) & CONTROLS
            assert "[2Jvil:1" in ended.out


def test_colours_are_for_terminals(full: Server) -> None:
    """Errors stand out there; NO_COLOR and pipes get none."""
    with Terminal("doctor", "--url", full.url) as terminal:
        assert terminal.end() == 1
    assert "\x1b[31m\x1b[1merror" in terminal.seen
    assert "\x1b[32mok" in terminal.seen
    with Terminal("doctor", "--url", full.url, env={"NO_COLOR": "1"}) as terminal:
        terminal.end()
    assert "error        memory" in terminal.seen
    assert "\x1b[" not in terminal.seen


def test_it_is_listed() -> None:
    """With what it does."""
    ended = run("--help")
    assert "doctor" in ended.out
    ended = run("doctor", "--help")
    assert "4 where the store cannot be reached" in " ".join(ended.out.split())
