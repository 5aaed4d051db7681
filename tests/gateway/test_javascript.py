"""The real @upstash/redis, unchanged, in front of the gateway."""

from __future__ import annotations

from typing import Any

import redis

from tests.gateway.conftest import Scenario

WRONGTYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
REFUSED = "is refused by this gateway, which can be started with --allow-commands"


def test_single_commands(scenario: Scenario, raw: redis.Redis) -> None:
    """What it writes lies in Redis as it should, and what it reads comes back as its own types."""
    assert scenario("single") == {
        "set": "OK",
        "get": {"a": [1, None]},
        "missing": None,
        "expires": True,
        "boolean": ["OK", True],
        "number": ["OK", 1.75, 1.75],
        "incr": 7,
        "hash": [2, {"a": 1, "b": "two"}, {"b": "two", "c": None}],
        "list": [2, ["a", "b"]],
        "sorted": [2, ["m", 1.5, "o", 2], 1.5],
        "set_type": [1, ["x"]],
        "stream": ["1-1", {"1-1": {"f": "v"}}],
        "scan": ["0", ["k"]],
        "ping": "PONG",
        "echo": "OK",
        "type": "list",
        "exists": 2,
        "del": 1,
    }
    assert raw.get("b") == b"true"
    assert raw.hgetall("h") == {b"a": b"1", b"b": b"two"}


def test_auto_pipelining(scenario: Scenario) -> None:
    """The commands of a moment travel together, and each gets its own reply or error."""
    assert scenario("autoPipelining") == {
        "set": ["OK"],
        "got": list(range(20)),
        "failed": f"UpstashError: Command failed: {WRONGTYPE}",
        "next": 2,
        "requests": 3,
    }


def test_a_pipeline(scenario: Scenario) -> None:
    """A command that fails does not stop the others."""
    assert scenario("pipeline") == {
        "kept": [{"result": "OK"}, {"error": WRONGTYPE}, {"result": "v"}, {"result": None}],
        "thrown": f"UpstashError: Command 2 [ lpush ] failed: {WRONGTYPE}",
    }


def test_a_transaction(scenario: Scenario) -> None:
    """One that is discarded gives one error, and nothing of it has been done."""
    aborted = "UpstashError: EXECABORT Transaction discarded because of: "
    assert scenario("transaction") == {
        "done": ["OK", 2, []],
        "failing": [{"result": 3}, {"error": WRONGTYPE}, {"result": 4}],
        "discarded": f"{aborted}ERR wrong number of arguments for 'del' command, "
        'command was: [["incr","m"],["del"]]',
        "refused": f"{aborted}NOPERM the command 'flushall' {REFUSED}, "
        'command was: [["incr","m"],["flushall"]]',
        "left": 4,
    }


def test_scripts(scenario: Scenario) -> None:
    """Also those that the server does not know yet: its words lead the client to send the text."""
    assert scenario("scripts") == {
        "evaluated": ["k", ["ä", "OK"], 1],
        "status": "PONG",
        "loaded": ["key", "arg", 7],
        "unknown": "UpstashError: Command failed: NOSCRIPT No matching script. Please use EVAL.",
        "fallen_back": "fresh x",
        "read_only": None,
        "exists": [1, 0],
        "failing": "UpstashError: Command failed: MINE it is",
    }


def test_texts(scenario: Scenario) -> None:
    """Any text comes back as it was, with base64 and without, alone and in a list."""
    seen: dict[str, Any] = scenario("texts")
    assert seen == dict.fromkeys(
        ("single base64", "list base64", "single false", "list false"), True
    )


def test_tokens(scenario: Scenario) -> None:
    """A wrong one and none do nothing; the read-only one reads."""
    unauthorized = (
        'UpstashError: WRONGPASS invalid or missing auth token, command was: [["get","k"]]'
    )
    refused = "NOPERM the command '{}' is refused with the read-only token"
    assert scenario("tokens") == {
        "wrong": unauthorized,
        "missing": unauthorized,
        "reads": "v",
        "writes": f"UpstashError: Command failed: {refused.format('set')}",
        "mixed": [{"result": "v"}, {"error": refused.format("del")}],
        "evaluates": f"UpstashError: Command failed: {refused.format('eval')}",
        "left": "v",
    }


def test_refusals(scenario: Scenario) -> None:
    """What is refused is said, and the next command is served."""
    assert scenario("refused") == {
        "flushall": f"UpstashError: NOPERM the command 'flushall' {REFUSED}, "
        'command was: ["flushall"]',
        "keys": f'UpstashError: NOPERM the command \'keys\' {REFUSED}, command was: ["keys","*"]',
        "large": "UpstashError: ERR max request size exceeded, command was: [["[:60],
        "undefined": 'UpstashError: ERR null args are not supported, command was: [["del",null]]',
        "next": "OK",
    }


def test_concurrent_requests(scenario: Scenario) -> None:
    """Each of many requests at once is executed once, and gets its own reply."""
    assert scenario("concurrent") == {"distinct": 200, "last": 200}


def test_the_sync_token(scenario: Scenario) -> None:
    """Each answer brings a new one to a client that sends its own, and none to another."""
    assert scenario("syncToken") == {"first": "", "distinct": 4, "without": ""}
