"""`redialog ls`: which sessions there are, for people, for pipes and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from redialog import ChatMemory, Message
from redialog.keys import OwnLayout
from tests.cli.tools import Terminal, interrupted, run, start
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

EVIL = "e\x1b[2J\n\tvil \x9b31m \u202e"
SHOWN = r"e\x1b[2J\n\tvil \x9b31m \u202e"
AT = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
CONTROLS = set("\x1b\x07\x85\x9b\u202e\u2028\x7f\r\t")


def fill(server: Server, names: Iterator[str]) -> None:
    """Makes many sessions of one message, each more active than the one before."""
    layout = OwnLayout("default")
    element = b'{"type":"human","data":{"content":"x"}}'
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for score, name in enumerate(names, AT):
            keys = layout.session(name)
            pipe.lpush(keys.log, element)
            pipe.zadd(keys.sessions, {keys.member: score})
        pipe.execute()


def active(server: Server, *session_ids: str) -> None:
    """Dates the sessions' last activity, a second apart."""
    with server.client() as client:
        for number, session_id in enumerate(session_ids):
            keys = OwnLayout("default").session(session_id)
            client.zadd(keys.sessions, {keys.member: AT + 1000 * number})


@pytest.fixture
def four(memory: ChatMemory, server: Server) -> ChatMemory:
    """Four sessions: one bare, Ann's with a title, one hostile throughout, one with a TTL."""
    memory.session("bare").append(Message.user("x"))
    memory.session("0199-ann", user_id="ann").append(*[Message.user("x")] * 12)
    memory.session("0199-ann").set_title("Reise nach 東京")
    memory.session(EVIL, user_id=EVIL).append(Message.user("x"))
    memory.session(EVIL).set_title(EVIL)
    memory.session("brief", ttl=600).append(Message.user("x"))
    active(server, "bare", "0199-ann", EVIL, "brief")
    return memory


def test_one_line_for_each_session(url: str, four: ChatMemory) -> None:
    """A pipe gets aligned columns without heading, newest activity first, no control characters."""
    ended = run("ls", "--url", url)
    assert (ended.code, ended.err) == (0, "")
    assert not set(ended.out) & CONTROLS
    lines = ended.out.splitlines()
    assert len(lines) == 4
    assert [line.split()[0] for line in lines] == ["brief", r"e\x1b[2J\n\tvil", "0199-ann", "bare"]
    start = lines[0].index("1  20")
    for line, (count, rest) in zip(
        lines,
        [(" 1", "-"), (" 1", SHOWN), ("12", "ann"), (" 1", "-")],
        strict=True,
    ):
        assert line[start - 1 :].startswith(f"{count}  20")
        assert line[start + 3 :].split("Z  ")[1].startswith(rest)
    assert "  12  2023-11-14T22:13:21Z  ann" in lines[2]
    assert lines[2].endswith("  Reise nach 東京")


