"""What flows with LangChain share: its warnings, a memory, an endpoint for ``langchain-openai``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from redialog import ChatMemory
from tests.langchain.endpoint import Recalling
from tests.langchain.ways import WAYS, Way, opened
from tests.support.servers import Server

# Read once, when the first run is traced, and kept.
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"


@pytest.fixture
def chats(server: Server) -> Iterator[ChatMemory]:
    """A memory on an empty server."""
    with ChatMemory.from_url(server.url) as opened:
        yield opened


@pytest.fixture
def endpoint() -> Iterator[Recalling]:
    """An endpoint that knows what it is told, and nothing else."""
    with Recalling() as running:
        yield running


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, server: Server, chats: ChatMemory) -> Iterator[Way]:
    """Each of the ways in which a runnable is called."""
    with opened(request.param, server.url, chats) as one:
        yield one
