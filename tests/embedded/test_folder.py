"""The folder: where it lies, how its path may look, and what happens when it moves."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog import ChatMemory, Message
from redialog.embedded import attach, default_folder
from redialog.errors import ConfigurationError
from tests.embedded.tools import call, client, nothing_left, until

if TYPE_CHECKING:
    from redialog import Session


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


def _texts(chat: Session) -> list[str]:
    return [message.text for message in chat.messages()]


def _copied(folder: Path, copy: Path) -> Path:
    """A copy as a user makes it: everything, a socket and locks included."""
    subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
    return copy


def test_home_moved_and_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$REDIALOG_HOME may be renamed and copied: each place has the messages and its own future."""
    monkeypatch.setenv("REDIALOG_HOME", str(folder))
    with ChatMemory.from_url("embedded:") as memory:
        memory.session("s").append(Message.user("before"))
    copy = _copied(folder, tmp_path / "copy")
    moved = folder.rename(tmp_path / "moved")
    for place in (copy, moved):
        monkeypatch.setenv("REDIALOG_HOME", str(place))
        with ChatMemory.from_url("embedded:") as memory:
            chat = memory.session("s")
            assert _texts(chat) == ["before"]
            chat.append(Message.user(place.name))
    for place in (copy, moved):
        monkeypatch.setenv("REDIALOG_HOME", str(place))
        with ChatMemory.from_url("embedded:") as memory:
            assert _texts(memory.session("s")) == ["before", place.name]
        until(lambda at=place: nothing_left(at))  # type: ignore[misc]
    assert not folder.exists()


def test_home_copied_while_it_is_written_to(folder: Path, tmp_path: Path) -> None:
    """The copy has all that was acknowledged before and a server of its own; the original keeps on.

    The socket file and the lock files in the copy are the original's and mean nothing there.
    """
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        chat = memory.session("s")
        stored: list[str] = []
        copied = threading.Event()

        def write() -> None:
            for number in count():
                chat.append(Message.user(str(number)))
                stored.append(str(number))
                if copied.is_set():
                    return

        writer = threading.Thread(target=write)
        writer.start()
        until(lambda: len(stored) > 200)
        before = len(stored)
        copy = _copied(folder, tmp_path / "copy")
        copied.set()
        writer.join()
        with ChatMemory.from_url(f"embedded://{copy}") as other:
            theirs = _texts(other.session("s"))
            assert len(theirs) >= before
            assert theirs == stored[: len(theirs)]
            other.session("s").append(Message.user("of the copy"))
            assert _texts(chat) == stored
        chat.append(Message.user("of the original"))
    with ChatMemory.from_url(f"embedded://{copy}") as other:
        assert _texts(other.session("s")) == [*theirs, "of the copy"]
    until(lambda: nothing_left(copy))


def test_a_long_path_moved_and_copied_while_its_server_runs(deep: Path, tmp_path: Path) -> None:
    """The far socket goes with the folder: a moved one meets its server, a copy never does."""
    lease = attach(deep)
    call(lease, "SET", "k", "v")
    copy = _copied(deep, deep.with_name("copy"))
    moved = deep.rename(deep.with_name("moved"))
    there, own = attach(moved), attach(copy)
    assert there.socket_path == lease.socket_path != own.socket_path
    assert call(own, "SET", "k", "w") == b"+OK\r\n"
    assert call(there, "GET", "k") == b"$1\r\nv\r\n"
    for one in (lease, there, own):
        one.close()
    for place in (moved, copy):
        until(lambda at=place: nothing_left(at))  # type: ignore[misc]
    assert not lease.socket_path.parent.exists()
    assert not own.socket_path.parent.exists()


def test_a_path_that_no_system_takes(tmp_path: Path) -> None:
    """A name that is too long for the file system is refused with the system's reason."""
    for path in (tmp_path / ("n" * 300), tmp_path.joinpath(*["p" * 200] * 30)):
        with pytest.raises(ConfigurationError, match=r"name too long.*choose another"):
            attach(path)


def test_any_character_in_the_path(tmp_path: Path) -> None:
    """Spaces, quotes and letters of any script may stand in the folder's name."""
    folder = tmp_path / "we \"ird' ü\\n$x"
    lease = attach(folder)
    assert call(lease, "SET", "k", "v") == b"+OK\r\n"
    lease.close()
    assert (folder / "appendonlydir").is_dir()
    until(lambda: nothing_left(folder))
