"""`redialog fork`, `rewind`, `ttl` and `title`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from redialog import ChatMemory, Message
from redialog.keys import OwnLayout
from tests.cli.tools import Ended, run, start
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

TEXTS = ["one", "two", "three"]


@pytest.fixture
def ids(memory: ChatMemory) -> list[str]:
    """The ids of three messages in a session ``s`` of Ann's."""
    session = memory.session("s", user_id="ann")
    return [str(m.id) for m in session.append(*map(Message.user, TEXTS))]


def texts(memory: ChatMemory, session_id: str = "s") -> list[str]:
    """What a session holds."""
    return [message.text for message in memory.session(session_id).messages()]


def left(memory: ChatMemory) -> timedelta | None:
    """The TTL of the session ``s``."""
    return memory.session("s").info().ttl


def test_show_tells_the_ids(url: str, ids: list[str], server: Server) -> None:
    """With --ids they end the headings, those of damaged elements too, and are what works."""
    with server.client() as client:
        client.lpush(OwnLayout("default").session("s", None).log, b"not JSON")
    ended = run("show", "s", "--url", url, "--ids")
    assert ended.code == 0
    shown = [line.split(" id=")[1] for line in ended.out.splitlines() if line[0:1] not in ("", " ")]
    assert shown[:3] == ids
    made = json.loads(run("show", "s", "--url", url, "--json").out)
    assert [message["id"] for message in made["messages"]] == shown
    assert run("fork", "s", "f", "--at", shown[3], "--url", url).code == 0
    assert " id=" not in run("show", "s", "--url", url).out


def test_a_hostile_message_id_is_written_out(url: str, memory: ChatMemory) -> None:
    """It can neither control the terminal nor pose as another line."""
    memory.session("s").append(Message.user("x", id="e\x1b[2J\nuser id=v"))
    ended = run("show", "s", "--url", url, "--ids")
    assert r" id=e\x1b[2J\nuser id=v" in ended.out.splitlines()[0]
    ended = run("rewind", "s", "e\x1b[2J\nuser id=v", "--url", url)
    assert ended.code == 0


