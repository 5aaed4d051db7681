"""`redialog explain`: what a model sees of a session, for people and as JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from redialog import ChatMemory, Message, RollingSummary, ToolCall
from redialog.cli.table import columns
from redialog.keys import OwnLayout
from tests.cli.tools import Ended, Terminal, run
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

EVIL = "evil \x1b]0;pwned\x07 [red]x[/red] \u202e\u2028\nsecond\tline \x7f"

ROW = re.compile(
    r"(\S+) +(\w*?) +(in|summarised|damaged|dropped: \w+) +([\d,]+|not read)(?:  (.*))?"
)


def explained(url: str, *more: str) -> Ended:
    """What the command prints of the session ``s``."""
    return run("explain", "s", "--url", url, *more)


def rows(ended: Ended) -> list[list[str]]:
    """The cells of the table but the heading's: place, role, status, tokens and text."""
    assert (ended.code, ended.err) == (0, "")
    heading, *lines = ended.out.partition("\n\n")[2].splitlines()
    assert heading.split() == ["MESSAGES", "ROLE", "STATUS", "TOKENS", "TEXT"]
    found = [row for line in lines if (row := ROW.fullmatch(line))]
    assert len(found) == len(lines)
    return [[cell or "" for cell in row.groups()] for row in found]


def turns(number: int) -> list[Message]:
    """So many turns."""
    both = (Message.user, Message.assistant)
    return [made(f"{made.__name__} {at}") for at in range(number) for made in both]


@pytest.fixture
def mixed(memory: ChatMemory, server: Server) -> None:
    """A session with a bit of everything."""
    session = memory.session("s")
    session.append(Message.system("Be short."), *turns(6))
    session.append(
        Message.user(EVIL),
        Message.assistant("Looking.", tool_calls=[ToolCall("look\x1b", {"a": 1}, "1")]),
    )
    remove = b'{"type":"remove","data":{"content":"","id":"x"}}'
    with server.client() as client:
        client.lpush(OwnLayout("default").session("s", None).log, b"not JSON \x1b[2J", remove)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    session.append(Message.user([{"type": "text", "text": "See"}, image]), Message.assistant("ok"))


@pytest.mark.usefixtures("mixed")
def test_each_message_with_what_became_of_it(url: str, memory: ChatMemory) -> None:
    """In a pipe: sums, then a line for each message or range, none of them harmful."""
    ended = explained(url, "--window", "2")
    found = memory.session("s").context(window_turns=2).explain()
    assert ended.out.startswith("".join(f"{line}\n" for line in found.heading()) + "\n")
    table = rows(ended)
    assert [row[:3] for row in table] == [
        ["1", "system", "in"],
        ["2-13", "", "dropped: window"],
        ["14", "user", "in"],
        ["15", "assistant", "dropped: orphan"],
        ["16", "damaged", "damaged"],
        ["17", "remove", "dropped: remove"],
        ["18", "user", "in"],
        ["19", "assistant", "in"],
    ]
    assert [row[4] for row in table] == [
        "Be short.",
        "",
        r"evil \x1b]0;pwned\x07 [red]x[/red] \u202e second line \x7f",
        r"Looking. calls look\x1b",
        "it is not JSON",
        "",
        "See [image_url]",
        "ok",
    ]
    assert all(cell.replace(",", "").isdigit() for _, _, _, cell, _ in table)
    assert not set(ended.out) & set("\x1b\x07\u202e\u2028\x7f\t")


@pytest.mark.usefixtures("mixed")
def test_as_json(url: str, memory: ChatMemory) -> None:
    """--json is `Explanation.to_dict` with the session's id, and holds no text of a message."""
    ended = explained(url, "--json", "--window", "2")
    assert (ended.code, ended.err) == (0, "")
    made = json.loads(ended.out)
    found = memory.session("s").context(window_turns=2).explain()
    assert made == {"session": "s", **found.to_dict()}
    assert made["entries"][1]["reason"] == "window"
    for text in ("evil", "Looking", "Be short"):
        assert text not in ended.out
    assert len(ended.out.splitlines()) == 1 + len(made["entries"]) + 1


@pytest.mark.usefixtures("mixed")
def test_without_texts(url: str) -> None:
    """--no-preview leaves all texts out, as where somebody looks over the shoulder."""
    ended = explained(url, "--no-preview")
    assert ended.code == 0
    assert "TEXT" not in ended.out
    assert "Be short" not in ended.out
    assert "evil" not in ended.out
    assert ended.out.count("\n") == explained(url).out.count("\n")


def test_what_chat_shows_by_default(url: str, memory: ChatMemory) -> None:
    """Without options the window is that of `redialog chat`; with a budget that alone decides."""
    memory.session("s").append(*turns(80))
    statuses = [row[2] for row in rows(explained(url))]
    assert statuses == ["dropped: window", *["in"] * 100]
    budget = explained(url, "--max-tokens", "300")
    assert "dropped: budget" in budget.out
    everything = explained(url, "--max-tokens", "100000")
    assert [row[2] for row in rows(everything)] == ["in"] * 160
    both = explained(url, "--max-tokens", "100000", "--window", "1")
    assert [row[2] for row in rows(both)].count("in") == 2
    none = explained(url, "--window", "0")
    assert {row[2] for row in rows(none)} == {"dropped: window"}


