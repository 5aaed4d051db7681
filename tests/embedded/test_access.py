"""The folder: who may use it, and what is refused where it cannot be used."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog import ChatMemory, Message
from redialog.embedded import attach
from redialog.errors import ConfigurationError
from tests.embedded.tools import SOURCE, held, nothing_left, output_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator


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
attach(sys.argv[2]).close()  # imports what it needs: another user may not read the interpreter
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


def as_nobody(public: Path, place: Path) -> str:
    """What a user without rights is told who opens a place."""
    scratch = public / "scratch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    said = output_of(_AS_NOBODY, str(place), str(scratch))
    until(lambda: nothing_left(scratch))
    return said


def test_a_folder_without_permission(public: Path) -> None:
    """A folder that the user may not write is refused, and so is one that cannot be made."""
    store = public / "s"
    store.mkdir(mode=0o500)
    if os.geteuid() == 0:
        os.chown(store, 65534, 65534)
    for path in (store, store / "below"):
        said = as_nobody(public, path)
        assert said.startswith("ConfigurationError")
        assert "permissions" in said
    assert not any(store.iterdir())


_READ_ONLY = """
mount -t tmpfs none "$1" && mkdir -m 700 "$1/s" && touch "$1/s/mine" &&
mount -o remount,ro "$1" && exec "$2" -c "$3" "$1/s" "$1/new"
"""

_ATTACH_EACH = """
import sys
from redialog.embedded import attach
for path in sys.argv[1:]:
    try:
        attach(path)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_read_only_disk(tmp_path: Path) -> None:
    """On a file system that takes no writes a folder is refused, and so is making one.

    Where the system lets nobody mount, /sys is one in which nothing can be made.
    """
    arguments = ["sh", "-c", _READ_ONLY, "sh", str(tmp_path), sys.executable, _ATTACH_EACH]
    try:
        mounted = subprocess.run(
            ["unshare", "--map-root-user", "--mount", *arguments],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except FileNotFoundError:
        mounted = ""
    said = mounted or output_of(_ATTACH_EACH, "/sys/redialog", "/sys/kernel/redialog")
    lines = said.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("ConfigurationError")
        assert "correct its permissions" in line


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("start.lock", "start.lock cannot be used (Permission denied): correct"),
        ("record.json", "record.json cannot be used (Permission denied): correct"),
        ("server.log", "server.log cannot be used (Permission denied): correct"),
        ("appendonlydir", "Permission denied (see "),
    ],
)
def test_a_file_without_permission(public: Path, name: str, told: str) -> None:
    """A file in the folder that the user may not use is named, or the server's reason is."""
    store = public / "s"
    store.mkdir(mode=0o700)
    attach(store).close()
    until(lambda: nothing_left(store))
    if os.geteuid() == 0:
        for path in (store, *store.rglob("*")):
            os.chown(path, 65534, 65534)
    (store / name).chmod(0)
    said = as_nobody(public, store)
    assert said.startswith("EmbeddedError")
    assert told in said
    assert "bye" not in said, "the log of an earlier server"
    assert not held(store, "server.lock")
    (store / name).chmod(0o700)
    for path in (store, *store.rglob("*")):
        os.chown(path, os.geteuid(), -1)
    attach(store).close()
    until(lambda: nothing_left(store))


def test_the_memory_of_another_user(public: Path) -> None:
    """A memory on another user's folder fails at its first use, before anything is made there."""
    place = public / "s"
    place.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(place, 65534, 65534)
    else:
        place = Path("/proc")
    with (
        ChatMemory.from_url(f"embedded://{place}") as memory,
        pytest.raises(ConfigurationError, match="another user") as caught,
    ):
        memory.session("s").append(Message.user("secret"))
    assert "secret" not in str(caught.value)
    assert not (place / "start.lock").exists()


def test_the_folder_of_another_user(public: Path) -> None:
    """A folder that belongs to another user is refused, even by root."""
    if os.geteuid() == 0:
        os.chown(public, 65534, 65534)
        place = public
    else:
        place = Path("/proc")
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
