"""`redialog nodes run` where something is wrong: one line, an exit code, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from redialog import ChatMemory, Message
from tests.cli.tools import Ended, run
from tests.nodes.flowing import CREDENTIAL_ID, REDIS, UPSTASH, flow, memory_node, written
from tests.support.gateways import Gateway
from tests.support.servers import Server

SECRET = "t0p-secret"
UNREACHABLE = f"redis://me:{SECRET}@127.0.0.1:1"
URL = {"name": "redisCacheUrlApi", "redisUrl": UNREACHABLE}
HOST = {"name": "redisCacheApi", "redisCachePwd": SECRET}
TOKEN = {"name": "upstashRedisMemoryApi", "upstashRestToken": SECRET}


def ran(folder: Path, document: Any, *args: str) -> Ended:
    """What the command does with a flow; it must show no secret."""
    ended = run("nodes", "run", written(folder, document), *args)
    assert SECRET not in ended.out + ended.err
    assert "Traceback" not in ended.err
    return ended


def refused(ended: Ended) -> str:
    """What standard error says: one line, with the exit code for wrong usage."""
    assert (ended.code, ended.out) == (2, "")
    [line] = ended.err.splitlines()
    assert line.startswith("redialog: ")
    return line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b'{"nodes": [', "ends in the middle"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"[]", "not a list"),
        (b'{"nodes": [{"data": {"name": "a", "x": NaN}}]}', "NaN"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"nodes": []}', "no nodes at all"),
        (json.dumps(flow()).encode(), "only 'chatOpenAI'"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_damaged_flow(tmp_path: Path, text: bytes, said: str, more: list[str]) -> None:
    """What `flows` refuses is told in one line, from a file and from standard input."""
    path = tmp_path / "flow.json"
    path.write_bytes(text)
    assert said in refused(run("nodes", "run", str(path), *more))
    given = text.decode(errors="surrogateescape")
    assert said in refused(run("nodes", "run", "-", *more, said=given))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is wrong usage."""
    assert "No such file" in refused(run("nodes", "run", str(tmp_path / "no\x1bne.json")))
    assert "Is a directory" in refused(run("nodes", "run", str(tmp_path)))
    path = written(tmp_path, flow(memory_node()))
    line = refused(run("nodes", "run", path, "--credential", str(tmp_path / "no\x1bne.json")))
    assert r"no\x1bne.json" in line
    assert "No such file" in line


@pytest.mark.parametrize(
    ("node", "field", "said"),
    [
        (memory_node(version=3), "version", "update redialog"),
        (memory_node(version=1), "version", "replace the node"),
        (memory_node(version="new"), "version", "must be a number"),
        (memory_node(inputs={"windowSize": "many"}), "windowSize", "whole number"),
        (memory_node(inputs={"sessionTTL": "soon"}), "sessionTTL", "whole number"),
        (memory_node(inputs={"ttlMode": "never"}), "ttlMode", "must be one of"),
        (memory_node(inputs={"sessionId": "{{$vars.id}}"}), "sessionId", "expression"),
        (memory_node(inputs={"sessionId": "redialog:x"}), "sessionId", "redialog:"),
        (
            memory_node(credential=CREDENTIAL_ID),
            "credential",
            f"the flow names one {CREDENTIAL_ID}",
        ),
        (memory_node(credential=SECRET), "credential", "the flow names one"),
        (memory_node(credential=TOKEN), "credential", "must be of the kind"),
        (memory_node(UPSTASH), "credential", "the node needs one (upstashRedisMemoryApi)"),
        (memory_node(UPSTASH, credential=TOKEN), "baseURL", "is not set"),
        (memory_node(UPSTASH, {"baseURL": UNREACHABLE}, credential=TOKEN), "baseURL", "https://"),
    ],
)
def test_a_node_that_is_wrong(tmp_path: Path, node: dict[str, Any], field: str, said: str) -> None:
    """The line names node and field, and no node of the flow is run."""
    good = memory_node(inputs={"sessionId": "s"}, at=7)
    line = refused(ran(tmp_path, flow(good, node)))
    assert line.startswith(f"redialog: {node['id']}: {field}: ")
    assert said in line
    if "names one" in said or "needs one" in said:
        assert f"--credential {node['id']}=FILE.json" in line


def test_a_credential_for_each_node_that_needs_one(tmp_path: Path) -> None:
    """--url is none for a node that is not on Redis."""
    document = flow(memory_node(UPSTASH, {"baseURL": "https://x.upstash.io"}))
    line = refused(ran(tmp_path, document, "--url", UNREACHABLE))
    assert f"{UPSTASH}_0: credential: the node needs one" in line


def test_a_node_without_a_credential(tmp_path: Path) -> None:
    """An export holds none: it is said that the Redis of this machine stands for the flow's."""
    document = flow(memory_node(inputs={"sessionId": "s"}))
    said = f"redialog: {REDIS}_0 has no credential"
    assert ran(tmp_path, document).err.startswith(said)
    assert said not in ran(tmp_path, document, "--url", UNREACHABLE).err
    inside = flow(memory_node(inputs={"sessionId": "s"}, credential=URL))
    assert said not in ran(tmp_path, inside).err


