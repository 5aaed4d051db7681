"""Fixtures for the tests of the embedded store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from redialog.embedded import locate
from tests.embedded.tools import nothing_left, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a store; whatever a test did, nothing may run in it afterwards."""
    store = tmp_path / "s"
    yield store
    until(lambda: nothing_left(store), "the end of server and keeper")


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder whose path is too long for a socket."""
    store = tmp_path / ("d" * 100) / "s"
    yield store
    until(lambda: nothing_left(store), "the end of server and keeper")


@pytest.fixture(scope="session")
def binaries() -> dict[str, locate.Binary]:
    """One server of each engine; a missing one is a failure."""
    found: dict[str, locate.Binary] = {}
    for path in locate._candidates():
        binary = locate._asked(path, None)
        if binary and locate.minor(binary.version) >= locate.OLDEST:
            found.setdefault(binary.engine, binary)
    assert len(found) == 2, f"needs a valkey-server and a redis-server, found {sorted(found)}"
    return found
