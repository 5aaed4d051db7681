"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redialog import ChatMemory
from tests.support.servers import Server


@pytest.fixture
def url(server: Server) -> str:
    """The URL of an empty server."""
    return server.url


@pytest.fixture
def memory(url: str) -> Iterator[ChatMemory]:
    """The library's own view of what the command line has stored."""
    with ChatMemory.from_url(url) as opened:
        yield opened