def test_an_empty_session_id(tmp_path: Path) -> None:
    """--session names a session."""
    ended = ran(tmp_path, flow(memory_node()), "--url", UNREACHABLE, "--session", "")
    assert "--session must not be empty" in refused(ended)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("", [])], "must be an object"),
        ([("", {})], "needs a name"),
        ([("", {"redisUrl": SECRET})], "needs a name"),
        ([("", {"name": SECRET})], "needs a name"),
        ([("", {"name": [SECRET]})], "needs a name"),
        ([("", URL), ("", URL)], "two for redisCacheUrlApi"),
        ([(f"{REDIS}_0=", URL), (f"{REDIS}_0=", URL)], f"two for {REDIS}_0"),
        ([("", URL), ("", HOST)], f"redisCacheApi and redisCacheUrlApi are both for {REDIS}_0"),
        ([("", URL), ("", TOKEN)], "upstashRedisMemoryApi is for no memory node of the flow"),
        ([("Redis_7=", URL)], f"Redis_7 is for no memory node of the flow: {REDIS}_0"),
        ([(f"{REDIS}_0=", TOKEN)], f"{REDIS}_0: credential: must be of the kind redisCache"),
        ([(f"{REDIS}_0=", {"name": "redisCacheUrlApi"})], f"{REDIS}_0: redisUrl"),
        ([("", {**URL, "redisUrl": "$NOT_SET"})], f"{REDIS}_0: redisUrl"),
        ([("", {**URL, "redisUrl": f"gopher://{SECRET}"})], f"{REDIS}_0: redisUrl"),
        ([("", {**HOST, "redisCachePort": SECRET})], f"{REDIS}_0: redisCachePort"),
        (
            [("", {**HOST, "credentialName": None, "redisCachePort": SECRET})],
            f"{REDIS}_0: redisCachePort",
        ),
    ],
)
def test_a_credential_that_is_wrong(
    tmp_path: Path, files: list[tuple[str, object]], said: str
) -> None:
    """It says which one, or which node and field, and nothing of what is in it."""
    args: list[str] = []
    for at, (name, value) in enumerate(files):
        args += ["--credential", name + written(tmp_path, value, f"credential-{at}.json")]
    assert said in refused(ran(tmp_path, flow(memory_node(inputs={"sessionId": "s"})), *args))


def test_a_damaged_credential(tmp_path: Path) -> None:
    """It is told like a damaged flow."""
    path = tmp_path / "credential.json"
    path.write_text(f'{{"name": "{SECRET}')
    line = refused(ran(tmp_path, flow(memory_node()), "--credential", f"{REDIS}_0={path}"))
    assert f"the credential {path} is damaged: it ends in the middle" in line


@pytest.mark.parametrize("url", ["gopher://x", f"redis://me:{SECRET}@host:port", "$NOT_SET", ""])
def test_a_url_that_is_wrong(tmp_path: Path, url: str) -> None:
    """It is told as the field of the credential that it stands for."""
    line = refused(ran(tmp_path, flow(memory_node()), "--url", url))
    assert line.startswith(f"redialog: {REDIS}_0: redisUrl: ")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_unreachable_store(tmp_path: Path, more: list[str]) -> None:
    """Where nobody answers, the exit code is 4 and the address is named without secrets."""
    document = flow(memory_node(inputs={"sessionId": "s"}))
    ended = ran(tmp_path, document, "--url", UNREACHABLE, *more)
    assert (ended.code, ended.out) == (4, "")
    assert "127.0.0.1:1" in ended.err


def test_a_token_that_is_refused(tmp_path: Path, running_gateway: Gateway) -> None:
    """It is told as by any other command, without the token."""
    document = flow(memory_node(UPSTASH, {"baseURL": running_gateway.url, "sessionId": "s"}))
    ended = ran(tmp_path, document, "--credential", written(tmp_path, TOKEN, "token.json"))
    assert (ended.code, ended.out) == (4, "")
    assert len(ended.err.splitlines()) == 1


def test_a_key_of_another_type(tmp_path: Path, server: Server) -> None:
    """A refusal by the server is exit code 1 and one line."""
    with server.client() as client:
        client.set("s", SECRET)
    document = flow(memory_node(inputs={"sessionId": "s"}))
    ended = ran(tmp_path, document, "--url", server.url)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)


def test_where_the_second_node_fails(tmp_path: Path, server: Server) -> None:
    """What the first one hands over is printed for people; JSON is printed whole or not."""
    with ChatMemory.from_url(server.url, key_prefix="") as memory:
        memory.session("s").append(Message.user("hi"))
    here = {"name": "redisCacheUrlApi", "redisUrl": server.url}
    document = flow(
        memory_node(inputs={"sessionId": "s"}, credential=here),
        memory_node(inputs={"sessionId": "s"}, credential=URL, at=1),
    )
    ended = ran(tmp_path, document)
    assert ended.code == 4
    assert "    hi\n" in ended.out
    assert ran(tmp_path, document, "--json")[:2] == (4, "")