def test_a_budget_that_is_too_small(url: str, memory: ChatMemory) -> None:
    """Where not even the newest turn fits, the exit code is 2 and the error says what is needed."""
    memory.session("s").append(*turns(2))
    ended = explained(url, "--max-tokens", "5")
    assert (ended.code, ended.out) == (2, "")
    assert "and 5 are allowed" in ended.err


def test_a_summary_and_its_failure(url: str, memory: ChatMemory) -> None:
    """Both are told, with when and by whom."""

    def failing(*_: Any) -> str:
        raise RuntimeError("secret")

    def keen(*_: Any) -> str:
        return "They counted."

    session = memory.session("s")
    session.append(*turns(20))
    for summarizer in (keen, failing):
        rolling = RollingSummary(summarizer, trigger_tokens=60, keep_turns=1)
        session.context(summarizer=rolling)
        session.append(*turns(20))
    ended = explained(url, "--max-tokens", "1000")
    found = session.context(max_tokens=1000).explain()
    assert (found.summary is not None, found.failure is not None) == (True, True)
    assert ended.out.startswith("".join(f"{line}\n" for line in found.heading()) + "\n")
    assert "'keen'" in ended.out
    assert "secret" not in ended.out
    statuses = [row[2] for row in rows(ended)]
    assert statuses[0] == "summarised"
    assert statuses[-1] == "in"


@pytest.mark.parametrize("more", [[], ["--json"], ["--max-tokens", "100"]])
def test_an_unknown_session(url: str, more: list[str]) -> None:
    """A session without messages is exit code 3, and standard output stays empty."""
    ended = explained(url, *more)
    assert (ended.code, ended.out) == (3, "")
    assert "there is no session 's'" in ended.err


def test_a_key_of_another_type(url: str, server: Server) -> None:
    """A refusal by the server is exit code 1 and one line."""
    with server.client() as client:
        client.set("p:s", "x")
    ended = explained(url, "--key-prefix", "p:")
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1


def test_a_long_session(server: Server, memory: ChatMemory) -> None:
    """Of 20,000 messages it reads one page, and shows the rest as one range."""
    memory.session("s").append(*turns(10_000))
    with FaultProxy(server.host, server.port) as proxy:
        ended = explained(proxy.url, "--window", "5")
        assert proxy.bytes_down < 50_000
    table = rows(ended)
    assert table[0] == ["1-19,988", "", "dropped: window", "not read", ""]
    assert table[-1][::2] == ["20,000", "in", "assistant 9999"]
    assert len(table) < 20


def test_a_shared_layout(url: str, server: Server) -> None:
    """A session that another library has written is explained, too."""
    with server.client() as client:
        client.lpush("p:s", b'{"type":"human","data":{"content":"hi"}}', b"junk")
    table = rows(explained(url, "--key-prefix", "p:"))
    assert [row[1:3] for row in table] == [["user", "in"], ["damaged", "damaged"]]


@pytest.mark.parametrize("width", [200, 80, 60, 52, 40])
@pytest.mark.usefixtures("mixed")
def test_as_wide_as_the_terminal(url: str, memory: ChatMemory, width: int) -> None:
    """Texts are cut to the width, wide characters counted; without room there are none."""
    memory.session("s").append(Message.user("日本語 " * 100))
    env = {"COLUMNS": str(width), "NO_COLOR": "1"}
    with Terminal("explain", "s", "--url", url, env=env) as terminal:
        assert terminal.end() == 0
    _, _, table = terminal.seen.replace("\r", "").partition("\n\n")
    lines = table.splitlines()
    if width >= 60:
        assert max(map(columns, lines)) in (width, width - 1)
        assert lines[-1].endswith("…")
    else:
        assert "日" not in table
    assert ("TEXT" in lines[0]) is (width >= 60)


@pytest.mark.usefixtures("mixed")
def test_colours(url: str) -> None:
    """What is in stands out, what is damaged is red; NO_COLOR is respected."""
    with Terminal("explain", "s", "--url", url) as terminal:
        assert terminal.end() == 0
    assert "\x1b[31m16 " in terminal.seen
    assert "\x1b[2m15 " in terminal.seen
    assert "\n14 " in terminal.seen
    assert "\x1b]" not in terminal.seen
    with Terminal("explain", "s", "--url", url, env={"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ([], "in the namespace 'default' (--namespace and --key-prefix name others)"),
        (["--namespace", "shop"], "in the namespace 'shop'"),
        (["--key-prefix", "message_store:"], "with the key prefix 'message_store:'"),
    ],
)
def test_an_unknown_session_is_told_with_its_place(url: str, more: list[str], where: str) -> None:
    """Whoever looked in the wrong namespace, as most do, sees which one it was."""
    for command in (["explain"], ["show"], ["ttl"], ["title"], ["rm", "-y"]):
        ended = run(*command, "s", "--url", url, *more)
        assert ended == (3, "", f"redialog: there is no session 's' {where}\n")
