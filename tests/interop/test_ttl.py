"""Each library renews the TTL of a session with its own, and only with its own."""

from __future__ import annotations

import pytest
import redis

from tests.interop.kinds import Kind
from tests.interop.libraries import LIBRARIES, Library, Place, name_of

TEXT = [Kind("", "human", {"content": "hi"}), Kind("", "ai", {"content": "hello"})]
LONG, MIDDLE, SHORT = 90_000, 5_000, 1_000
KEY = "message_store:s"

by_each = pytest.mark.parametrize("writer", LIBRARIES, ids=name_of)


@by_each
def test_a_write_renews_it_with_the_writers_own(
    place: Place, raw: redis.Redis, writer: Library
) -> None:
    """Whether a longer or a shorter one ran, and where there was none."""
    writer.write(place, KEY, TEXT, MIDDLE)
    assert SHORT < raw.ttl(KEY) <= MIDDLE
    for running in (SHORT, LONG):
        raw.expire(KEY, running)
        writer.write(place, KEY, TEXT, MIDDLE)
        assert SHORT < raw.ttl(KEY) <= MIDDLE
    raw.persist(KEY)
    writer.write(place, KEY, TEXT, MIDDLE)
    assert SHORT < raw.ttl(KEY) <= MIDDLE


@by_each
def test_a_write_without_one_leaves_it_alone(
    place: Place, raw: redis.Redis, writer: Library
) -> None:
    """A running one goes on to the same end, and without one the session stays."""
    writer.write(place, KEY, TEXT)
    assert raw.ttl(KEY) == -1
    raw.expire(KEY, LONG)
    end = raw.pexpiretime(KEY)
    writer.write(place, KEY, TEXT)
    assert raw.pexpiretime(KEY) == end


def test_reading_leaves_it_alone(place: Place, raw: redis.Redis) -> None:
    """Whoever reads."""
    for writer in LIBRARIES:
        writer.write(place, KEY, TEXT)
    raw.expire(KEY, LONG)
    end = raw.pexpiretime(KEY)
    for reader in LIBRARIES:
        reader.read(place, KEY)
        assert raw.pexpiretime(KEY) == end, name_of(reader)


def test_the_last_writer_with_one_decides(place: Place, raw: redis.Redis) -> None:
    """All of them in turn, each with another one; between them those without."""
    for number, writer in enumerate(LIBRARIES):
        own = 10_000 * (number + 1)
        writer.write(place, KEY, TEXT, own)
        assert own - 10_000 < raw.ttl(KEY) <= own, name_of(writer)
        end = raw.pexpiretime(KEY)
        for other in LIBRARIES:
            other.write(place, KEY, TEXT)
            assert raw.pexpiretime(KEY) == end, name_of(other)
