"""The benchmark suite in its short form: ratios and counts, never a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks import short
from benchmarks.bench import Bench
from tests.support.servers import Server


@pytest.fixture
def bench(server: Server) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        yield short.bench(server.url, runner)


def test_no_ratio_is_grossly_worse_than_it_was(bench: Bench) -> None:
    """Each is measured, and within its limit in one of two attempts."""
    figures, wrong = short.ratios(bench)
    assert not wrong, "\n".join(wrong)
    assert figures.keys() >= short.MOST.keys() | short.LEAST.keys()


def test_no_operation_takes_more_round_trips_or_bytes_than_it_did(bench: Bench) -> None:
    """They are counted on the wire."""
    wrong = short.counts(bench)
    assert not wrong, "\n".join(wrong)


def test_the_server_keeps_no_more_for_a_session_than_it_did(bench: Bench) -> None:
    """The log beside its JSON, and what is there besides."""
    wrong = short.kept(bench)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [*short.MOST, *short.LEAST])
def test_a_ratio_over_its_limit_is_told(name: str) -> None:
    """Also when it was measured a second time, unless that was better."""
    bad, good = short.MOST.get(name, 0.0) * 1.1, short.LEAST.get(name, 0.0)
    [told] = short.over({name: bad})
    assert name in told
    assert short.over({name: short.better(name, bad, bad)})
    assert short.over({name: short.better(name, bad, good)}) == []
