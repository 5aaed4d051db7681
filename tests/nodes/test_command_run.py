"""`redialog nodes run`: the memory that the nodes of a flow hand over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redialog import ChatMemory, Message, RollingSummary, ToolCall
from redialog.nodes import RedisBackedChatMemory
from tests.cli.tools import MAIN, Ended, Terminal, environment, run, start
from tests.nodes.flowing import CREDENTIAL_ID, REDIS, UPSTASH, flow, memory_node, written
from tests.nodes.tools import exchange
from tests.support.gateways import Gateway
from tests.support.servers import Server

EVIL = "evil \x1b]0;pwned\x07 [red]x[/red] \u202e\u2028 \x7f\nuser 2026-01-02 03:04:05 UTC"


@pytest.fixture
def memory(server: Server) -> Iterator[ChatMemory]:
    """The sessions as the builders name them, of an empty server."""
    with ChatMemory.from_url(server.url, key_prefix="") as opened:
        yield opened


def ran(folder: Path, document: Any, *args: str, env: dict[str, str] | None = None) -> Ended:
    """What the command does with a flow."""
    return run("nodes", "run", written(folder, document), *args, env=env)


def handed(ended: Ended) -> list[dict[str, Any]]:
    """The nodes of a run that was asked for JSON."""
    assert (ended.code, ended.err) == (0, "")
    made = json.loads(ended.out)
    assert list(made) == ["nodes"]
    found: list[dict[str, Any]] = made["nodes"]
    return found


def contents(node: dict[str, Any]) -> list[Any]:
    """The texts of a node's messages."""
    return [message["content"] for message in node["messages"]]


def keyspace(server: Server) -> dict[bytes, tuple[bytes, int]]:
    """Each key with its value and the moment at which it expires."""
    with server.client() as client:
        return {key: (client.dump(key), client.pexpiretime(key)) for key in sorted(client.keys())}


