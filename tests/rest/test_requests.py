"""What is sent for a batch."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redialog import DataError, MessageTooLarge
from redialog.effect import Batch, Command
from redialog.transports.rest._common import requests

LIMIT = 10_000_000

arguments = st.one_of(st.text(), st.text().map(str.encode), st.integers())
commands = st.lists(arguments, min_size=1, max_size=5).map(tuple)


def as_text(argument: bytes | str | int) -> str:
    return argument.decode() if isinstance(argument, bytes) else str(argument)


def sent(batch: Batch, limit: int = LIMIT) -> list[list[list[str]]]:
    """The commands of each request, as a server reads them."""
    found = []
    for one in requests(batch, limit):
        document = json.loads(one.body)
        rows = [document] if one.path == "/" else document
        assert one.path == ("/" if len(rows) == 1 else "/pipeline")
        assert one.count == len(rows)
        assert len(one.body) <= limit
        found.append(rows)
    return found


@given(st.lists(commands, min_size=1, max_size=8))
def test_a_server_reads_what_was_meant(batch: list[Command]) -> None:
    """All in one request, in their order, each argument as text."""
    [rows] = sent(Batch(tuple(batch)))
    assert rows == [[as_text(argument) for argument in command] for command in batch]


@given(st.lists(commands, min_size=1, max_size=30), st.integers(0, 300))
def test_no_request_is_larger_than_allowed(batch: list[Command], more: int) -> None:
    """Cut between commands, none is lost, and no two neighbours would have fitted into one."""
    wanted = [[as_text(argument) for argument in command] for command in batch]
    rows = [requests(Batch((command,)), LIMIT)[0].body for command in batch]
    limit = max(map(len, rows)) + more
    parts = sent(Batch(tuple(batch)), limit)
    assert [row for part in parts for row in part] == wanted
    sizes = [len(one.body) for one in requests(Batch(tuple(batch)), limit)]
    number = 0
    for part, size in zip(parts[:-1], sizes, strict=False):
        number += len(part)
        # With a comma; what was alone gets brackets too.
        alone = 2 if len(part) == 1 else 0
        assert size + alone + 1 + len(rows[number]) > limit


def test_the_limit_counts_brackets_and_commas() -> None:
    """To the byte."""
    batch = Batch(((b"PING",), (b"PING",)))
    size = len(b'[["PING"],["PING"]]')
    assert [len(part) for part in sent(batch, size)] == [2]
    assert [len(part) for part in sent(batch, size - 1)] == [1, 1]


def test_numbers_are_text() -> None:
    """A time in milliseconds must not come out as 1.7e+12 somewhere."""
    [[row]] = sent(Batch(((b"SET", "k", 1732212345678, b"PX", 60_000),)))
    assert row == ["SET", "k", "1732212345678", "PX", "60000"]


@pytest.mark.parametrize("argument", [b"\xff SECRET", "\ud800 SECRET"])
def test_what_is_no_utf8_is_refused(argument: bytes | str) -> None:
    """Before anything is sent, also where other commands of the batch are fine."""
    with pytest.raises(DataError, match="UTF-8") as caught:
        requests(Batch(((b"PING",), (b"SET", "k", argument))), LIMIT)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_command_above_the_limit_is_refused() -> None:
    """With both sizes, and what to do."""
    limit = 100
    fitting = "x" * (limit - len(b'["ECHO",""]'))
    assert sent(Batch(((b"ECHO", fitting),)), limit) == [[["ECHO", fitting]]]
    with pytest.raises(MessageTooLarge, match="max_request_bytes") as caught:
        requests(Batch(((b"PING",), (b"ECHO", fitting + "x"))), limit)
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)


def test_the_limit_counts_bytes() -> None:
    """Of UTF-8, with what JSON escapes."""
    with pytest.raises(MessageTooLarge) as caught:
        requests(Batch((("ECHO", 'é"\n'),)), 15)
    assert caught.value.size == len('["ECHO","é\\"\\n"]'.encode())
