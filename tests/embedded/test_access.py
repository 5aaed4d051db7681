"""The folder: who may use it, and what is refused where it cannot be used."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import attach
from redialog.errors import ConfigurationError
from tests.embedded.tools import held, nothing_left, output_of, until

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
