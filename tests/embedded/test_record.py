"""The folder: which engine, and which version of it, may read what is there."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog import ChatMemory, Message
from redialog.embedded import Lease, attach
from redialog.errors import EmbeddedError
from tests.embedded.tools import call, held, program, until

if TYPE_CHECKING:
    from redialog.embedded import locate


Binaries = dict[str, "locate.Binary"]


def test_a_newer_server_was_here(folder: Path) -> None:
    """A folder that a newer minor version of the same engine wrote is refused, naming both."""
    lease = attach(folder)
    lease.close()
    record = folder / "record.json"
    fields = json.loads(record.read_text())
    fields["newest"][lease.engine] = "99.1.0"
    record.write_text(json.dumps(fields))
    with pytest.raises(EmbeddedError, match=rf"99\.1\.0.*{lease.version}.*install"):
        attach(folder)
    assert not held(folder, "server.lock")


def test_an_older_server_of_the_same_engine(
    folder: Path,
    tmp_path: Path,
    binaries: Binaries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused before it is started, with both versions; the newer one reads on."""
    newer = binaries["valkey"]
    text = f'[ "$1" = --version ] && echo "Valkey server v=8.0.1 x" || exec {newer.path} "$@"'
    older = program(tmp_path / "older", text)
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", newer.path)
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        memory.session("s").append(Message.user("kept"))
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", str(older))
    refused = rf"valkey {newer.version}, but {older} is valkey 8\.0\.1: install valkey"
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        with pytest.raises(EmbeddedError, match=refused) as caught:
            memory.session("s").append(Message.user("secret"))
        assert "secret" not in str(caught.value)
    until(lambda: not held(folder, "keeper.lock"))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", newer.path)
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        assert [message.text for message in memory.session("s").messages()] == ["kept"]


def test_a_newer_redialog_was_here(folder: Path) -> None:
    """A folder with a newer layout is refused."""
    folder.mkdir()
    (folder / "record.json").write_text('{"layout": 2, "newest": {}}')
    with pytest.raises(EmbeddedError, match="upgrade redialog"):
        attach(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layout": 1, "newest": {"redis": "x"}}'])
def test_a_damaged_record(folder: Path, text: str) -> None:
    """A damaged record is reported, not guessed at."""
    folder.mkdir()
    (folder / "record.json").write_text(text)
    with pytest.raises(EmbeddedError, match=r"record\.json cannot be read"):
        attach(folder)


def _rewritten(lease: Lease) -> bool:
    return b"aof_rewrite_in_progress:0" in call(lease, "INFO", "persistence")


@pytest.mark.parametrize("order", [("valkey", "redis"), ("redis", "valkey")])
def test_the_engine_may_change(
    folder: Path, binaries: Binaries, order: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each engine reads what the other wrote, rewrote and appended, in both directions."""
    for number, engine in enumerate(order):
        monkeypatch.setenv("REDIALOG_SERVER_BINARY", binaries[engine].path)
        lease = attach(folder)
        assert (lease.engine, lease.version) == (engine, binaries[engine].version)
        if number == 0:
            call(lease, "RPUSH", "log", "one", "two")
            call(lease, "SET", "token", "t", "PX", "600000")
            call(lease, "ZADD", "sessions", "1.5", "s")
            call(lease, "HSET", "meta", "title", "T")
            call(lease, "BGREWRITEAOF")
            until(partial(_rewritten, lease))
            call(lease, "EVAL", "redis.call('RPUSH', KEYS[1], 'three')", "1", "log")
        assert call(lease, "LLEN", "log") == b":3\r\n"
        assert call(lease, "DBSIZE") == b":4\r\n"
        assert int(call(lease, "PTTL", "token")[1:]) > 500_000
        lease.close()


def test_the_detour_over_another_engine_is_remembered(
    folder: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A downgrade is refused, too, where the other engine was used in between."""
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", binaries["redis"].path)
    folder.mkdir(mode=0o700)
    record = folder / "record.json"
    record.write_text('{"layout": 1, "newest": {"valkey": "99.0.0"}}')
    attach(folder).close()
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", binaries["valkey"].path)
    with pytest.raises(EmbeddedError, match=r"valkey 99\.0\.0"):
        attach(folder)


def test_a_snapshot_of_the_other_engine(
    folder: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with a snapshot inside, which engines do not share, is refused before any start."""
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.1.base.rdb").write_bytes(b"VALKEY080")
    (folder / "record.json").write_text('{"layout": 1, "newest": {"valkey": "9.1.2"}}')
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", binaries["redis"].path)
    with pytest.raises(EmbeddedError, match=r"valkey 9\.1\.2.*base\.rdb"):
        attach(folder)
    assert not (folder / "server.log").exists()


def test_a_server_that_ends_at_once_says_why(folder: Path) -> None:
    """The error has the server's own reason, and never what stood in the damaged file."""
    lease = attach(folder)
    lease.close()
    aof = next((folder / "appendonlydir").glob("*.incr.aof"))
    aof.write_bytes(b"*2\r\n$5\r\nFROBN\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n")
    with pytest.raises(EmbeddedError, match=r"ended at once: .*FROBN.*server\.log") as caught:
        attach(folder)
    assert "secret" not in str(caught.value)
    assert not (folder / "server.sock").exists()
