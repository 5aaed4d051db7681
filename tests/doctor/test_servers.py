"""Real servers, each configured badly in one way: the doctor finds that, through both facades."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from redialog import AuthError, ChatMemory, ConnectError, Message
from redialog.diagnosis import Diagnosis
from tests.doctor.tools import keys_of, levels, one
from tests.embedded.tools import nothing_left, until
from tests.support.servers import Server, Setting, plain_client, replica_of, wait_until

Diagnose = Callable[..., Diagnosis]
SOUND: dict[str, Setting] = {"appendfsync": "everysec"}
INFORMED = {"modules", "replication", "ttl"}


@pytest.mark.parametrize("kind", ["redis", "valkey"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_sound_server(diagnose: Diagnose, kind: str, protocol: int) -> None:
    """Nothing is wrong and nothing unchecked, in either protocol."""
    with Server(kind, appendonly=True, config=SOUND) as server:
        with ChatMemory.from_url(server.url) as memory:
            memory.session("a", ttl=600).append(Message.user("x"), Message.assistant("y"))
        found = diagnose(server.url, protocol=protocol)
        assert {finding.check for finding in found.of("info")} <= INFORMED
        assert not found.of("not_checked", "warning", "error"), str(found)
        with server.client() as client:
            info = client.info("server")
        name = f"Valkey {info['valkey_version']}" if kind == "valkey" else info["redis_version"]
        assert name in one(found, "server").text
        assert one(found, "elements").text == "2 messages can be read"


BAD: list[tuple[dict[str, Setting], str, str, str]] = [
    ({"appendonly": "no"}, "persistence", "warning", "nothing is saved"),
    ({"appendonly": "no", "save": "3600 1"}, "persistence", "warning", "snapshots only"),
    ({"appendfsync": "no"}, "persistence", "warning", "appendfsync no"),
    (
        {"maxmemory": "50mb", "maxmemory-policy": "allkeys-lru"},
        "eviction",
        "warning",
        "allkeys-lru: a full server deletes conversations",
    ),
    ({"maxmemory-policy": "allkeys-lru"}, "eviction", "info", "no effect"),
    ({"min-replicas-to-write": "1"}, "replication", "error", "writes are refused"),
    ({"maxmemory": "100kb"}, "memory", "error", "writes are refused"),
    (
        {"maxmemory": "100kb", "maxmemory-policy": "allkeys-random"},
        "memory",
        "warning",
        "of 100.0 KiB used",
    ),
    ({"rename-command": 'EVALSHA ""'}, "scripts", "error", "the server has no EVALSHA"),
    ({"rename-command": 'EVAL ""'}, "scripts", "error", "the server has no EVAL"),
    ({"rename-command": "LREM L1"}, "acl", "error", "the server has no LREM"),
    ({"rename-command": 'CONFIG ""'}, "persistence", "ok", "append-only file"),
]


@pytest.mark.parametrize(
    ("config", "check", "level", "text"), BAD, ids=lambda value: str(value)[:40]
)
def test_a_server_that_is_configured_badly(
    diagnose: Diagnose, config: dict[str, Setting], check: str, level: str, text: str
) -> None:
    """The finding names it, and the other checks go on."""
    with Server("redis", appendonly=True, config={**SOUND, **config}) as server:
        found = diagnose(server.url)
    [finding] = [one for one in found.findings if one.check == check]
    assert finding.level == level
    assert text in finding.text
    assert len(levels(found)) == 16


@pytest.mark.parametrize(("ttl", "level"), [(600, "warning"), (None, "info")])
def test_volatile_eviction_matters_where_sessions_expire(
    diagnose: Diagnose, ttl: int | None, level: str
) -> None:
    """Whether they do is seen by what is stored, or told by the memory."""
    config = {"maxmemory": "50mb", "maxmemory-policy": "volatile-lru"}
    with Server("redis", config=config) as server:
        with ChatMemory.from_url(server.url) as memory:
            memory.session("a", ttl=ttl).append(Message.user("x"))
        assert one(diagnose(server.url), "eviction").level == level
        assert one(diagnose(server.url, ttl=60), "eviction").level == "warning"


def test_a_disk_that_cannot_be_written(diagnose: Diagnose) -> None:
    """A snapshot that failed."""
    config = {"dbfilename": "no.rdb"}
    with Server("redis", config=config) as server, server.client() as client:
        (server.data_dir / "no.rdb").mkdir()
        client.bgsave()
        wait_until(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err",
            what="the save failed",
        )
        found = diagnose(server.url).of("error")
        assert [finding.text for finding in found] == ["the last snapshot could not be saved"]


def test_a_replica(diagnose: Diagnose) -> None:
    """Nothing can be written there; of the primary, the replica is named."""
    with Server("redis", appendonly=True) as primary, replica_of(primary) as replica:
        found = diagnose(replica.url)
        assert one(found, "role").level == "error"
        assert f"replica of 127.0.0.1:{primary.port}" in one(found, "role").text
        assert one(found, "replication").text == "it follows its primary"
        assert one(diagnose(primary.url), "replication").text == "1 replica"
        primary.kill()
        with replica.client() as client:
            wait_until(
                lambda: client.info("replication")["master_link_status"] == "down",
                what="the replica noticed",
            )
        assert one(diagnose(replica.url), "replication").level == "warning"


def test_a_sentinel_is_no_server(diagnose: Diagnose, tmp_path: Path) -> None:
    """Its port in a plain URL is a common mistake."""

    class Sentinel(Server):
        def _command(self) -> list[str]:
            return [*super()._command(), "--sentinel"]

        def _settings(self) -> dict[str, Setting]:
            return {"port": self.port, "dir": str(self.data_dir)}

    with Sentinel("redis") as server:
        found = diagnose(f"redis://127.0.0.1:{server.port}")
        assert one(found, "server").level == "error"
        assert "redis+sentinel://" in one(found, "server").advice


def test_nobody_there(diagnose: Diagnose) -> None:
    """No diagnosis without a server, nor with a wrong password."""
    with Server("redis", password="right") as server:
        with pytest.raises(AuthError):
            diagnose(server.url.replace("right", "wrong"))
        server.kill()
        with pytest.raises(ConnectError):
            diagnose(server.url)


def test_the_embedded_server(diagnose: Diagnose, tmp_path: Path) -> None:
    """It is sound, and can be asked everything."""
    folder = tmp_path / "s"
    found = diagnose(f"embedded://{folder}")
    assert not found.of("not_checked", "warning", "error"), str(found)
    until(lambda: nothing_left(folder), "the end of server and keeper")


def test_it_reads_only(diagnose: Diagnose) -> None:
    """The data is as it was, expired entries included, and no command that writes was counted."""
    with Server("redis") as server, server.client() as client:
        with ChatMemory.from_url(server.url) as memory:
            for number in range(150):
                memory.session(f"s{number}", user_id="ann", ttl=600).append(Message.user("x"))
            memory.session("damaged").append(Message.user("x"))
            session = memory.session("gone")
            session.append(Message.user("x"))
            session.set_title("t")
        client.lpush(_log("damaged"), "{")
        client.delete(_log("gone"))
        client.config_resetstat()
        before = keys_of(server)
        found = diagnose(server.url, ttl=600)
        assert keys_of(server) == before
        assert one(found, "elements").level == "warning"
        assert one(found, "companions").level == "warning"
        writing = {
            command
            for command, about in client.command().items()
            if "write" in about["flags"] or "pubsub" in about["flags"]
        }
        used = {name.removeprefix("cmdstat_").upper() for name in client.info("commandstats")}
        assert "EVAL" in used
        assert not {name.upper() for name in writing} & used
        assert not {name for name in used if name.startswith(("CONFIG|SET", "ACL|SET"))}


def _log(session_id: str) -> bytes:
    from redialog.keys import OwnLayout

    return OwnLayout("default").session(session_id).log


def test_no_secret_is_told(diagnose: Diagnose) -> None:
    """Neither of the URL nor of the server, nor any text of messages."""
    secret = "s3cr3t-pass/wörd"
    with Server("redis", password=secret, config={"masterauth": "other-s3cr3t"}) as server:
        with ChatMemory.from_url(server.url) as memory:
            memory.session("a").append(Message.user("locker code 4417"))
            memory.session("b").append(Message.user("locker code 4417"))
        with plain_client(port=server.port, password=secret) as client:
            client.lpush(_log("a"), "{locker code 4417")
            client.acl_setuser("ann", enabled=True, passwords=["+annpass"])
        found = diagnose(server.url)
        shown = str(found) + repr(found) + str(found.to_dict())
    assert one(found, "elements").level == "warning"
    for text in (secret, "s3cr3t", "4417", "locker", "annpass", "#"):
        assert text not in shown
