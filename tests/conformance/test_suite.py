"""The conformance suite on every row of the backend table; its large part on a few."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redialog.testing.conformance import ConformanceSuite, LargeSessions
from tests.support.backends import BACKENDS, Backend, Ground, Store

FEW = [Backend("redis", "sync"), Backend("valkey", "async", 3, decoded=True)]


class TestBackends(ConformanceSuite):
    """What a memory promises, on each row."""

    @pytest.fixture(params=BACKENDS, ids=str)
    def store(self, request: pytest.FixtureRequest, ground: Ground) -> Iterator[Store]:
        """Each row in turn."""
        with Store(request.param, ground) as found:
            yield found


class TestLargeSessions(LargeSessions):
    """What takes a while, on two rows that differ in everything."""

    @pytest.fixture(params=FEW, ids=str)
    def store(self, request: pytest.FixtureRequest, ground: Ground) -> Iterator[Store]:
        """Both rows in turn."""
        with Store(request.param, ground) as found:
            yield found


def test_no_part_of_the_suite_hides_another() -> None:
    """Each test of each part is in the whole: no two have the same name."""
    names = [
        name for part in ConformanceSuite.__mro__ for name in vars(part) if name.startswith("test_")
    ]
    assert len(names) == len(set(names)) > 100
