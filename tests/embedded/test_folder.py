"""The folder: where it lies, how its path may look, and what happens when it moves."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import attach, default_folder
from redialog.errors import ConfigurationError
from tests.embedded.tools import call, client, nothing_left, until

if TYPE_CHECKING:
    from collections.abc import Iterator


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
