"""The folder: where it may lie, who may use it, which engine may read it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import Lease, attach, default_folder
from redialog.errors import ConfigurationError, EmbeddedError, MissingExtra
from tests.embedded.tools import call, client, held, nothing_left, output_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redialog.embedded import locate

Binaries = dict[str, "locate.Binary"]


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$REDIALOG_HOME names the folder, else it lies in the user's data folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("REDIALOG_HOME", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own"
    monkeypatch.delenv("REDIALOG_HOME")
    assert default_folder() == tmp_path / "data" / "redialog"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_folder() == tmp_path / ".local" / "share" / "redialog"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder() == tmp_path / "Library" / "Application Support" / "redialog"


def test_no_folder_means_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """attach() without a folder uses the default one."""
    monkeypatch.setenv("REDIALOG_HOME", str(folder))
    lease = attach()
    assert lease.folder == folder.resolve()
    lease.close()


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder whose path is too long for a socket."""
    store = tmp_path / ("d" * 100) / "s"
    yield store
    until(lambda: nothing_left(store), "the end of server and keeper")


def test_a_long_path(deep: Path) -> None:
    """Where the path is too long, the socket lies in a short private folder, for all processes."""
    lease = attach(deep)
    short = lease.socket_path.parent
    assert len(os.fsencode(lease.socket_path)) < 104
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    with client(deep) as other:
        lease.close()
        other.kill()  # the keeper finds the far socket, too
    until(lambda: nothing_left(deep), "the end of server and keeper")
    lease = attach(deep)
    lease.close()
    assert not short.exists()


@pytest.mark.parametrize("trap", ["symlink", "file", "open"])
def test_a_trap_at_the_short_place(deep: Path, tmp_path: Path, trap: str) -> None:
    """A short folder that another could have prepared is refused."""
    lease = attach(deep)
    short = lease.socket_path.parent
    lease.close()
    if trap == "symlink":
        short.symlink_to(tmp_path)
    elif trap == "file":
        short.touch()
    else:
        short.mkdir()
        short.chmod(0o777)
    with pytest.raises(ConfigurationError, match=short.name):
        attach(deep)
    if trap == "open":
        short.rmdir()
    else:
        short.unlink()


def test_a_moved_folder(folder: Path, tmp_path: Path) -> None:
    """A folder that was renamed works at its new place."""
    lease = attach(folder)
    call(lease, "SET", "k", "v")
    lease.close()
    moved = folder.rename(tmp_path / "moved")
    lease = attach(moved)
    assert call(lease, "GET", "k") == b"$1\r\nv\r\n"
    assert lease.socket_path.parent == moved.resolve()
    lease.close()
    until(lambda: nothing_left(moved))


def test_a_copied_folder(folder: Path, tmp_path: Path) -> None:
    """A copy made while the server runs gets a server of its own, and both keep theirs apart."""
    lease = attach(folder)
    call(lease, "SET", "k", "v")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    other = attach(copy)
    assert call(other, "SET", "k", "w") == b"+OK\r\n"
    assert call(lease, "GET", "k") == b"$1\r\nv\r\n"
    lease.close()
    assert call(other, "GET", "k") == b"$1\r\nw\r\n"
    other.close()
    until(lambda: nothing_left(copy))


def test_a_folder_moved_while_its_server_runs(folder: Path, tmp_path: Path) -> None:
    """A running server moves along; a new folder at the old path has nothing to do with it."""
    lease = attach(folder)
    call(lease, "SET", "k", "v")
    moved = folder.rename(tmp_path / "moved")
    with client(moved), client(folder):
        there, here = attach(moved), attach(folder)
        assert call(there, "GET", "k") == b"$1\r\nv\r\n"
        assert call(here, "GET", "k") == b"$-1\r\n"
        there.close()
        here.close()
        lease.close()
    until(lambda: nothing_left(moved))


