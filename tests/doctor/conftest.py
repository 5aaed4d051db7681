"""Both facades."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redialog import AsyncChatMemory, ChatMemory
from redialog.diagnosis import Diagnosis
from redialog.testing.conformance import blocking


@pytest.fixture(params=["sync", "async"])
def diagnose(request: pytest.FixtureRequest) -> Iterator[Callable[..., Diagnosis]]:
    """Diagnoses the store of a URL through one of the facades; keywords are options of a memory."""
    with asyncio.Runner() as runner:

        def diagnosed(url: str, **options: Any) -> Diagnosis:
            if request.param == "sync":
                memory = ChatMemory.from_url(url, **options)
            else:
                memory = blocking(AsyncChatMemory.from_url(url, **options), runner)
            try:
                return memory.diagnose()
            finally:
                memory.close()

        yield diagnosed