def test_fork(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """The copy has messages, title, owner and TTL; its id alone is on standard output."""
    session = memory.session("s")
    session.set_title("T")
    session.expire(600)
    ended = run("fork", "s", "--url", url)
    assert ended.code == 0
    made = ended.out.removesuffix("\n")
    assert made not in ("", "s")
    assert f"redialog chat --session {made} --url ..." in ended.err
    assert texts(memory, made) == texts(memory) == TEXTS
    info = memory.session(made).info()
    assert (info.title, info.user_id) == ("T", "ann")
    assert info.ttl is not None
    assert {one.session_id for one in memory.sessions("ann")} == {"s", made}


def test_fork_at_a_message(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """--at takes over what came until then, and the new id can be chosen."""
    ended = run("fork", "s", "n\x1bew", "--at", ids[1], "--url", url, "--namespace", "default")
    assert ended[:2] == (0, "n\\x1bew\n")
    assert "\x1b" not in ended.err
    assert texts(memory, "n\x1bew") == TEXTS[:2]
    assert texts(memory) == TEXTS


def test_fork_leaves_what_is_there(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """Where the new id is taken the exit code is 1, and both sessions are as before."""
    memory.session("t").append(Message.user("other"))
    ended = run("fork", "s", "t", "--url", url)
    assert (ended.code, ended.out) == (1, "")
    assert "already" in ended.err
    assert (texts(memory), texts(memory, "t")) == (TEXTS, ["other"])


def test_rewind(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """What came after the message goes and is counted; the second time there is nothing."""
    ended = run("rewind", "s", ids[0], "--url", url)
    assert ended == (0, "", "redialog: dropped 2 messages of session s\n")
    assert texts(memory) == TEXTS[:1]
    assert memory.session("s").info().user_id == "ann"
    ended = run("rewind", "s", ids[0], "--url", url)
    assert ended[:2] == (0, "")
    assert "nothing came after" in ended.err


def test_rewind_to_an_id_that_several_have(url: str, memory: ChatMemory) -> None:
    """It is not guessed which is meant: exit code 1, with ids that each have one."""
    memory.session("s").append(*(Message.user(text, id="same") for text in TEXTS))
    ended = run("rewind", "s", "same", "--url", url)
    assert (ended.code, ended.out) == (1, "")
    named = ended.err.split("place: ")[1].strip().split(", ")
    assert run("rewind", "s", named[0], "--url", url).code == 0
    assert texts(memory) == TEXTS[: 1 if "-0" in named[0] else 3]


@pytest.mark.parametrize(
    "args",
    [
        ["show", "no\x1bpe", "--ids"],
        ["fork", "no\x1bpe"],
        ["fork", "no\x1bpe", "--at", "m"],
        ["fork", "s", "--at", "no\x1bpe"],
        ["rewind", "no\x1bpe", "m"],
        ["rewind", "s", "no\x1bpe"],
        ["ttl", "no\x1bpe"],
        ["ttl", "no\x1bpe", "60"],
        ["ttl", "no\x1bpe", "none"],
        ["ttl", "no\x1bpe", "--persist"],
        ["title", "no\x1bpe"],
        ["title", "no\x1bpe", "x"],
        ["title", "no\x1bpe", ""],
        ["rm", "no\x1bpe", "--yes"],
    ],
)
def test_what_is_not_there(url: str, memory: ChatMemory, ids: list[str], args: list[str]) -> None:
    """No such session or message is exit code 3, nothing on standard output, and no change."""
    ended = run(*args, "--url", url)
    assert (ended.code, ended.out) == (3, "")
    assert len(ended.err.splitlines()) == 1
    assert "\x1b" not in ended.err
    assert [one.session_id for one in memory.sessions()] == ["s"]
    assert texts(memory) == TEXTS


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("1.5h", 5400)],
)
def test_ttl(url: str, memory: ChatMemory, ids: list[str], given: str, seconds: int) -> None:
    """Seconds or a duration are set, and shown as seconds."""
    ended = run("ttl", "s", given, "--url", url)
    assert ended == (0, "", f"redialog: session s lives on for {seconds:,} s\n")
    found = left(memory)
    assert found is not None
    assert seconds - 60 < found.total_seconds() <= seconds
    shown = run("ttl", "s", "--url", url)
    assert (shown.code, shown.err) == (0, "")
    assert seconds - 60 < int(shown.out) <= seconds


@pytest.mark.parametrize("how", ["none", "--persist"])
def test_ttl_none(url: str, memory: ChatMemory, ids: list[str], how: str) -> None:
    """It can be removed in two ways; a session without one shows ``none``."""
    memory.session("s").expire(600)
    ended = run("ttl", "s", how, "--url", url)
    assert ended == (0, "", "redialog: session s lives for ever\n")
    assert left(memory) is None
    assert run("ttl", "s", "--url", url) == (0, "none\n", "")


def test_a_ttl_beyond_all_time(url: str, ids: list[str], server: Server) -> None:
    """Another client can have set one that Python's times cannot hold."""
    log = OwnLayout("default").session("s", None).log
    with server.client() as client:
        client.execute_command("PEXPIREAT", log, 9 * 10**18)
    assert int(run("ttl", "s", "--url", url).out) > 10**12


def test_chat_takes_a_duration(url: str, memory: ChatMemory) -> None:
    """--ttl of chat understands the same."""
    assert run("chat", "--url", url, "--session", "s", "--ttl", "2h", said="Hi\n").code == 0
    found = left(memory)
    assert found is not None
    assert 7000 < found.total_seconds() <= 7200


def test_title(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """It is set, shown in one line without control characters, and removed by an empty one."""
    shown = run("title", "s", "--url", url)
    assert shown == (0, "", "redialog: session s has no title\n")
    ended = run("title", "s", "Köln \x1b[2J\n日本", "--url", url)
    assert ended == (0, "", "redialog: session s has a new title\n")
    assert memory.session("s").info().title == "Köln \x1b[2J\n日本"
    assert run("title", "s", "--url", url) == (0, "Köln \\x1b[2J\\n日本\n", "")
    assert run("title", "s", "", "--url", url).code == 0
    assert memory.session("s").info().title is None
    assert memory.session("s").info().user_id == "ann"


@pytest.mark.parametrize(
    ("option", "namespace", "prefix"),
    [
        ("--key-prefix", None, "message_store:"),
        ("--key-prefix", None, ""),
        ("--namespace", "n", None),
    ],
)
def test_everywhere(url: str, option: str, namespace: str | None, prefix: str | None) -> None:
    """The store's options lead each command to other sessions."""
    store = ["--url", url, option, namespace or prefix or ""]
    with ChatMemory.from_url(url, namespace=namespace or "default", key_prefix=prefix) as memory:
        ids = [m.id or "" for m in memory.session("s").append(*map(Message.user, TEXTS))]
        assert run("title", "s", "T", *store).code == 0
        assert run("ttl", "s", "60", *store).code == 0
        forked = run("fork", "s", "f", "--at", ids[1], *store)
        assert forked[:2] == (0, "f\n")
        assert f"redialog chat --session f {option} " in forked.err
        assert run("rewind", "s", ids[0], *store).code == 0
        assert run("rm", "s", "--yes", *store).code == 0
        assert texts(memory, "f") == TEXTS[:2]
        assert memory.session("s").count() == 0
        listed = json.loads(run("ls", "--json", *store).out)
        assert [(one["session"], one["title"]) for one in listed] == [("f", "T")]
        assert run("title", "f", *store).out == "T\n"
        assert run("ttl", "f", *store).out != "none\n"
    assert json.loads(run("ls", "--json", "--url", url).out) == []


def test_embedded(tmp_path: Path) -> None:
    """The private server keeps what the commands do from one process to the next."""
    env = {"REDIALOG_HOME": str(tmp_path / "home")}

    def do(*args: str) -> Ended:
        return run(*args, env=env)

    assert run("chat", "--session", "s", said="Hi\n", env=env).code == 0
    first = json.loads(do("show", "s", "--json").out)["messages"][0]["id"]
    assert do("title", "s", "T").code == 0
    assert do("ttl", "s", "1h").code == 0
    assert do("fork", "s", "f", "--at", first)[:2] == (0, "f\n")
    assert do("rewind", "s", first).err == "redialog: dropped 1 message of session s\n"
    assert do("rm", "s", "-y").err == "redialog: deleted session s (1 message)\n"
    assert do("title", "f").out == "T\n"
    assert do("ls").out.split()[:2] == ["f", "1"]


@pytest.mark.parametrize(
    "args",
    [["title", "s"], ["title", "s", "x"], ["ttl", "s"], ["fork", "s"], ["rewind", "s", "m"]],
)
def test_a_key_of_another_type(url: str, server: Server, args: list[str]) -> None:
    """A refusal by the server is exit code 1 and one line."""
    with server.client() as client:
        client.set("p:s", "x")
        ended = run(*args, "--url", url, "--key-prefix", "p:")
        assert (ended.code, ended.out) == (1, "")
        assert len(ended.err.splitlines()) == 1
        assert "unexpected" not in ended.err
        assert client.get("p:s") == b"x"


def test_a_change_in_doubt_says_so(
    url: str, memory: ChatMemory, ids: list[str], server: Server
) -> None:
    """Where every answer to a change is lost, nobody knows, and that is what is said."""
    memory.session("s").expire(600)
    with FaultProxy(server.host, server.port) as proxy:
        proxy.cut_reply(match=b"EVALSHA", times=3)
        ended = run("ttl", "s", "none", "--url", proxy.url)
    assert (ended.code, ended.out) == (4, "")
    assert "may have been done" in ended.err
    assert "idempotency_key" not in ended.err
    assert left(memory) is None


def test_the_copy_s_id_is_not_lost(url: str, memory: ChatMemory, ids: list[str]) -> None:
    """Where standard output is gone, standard error still tells the id of what was made."""
    with start("fork", "s", "--url", url) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 0
    [made] = {one.session_id for one in memory.sessions()} - {"s"}
    assert made in err
