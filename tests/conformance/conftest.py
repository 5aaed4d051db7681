"""The backend table's rows, on servers that run until the last of them is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.backends import Ground
from tests.support.servers import Server


@pytest.fixture(scope="session")
def ground(
    server_of: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The servers of the table."""
    with Ground(server_of, tmp_path_factory.mktemp("embedded") / "chats") as found:
        yield found