def test_json(url: str, four: ChatMemory) -> None:
    """--json is one array with all that is known, control characters as JSON escapes."""
    ended = run("ls", "--url", url, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert not set(ended.out) & CONTROLS
    brief, evil, ann, bare = json.loads(ended.out)
    info = four.session("0199-ann").info()
    assert info.created_at is not None
    assert ann == {
        "session": "0199-ann",
        "count": 12,
        "user_id": "ann",
        "title": "Reise nach 東京",
        "created_at": info.created_at.isoformat(timespec="milliseconds"),
        "updated_at": "2023-11-14T22:13:21.000+00:00",
        "ttl": None,
        "trimmed": 0,
    }
    assert evil["session"] == evil["user_id"] == evil["title"] == EVIL
    assert 500 < brief["ttl"] <= 600
    assert (bare["session"], bare["user_id"], bare["title"]) == ("bare", None, None)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_only_a_user_s(url: str, four: ChatMemory, more: list[str]) -> None:
    """--user lists the sessions of one user and nobody else's."""
    ended = run("ls", "--url", url, "--user", "ann", *more)
    assert "0199-ann" in ended.out
    assert "brief" not in ended.out
    assert "evil" not in ended.out
    assert ended.out.count("ann") == 2


def test_no_sessions(url: str) -> None:
    """Nothing on standard output but the empty array; exit code 0."""
    ended = run("ls", "--url", url)
    assert ended == (0, "", "redialog: there are no sessions\n")
    assert run("ls", "--url", url, "--user", "me").out == ""
    ended = run("ls", "--url", url, "--json")
    assert (ended.code, json.loads(ended.out), ended.err) == (0, [], "")


def test_no_sessions_of_a_shared_layout(url: str, server: Server) -> None:
    """Where others may have written, it does not say that there is nothing."""
    with server.client() as client:
        client.lpush("message_store:jim", '{"type":"human","data":{"content":"hi"}}')
    ended = run("ls", "--url", url, "--key-prefix", "message_store:")
    assert (ended.code, ended.out) == (0, "")
    assert "that redialog has written to" in ended.err
    assert "hi" in run("show", "jim", "--url", url, "--key-prefix", "message_store:").out


def test_many_pages(url: str, server: Server) -> None:
    """All are listed once, newest first, over several pages; --limit ends it anywhere."""
    names = [f"session-{number}" for number in range(2500)]
    fill(server, iter(names))
    names.reverse()
    out = run("ls", "--url", url).out
    assert [line.split()[0] for line in out.splitlines()] == names
    made = json.loads(run("ls", "--url", url, "--json").out)
    assert [one["session"] for one in made] == names
    for limit in 1, 99, 100, 101, 1500, 2500, 9999:
        out = run("ls", "--url", url, "--limit", str(limit)).out
        assert [line.split()[0] for line in out.splitlines()] == names[:limit]
    made = json.loads(run("ls", "--url", url, "--json", "--limit", "101").out)
    assert [one["session"] for one in made] == names[:101]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_it_is_printed_page_by_page(server: Server, more: list[str]) -> None:
    """A reader that goes after one line ends it quietly, before all pages have been asked for."""
    fill(server, (f"{number:0200}" for number in range(5000)))
    with (
        FaultProxy(server.host, server.port) as proxy,
        start("ls", "--url", proxy.url, *more) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(20)
        # A page is more than a pipe holds, so the third is never asked for; there are six.
        lookups = sum("EVALSHA" in request for request in proxy.requests)
    assert process.returncode == 0
    assert 0 < lookups <= 3 * 1001


def test_damage_hides_no_other_session(url: str, four: ChatMemory, server: Server) -> None:
    """Whatever another client has left in the catalogue or beside a log, the rest is listed."""
    keys = OwnLayout("default").session("bare")
    broken = OwnLayout("default").session("brief")
    with server.client() as client:
        client.zadd(keys.sessions, {b"\xff\xfe": 5, b"": 6, "gone": 7})
        client.delete(broken.log)
        client.set(broken.log, "a string")
        for score in (float("inf"), float("-inf"), 1e300, -1e300, 5.5):
            client.zadd(keys.sessions, {"bare": score})
            made = json.loads(run("ls", "--url", url, "--json").out)
            assert sorted(one["session"] for one in made) == sorted(["bare", EVIL, "0199-ann"])
            assert len(run("ls", "--url", url).out.splitlines()) == 3
        client.execute_command("PEXPIREAT", keys.log, 9 * 10**18)
        client.hset(keys.meta, mapping={"layout": "no number"})
        client.lpush(OwnLayout("default").session("0199-ann").log, b"not JSON")
        ended = run("ls", "--url", url)
        assert (ended.code, ended.err) == (0, "")
        assert len(ended.out.splitlines()) == 2
        client.delete(keys.meta)
        assert len(run("ls", "--url", url).out.splitlines()) == 3


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_catalogue_that_is_none(url: str, server: Server, more: list[str]) -> None:
    """A key of another type in its place is exit code 1 and one line."""
    with server.client() as client:
        client.set(OwnLayout("default").session("bare").sessions, "x")
    ended = run("ls", "--url", url, *more)
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert "another type" in ended.err


def test_in_a_terminal(url: str, four: ChatMemory) -> None:
    """People see a heading, how long ago, and texts cut to the width of the screen."""
    four.session("0199-ann").set_title("long " * 50)
    with Terminal("ls", "--url", url, env={"COLUMNS": "100"}) as terminal:
        assert terminal.end() == 0
    heading, *lines = terminal.seen.replace("\r\n", "\n").splitlines()
    assert heading.startswith("\x1b[1m")
    assert heading.split("m", 1)[1].split()[:3] == ["ID", "MSGS", "ACTIVE"]
    assert not set("\n".join(lines)) & CONTROLS
    assert len(lines) == 4
    assert max(map(len, lines)) == 100
    assert lines[2].endswith("…")
    assert "  12  2023-11-14  ann" in lines[2]


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_narrow_terminal_without_colours(
    url: str, four: ChatMemory, server: Server, env: dict[str, str]
) -> None:
    """An id that leaves no room stands whole in a line of its own, the rest below it."""
    session_id = "0199a000-0000-7000-8000-000000000000"
    four.session(session_id, user_id="ann").append(Message.user("x"))
    active(server, "bare", "0199-ann", EVIL, "brief", session_id)
    with Terminal("ls", "--url", url, env={"COLUMNS": "30", **env}) as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
    lines = terminal.seen.replace("\r\n", "\n").splitlines()
    assert lines[0] == "ID"
    assert lines[1].startswith("  MSGS  ACTIVE")
    assert lines[2] == session_id
    assert lines[3].startswith("     1  2023-11-14  ann")
    assert len(lines) == 12
    assert max(len(line) for line in lines if line != session_id) <= 30


def test_ctrl_c(server: Server) -> None:
    """It ends a listing that waits for the server: exit code 130, and no traceback."""
    with FaultProxy(server.host, server.port) as proxy:
        proxy.stall()
        with start("ls", "--url", proxy.url) as process:
            wait_until(lambda: proxy.connections, what="a connection")
            out, err = interrupted(process)
    assert (process.returncode, out, err.strip()) == (130, "", "")