def test_any_character_in_the_path(tmp_path: Path) -> None:
    """Spaces, quotes and letters of any script may stand in the folder's name."""
    folder = tmp_path / "we \"ird' ü\\n$x"
    lease = attach(folder)
    assert call(lease, "SET", "k", "v") == b"+OK\r\n"
    lease.close()
    assert (folder / "appendonlydir").is_dir()
    until(lambda: nothing_left(folder))


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


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """A path that is a file, or lies below one, is refused and left as it is."""
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(ConfigurationError, match="file"):
            attach(path)
    assert file.read_text() == "mine"


_AS_NOBODY = """
import os, sys
from redialog.embedded import attach
if os.geteuid() == 0:
    os.setuid(65534)
try:
    attach(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users can reach; tmp_path lies below a private one."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_a_folder_without_permission(public: Path) -> None:
    """A folder that the user may not write is refused, and so is one that cannot be made."""
    store = public / "s"
    store.mkdir(mode=0o500)
    if os.geteuid() == 0:
        os.chown(store, 65534, 65534)
    for path in (store, store / "below"):
        said = output_of(_AS_NOBODY, str(path))
        assert said.startswith("ConfigurationError")
        assert "permissions" in said
    assert not any(store.iterdir())


def test_the_folder_of_another_user(public: Path) -> None:
    """A folder that belongs to another user is refused, even by root."""
    if os.geteuid() == 0:
        os.chown(public, 65534, 65534)
        place = public
    else:
        place = Path("/")
    with pytest.raises(ConfigurationError, match="another user"):
        attach(place)


def test_a_folder_that_others_can_write(tmp_path: Path) -> None:
    """A folder with contents that others may write is refused; an empty one is made private."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "file").touch()
    shared.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        attach(shared)
    (shared / "file").unlink()
    attach(shared).close()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    until(lambda: nothing_left(shared))


def test_no_space_to_write(folder: Path) -> None:
    """Where nothing can be written the error comes at once, and nothing half-made stays."""
    code = """
import resource, signal, sys
from redialog.embedded import attach
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    attach(sys.argv[1])
except Exception as error:
    sys.stdout.write(f"{type(error).__name__} {error}")
"""
    said = output_of(code, str(folder))
    assert said.startswith("EmbeddedError")
    assert not held(folder, "server.lock")
    assert not {path.name for path in folder.iterdir()} & {"server.sock", "record.json.new"}
    attach(folder).close()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any server; the folder is on PATH."""
    monkeypatch.delenv("REDIALOG_SERVER_BINARY", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    return path


def _fake(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_no_server_anywhere(folder: Path, bare: Path) -> None:
    """Without any server the error names the install line and the other ways."""
    with pytest.raises(MissingExtra, match=r"URL.*7\.0.*pip install 'redialog\[embedded\]'"):
        attach(folder)
    assert not held(folder, "keeper.lock")


def test_only_an_old_server(folder: Path, bare: Path) -> None:
    """A server older than 7.0 is named with its version."""
    _fake(bare / "redis-server", "Redis server v=6.2.14 sha=0:0 malloc=libc bits=64")
    with pytest.raises(EmbeddedError, match=r"redis-server is redis 6\.2\.14.*7\.0"):
        attach(folder)


def test_something_else_called_redis_server(folder: Path, bare: Path) -> None:
    """A program that does not say that it is a server is passed over."""
    _fake(bare / "redis-server", "hello")
    (bare / "valkey-server").write_text("no program")
    with pytest.raises(MissingExtra):
        attach(folder)


def test_the_override_must_be_a_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong REDIALOG_SERVER_BINARY is an error, though other servers could be found."""
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", "/nonsense/server")
    with pytest.raises(ConfigurationError, match="REDIALOG_SERVER_BINARY"):
        attach(folder)


def test_the_version_is_asked_once(folder: Path, binaries: Binaries, bare: Path) -> None:
    """A start does not ask an executable for its version again until its file changes."""
    from redialog.embedded import locate

    tally = bare / "tally"
    _fake(bare / "redis-server", "Redis server v=7.2.0 x'; echo >>'" + str(tally))
    first = locate.find()
    asked = tally.read_text()
    assert locate.find(first) == first
    assert tally.read_text() == asked
    _fake(bare / "redis-server", "Redis server v=7.4.0 sha")
    assert locate.find(first).version == "7.4.0"
