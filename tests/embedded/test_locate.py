"""The engine: which executable is taken, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redialog.embedded import attach
from redialog.errors import ConfigurationError, EmbeddedError, MissingExtra
from tests.embedded.tools import held

if TYPE_CHECKING:
    from redialog.embedded import locate


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


def test_the_version_is_asked_once(
    folder: Path, binaries: dict[str, locate.Binary], bare: Path
) -> None:
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