def test_for_people(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """A heading with node, name, session and memory key, then the messages as `show` has them."""
    memory.session("s-1").append(
        Message.user("Is it\n\nraining?", name="Jim"),
        Message.assistant("Let me look.", tool_calls=[ToolCall("look", {"at": "sky"}, "c1")]),
        Message.tool("Yes.", tool_call_id="c1"),
    )
    document = flow(memory_node(inputs={"sessionId": "s-1", "memoryKey": "past"}))
    ended = ran(tmp_path, document, "--url", server.url)
    assert (ended.code, ended.err) == (0, "")
    heading, _, rest = ended.out.partition("\n\n")
    assert heading == f"{REDIS}_0 ({REDIS}), session s-1, as past: 3 messages"
    assert rest == run("show", "s-1", "--url", server.url, "--key-prefix", "").out


def test_hostile_text(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """Whatever is stored, or stands in the flow, reaches the terminal written out."""
    memory.session(EVIL).append(Message.user(EVIL))
    node = memory_node(inputs={"sessionId": EVIL, "memoryKey": EVIL}, label=EVIL)
    node["id"] = node["data"]["id"] = EVIL
    document = {"ChatFlow": [{"name": EVIL, "flowData": json.dumps(flow(node))}]}
    ended = ran(tmp_path, document, "--url", server.url)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].count(r"evil \x1b]0;pwned\x07 [red]x[/red] \u202e\u2028 \x7f\nuser") == 4
    assert [line for line in lines[1:] if line.startswith("user ")] == [lines[2]]
    shown = ran(tmp_path, document, "--url", server.url, "--json")
    assert handed(shown)[0]["messages"][0]["content"] == EVIL
    with Terminal("nodes", "run", written(tmp_path, document), "--url", server.url) as terminal:
        assert terminal.end() == 0
    for text in (ended.out, ended.err, shown.out, terminal.seen.replace("\x1b[", "")):
        assert not set(text) & set("\x1b\x07\u202e\u2028\x7f")


def test_as_json(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """--json has each node with all fields of its messages, as `show --json` has them."""
    memory.session("s").append(Message.user("Zoë", metadata={"a": [1]}), Message.assistant("b"))
    document = flow(memory_node(inputs={"sessionId": "s"}, label="Ours"), memory_node(at=1))
    ended = ran(tmp_path, document, "--url", server.url, "--json", "--session", "s")
    one, two = handed(ended)
    shown = json.loads(run("show", "s", "--url", server.url, "--key-prefix", "", "--json").out)
    assert one == {
        "id": f"{REDIS}_0",
        "name": REDIS,
        "label": "Ours",
        "version": 2,
        "flow": None,
        "session": "s",
        "memory_key": "chat_history",
        "messages": shown["messages"],
        "count": 2,
    }
    assert (two["id"], two["messages"]) == (f"{REDIS}_1", one["messages"])


def test_both_kinds_of_nodes(
    tmp_path: Path, server: Server, running_gateway: Gateway, memory: ChatMemory
) -> None:
    """Each takes the credential of its kind; the token that may only read is enough."""
    memory.session("s").append(Message.user("hi"))
    token = {
        "name": "upstashRedisMemoryApi",
        "upstashRestToken": running_gateway.read_only_token,
    }
    address = {
        "name": "redisCacheApi",
        "redisCacheHost": server.host,
        "redisCachePort": str(server.port),
    }
    document = flow(
        memory_node(REDIS, {"sessionId": "s"}),
        memory_node(UPSTASH, {"baseURL": running_gateway.url, "sessionId": "s"}),
    )
    ended = ran(
        tmp_path,
        document,
        *("--credential", written(tmp_path, token, "token.json")),
        *("--credential", written(tmp_path, address, "address.json")),
        "--json",
    )
    one, two = handed(ended)
    assert (one["name"], two["name"]) == (REDIS, UPSTASH)
    assert contents(one) == contents(two) == ["hi"]


def test_credentials_of_one_node(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """One by the node's id comes before the credential's, that before the kind's, last the URL."""
    memory.session("s").append(Message.user("hi"))
    there = {"name": "redisCacheUrlApi", "redisUrl": "$REDIS_URL"}
    nowhere = {"name": "redisCacheUrlApi", "redisUrl": "redis://127.0.0.1:1"}
    good = written(tmp_path, there, "good.json")
    bad = written(tmp_path, nowhere, "bad.json")
    document = flow(memory_node(inputs={"sessionId": "s"}, credential=CREDENTIAL_ID))

    def tried(*args: str) -> Ended:
        return ran(tmp_path, document, *args, env={"REDIS_URL": server.url})

    ids = [f"{REDIS}_0=", f"{CREDENTIAL_ID}=", ""]
    for at, name in enumerate(ids):
        others = [part for one in ids[at + 1 :] for part in ("--credential", one + bad)]
        ended = tried("--credential", name + good, *others, "--url", "redis://127.0.0.1:1")
        assert (ended.code, ended.err) == (0, ""), name
        assert "    hi\n" in ended.out
    assert tried("--credential", bad, "--url", server.url).code == 4
    assert "    hi\n" in tried("--url", "$REDIS_URL").out


def test_a_credential_inside_the_flow(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """It is used where the command line has none for the node."""
    memory.session("s").append(Message.user("hi"))
    inline = {"name": "redisCacheUrlApi", "redisUrl": server.url}
    document = flow(memory_node(inputs={"sessionId": "s"}, credential=inline))
    assert "    hi\n" in ran(tmp_path, document).out
    assert ran(tmp_path, document, "--url", "redis://127.0.0.1:1").code == 4


def test_from_standard_input(server: Server, memory: ChatMemory) -> None:
    """A dash stands for standard input."""
    memory.session("s").append(Message.user("hi"))
    document = flow(memory_node(inputs={"sessionId": "s", "memoryKey": "日本"}))
    text = json.dumps(document, ensure_ascii=False)
    ended = run("nodes", "run", "-", "--url", server.url, said=text)
    assert (ended.code, ended.err) == (0, "")
    assert "as 日本: 1 message\n" in ended.out
    damaged = run("nodes", "run", "-", "--url", server.url, said=text[:-5])
    assert (damaged.code, damaged.out) == (2, "")
    assert "ends in the middle" in damaged.err
    code = f"import sys; sys.stdin = None\n{MAIN}"
    missing = run("nodes", "run", "-", code=code)
    assert (missing.code, missing.out) == (2, "")


def test_another_session(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """--session stands in the place of the flow's, also of an expression of the builder."""
    memory.session("other").append(Message.user("hi"))
    for session_id in ("s", "", "{{$vars.session}}"):
        document = flow(memory_node(inputs={"sessionId": session_id}))
        ended = ran(tmp_path, document, "--url", server.url, "--session", "other")
        assert (ended.code, ended.err) == (0, "")
        assert "session other, as chat_history: 1 message\n" in ended.out


def test_a_session_that_is_not_named(tmp_path: Path, server: Server) -> None:
    """Such a node has a new session each time: nothing is in it, and standard error says why."""
    document = flow(memory_node())
    ids = set()
    for _ in range(2):
        ended = ran(tmp_path, document, "--url", server.url, "--json")
        assert ended.code == 0
        assert ended.err.startswith(f"redialog: {REDIS}_0 has no session id")
        assert "--session" in ended.err
        [node] = json.loads(ended.out)["nodes"]
        assert (node["messages"], node["count"]) == ([], 0)
        ids.add(node["session"])
    assert len(ids) == 2


def test_a_session_that_is_not_there(tmp_path: Path, server: Server) -> None:
    """What has not begun is an empty memory, as for the node."""
    ended = ran(tmp_path, flow(memory_node(inputs={"sessionId": "s"})), "--url", server.url)
    assert ended == (0, f"{REDIS}_0 ({REDIS}), session s, as chat_history: 0 messages\n\n", "")


def test_what_the_node_hands_over(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """Window, tokens and key prefix of the inputs count; damaged elements are left out."""
    with ChatMemory.from_url(server.url, key_prefix="p:") as other:
        for number in range(5):
            other.session("s").append(Message.user(f"q{number}"), Message.assistant(f"a{number}"))
    with server.client() as client:
        client.lpush("p:s", b"not JSON")
    for inputs, expected in (
        ({"windowSize": "2"}, ["q3", "a3", "q4", "a4"]),
        ({"windowSize": 1}, ["q4", "a4"]),
        ({"maxTokens": "13"}, ["q4", "a4"]),
        ({}, [f"{who}{number}" for number in range(5) for who in "qa"]),
    ):
        document = flow(memory_node(inputs={"sessionId": "s", "keyPrefix": "p:", **inputs}))
        [node] = handed(ran(tmp_path, document, "--url", server.url, "--json"))
        assert contents(node) == expected


def summarised(url: str, session_id: str, exchanges: int) -> None:
    """Has a node summarise a session, and adds so much that it would have to again."""
    keen = RollingSummary(lambda *_: "They counted.", trigger_tokens=30, keep_turns=1)
    inputs = {"sessionId": session_id, "summarize": True}
    credential = {"name": "redisCacheUrlApi", "redisUrl": url}
    with RedisBackedChatMemory(inputs, credential, summarizer=keen) as node:
        for number in range(exchanges):
            node.add_chat_messages(exchange(number))
        node.get_chat_messages()
        assert node.session().summary() is not None
        for number in range(exchanges, 2 * exchanges):
            node.add_chat_messages(exchange(number, 400))


@pytest.mark.parametrize("limits", [{}, {"windowSize": "1"}, {"maxTokens": "3000"}])
def test_a_summary_is_shown_and_none_is_made(
    tmp_path: Path, server: Server, memory: ChatMemory, limits: dict[str, str]
) -> None:
    """The one that there is comes first, and however much is due, nothing is folded."""
    summarised(server.url, "s", 4)
    before, summary = keyspace(server), memory.session("s").summary()
    document = flow(memory_node(inputs={"sessionId": "s", "summarize": True, **limits}))
    [node] = handed(ran(tmp_path, document, "--url", server.url, "--json"))
    assert node["messages"][0]["role"] == "system"
    assert node["messages"][0]["content"].endswith("They counted.")
    assert contents(node)[-1].startswith("a7 a7")
    assert "q0" not in contents(node)
    assert memory.session("s").summary() == summary
    assert keyspace(server) == before


def test_nothing_is_written(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """Not a key, not a TTL: also where reading would renew it, and where the session is new."""
    memory.session("s", ttl=1000, user_id="ann").append(Message.user("hi"), Message.assistant("a"))
    before = keyspace(server)
    assert before
    inputs = {"sessionTTL": "9000", "ttlMode": "on_read", "userId": "ann", "windowSize": "1"}
    nodes = [
        memory_node(inputs={**inputs, "sessionId": session_id, "summarize": summarize}, at=at)
        for at, (session_id, summarize) in enumerate(
            [("s", False), ("s", True), ("new", False), ("", True)]
        )
    ]
    document = flow(*nodes, memory_node(inputs={"sessionId": "s"}, at=9))
    ended = ran(tmp_path, document, "--url", server.url, "--json")
    assert ended.code == 0
    assert [node["count"] for node in json.loads(ended.out)["nodes"]] == [2, 2, 0, 0, 2]
    assert keyspace(server) == before


def test_a_user_that_may_only_read(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """A user to whom the server denies each command that writes, also in a script, is enough."""
    summarised(server.url, "s", 4)
    with server.client() as client:
        client.acl_setuser(
            "reader", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-@write"]
        )
    try:
        address = server.url.replace("redis://", "redis://reader:x@")
        inputs = {"sessionId": "s", "sessionTTL": "60", "ttlMode": "on_read", "summarize": True}
        ended = ran(tmp_path, flow(memory_node(inputs=inputs)), "--url", address)
        assert (ended.code, ended.err) == (0, "")
        assert "They counted." in ended.out
    finally:
        with server.client() as client:
            client.acl_deluser("reader")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_goes(
    tmp_path: Path, server: Server, memory: ChatMemory, more: list[str]
) -> None:
    """A broken pipe ends it quietly."""
    memory.session("s").append(*[Message.user(f"message {at} " * 20) for at in range(2500)])
    path = written(tmp_path, flow(memory_node(inputs={"sessionId": "s"})))
    assert run("nodes", "run", path, "--url", server.url, *more).out.count("message 2499 ") == 20
    with start("nodes", "run", path, "--url", server.url, *more) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait(20)
    assert process.returncode == 0


def test_colours(tmp_path: Path, server: Server, memory: ChatMemory) -> None:
    """Headings stand out in a terminal; NO_COLOR is respected."""
    memory.session("s").append(Message.user("hi"))
    path = written(tmp_path, flow(memory_node(inputs={"sessionId": "s"})))
    with Terminal("nodes", "run", path, "--url", server.url) as terminal:
        assert terminal.end() == 0
    assert f"\x1b[1m{REDIS}_0 (" in terminal.seen
    env = {**environment(), "NO_COLOR": "1"}
    with Terminal("nodes", "run", path, "--url", server.url, env=env) as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.seen
