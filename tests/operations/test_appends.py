"""Appends that need more than one call: at the cap, of thousands, or with entries to sweep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Conflict, IdempotencyMismatch
from redialog.effect import Batch, CommandError, Replies
from redialog.keys import Layout, OwnLayout, SessionKeys, SharedLayout
from redialog.ops import append, stage
from redialog.ops.catalogue import GRACE_MS, SWEPT
from tests.operations.tools import (
    ALONE,
    OWN,
    TOKEN,
    answered,
    arguments_of,
    element,
    keys_of,
    lrange,
    play,
    script_name,
    writing,
)

DIGEST = "d" * 8
SAID = f"{DIGEST}:1700"
DONE = [0, SAID.encode(), b""]
LAYOUT = OwnLayout("n")


def appending(elements: list[bytes], keys: SessionKeys = ALONE, **how: Any) -> Any:
    """An append of these elements."""
    return append.append(writing(keys), elements, digest=DIGEST, at=1700, **how)


def cut_of(batch: Batch) -> tuple[Any, Any]:
    """The cut and the edge that an append was called with."""
    [command] = [c for c in batch.commands if c[0] == b"EVALSHA"]
    assert script_name(command) in ("append", "publish")
    cut, edge = arguments_of(command)[6:8]
    return cut, edge


LOG = [element(number, "user" if number % 2 == 0 else "assistant") for number in range(6)]


def test_below_the_cap_nothing_travels_besides() -> None:
    """Only a log that is full answers with its oldest elements."""
    for cap, cut in ((5000, "5000"), (None, "")):
        [batch], found = play(appending(LOG, cap=cap), [DONE])
        assert found == 1700
        assert len(batch.commands) == 1
        assert cut_of(batch) == (cut, b"")


@pytest.mark.parametrize("decoded", [False, True])
def test_at_the_cap_the_script_is_called_again_with_a_cut(decoded: bool) -> None:
    """The oldest that goes, the log's length, and the element that will be the oldest."""
    oldest: list[Any] = [one.decode() if decoded else one for one in LOG[::-1]]
    [first, second], found = play(appending([element(6)], cap=6), [[2, b"6", oldest]], [DONE])
    assert found == 1700
    assert cut_of(first) == ("6", b"")
    assert cut_of(second) == ("6:0:1:6", LOG[1])
    for one, other in zip(first.commands, second.commands, strict=True):
        assert keys_of(one) == keys_of(other)


def test_a_log_that_changed_since_is_cut_anew() -> None:
    """Another writer was faster: the next cut is that of the log as it is then."""
    later = [*LOG[1:], element(7)]
    batches, _ = play(
        appending([element(9)], cap=6),
        [[2, b"6", LOG[::-1]]],
        [[2, b"6", later[::-1]]],
        [[2, b"3", later[:2:-1]]],
        [DONE],
    )
    assert [cut_of(batch) for batch in batches] == [
        ("6", b""),
        ("6:0:1:6", LOG[1]),
        ("6:0:1:6", later[1]),
        ("6", b""),
    ]


def test_where_others_are_faster_each_time_the_append_is_not_refused() -> None:
    """After a bounded number of tries it is stored all the same; a later one cuts what is over."""
    served: list[Batch] = []

    def answer(batch: Batch) -> Replies:
        served.append(batch)
        if cut_of(batch)[0] == "":
            return [DONE]
        return [[2, b"6", LOG[::-1]]]

    batches, found = answered(appending([element(9)], cap=6), answer, most=12)
    assert found == 1700
    assert len(batches) == 9
    assert cut_of(batches[-1]) == ("", "")


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([1], [1]),
        ([1] * 1000, [1000]),
        ([1] * 1001, [1000, 1]),
        ([1] * 2500, [1000, 1000, 500]),
        ([4 << 20], [1]),
        ([(4 << 20) + 1], [1]),
        ([3 << 20, 1 << 20], [2]),
        ([3 << 20, 2 << 20], [1, 1]),
        ([3 << 20, 1 << 20, 1, 1], [2, 2]),
        ([5 << 20, 5 << 20, 1], [1, 1, 1]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_parts_hold_a_thousand_elements_or_four_megabytes(
    sizes: list[int], parts: list[int]
) -> None:
    """A larger element is a part of its own; nothing is split, lost or moved."""
    elements = [bytes(size) for size in sizes]
    found = stage.parts(elements)
    assert [len(part) for part in found] == parts
    assert [one for part in found for one in part] == elements


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 3 << 20), min_size=1, max_size=8))
def test_parts_are_together_what_they_were_made_of(sizes: list[int]) -> None:
    """In order; none is empty, and none takes more than its share but a single element."""
    elements = [bytes(size) for size in sizes]
    found = stage.parts(elements)
    assert [one for part in found for one in part] == elements
    for part in found:
        assert part
        assert len(part) == 1 or sum(map(len, part)) <= stage.PART_BYTES


MANY = [element(number) for number in range(2100)]


def test_thousands_are_staged_and_published_by_one_script() -> None:
    """In parts under a key of the log's slot, then all at once; the docstring counts them."""
    replies: list[Any] = [[[0, 1000]], [[0, 2000]], [[0, 2100]], [DONE]]
    batches, found = play(appending(MANY, OWN), *replies)
    assert found == 1700
    name = OWN.stage(f"{TOKEN}.{DIGEST}.1700")
    offset = 0
    for batch, size in zip(batches[:3], (1000, 1000, 100), strict=True):
        assert (batch.writes, batch.resend_key) == (False, None)
        [part] = batch.commands
        assert script_name(part) == "stage"
        assert keys_of(part) == (name, OWN.op(TOKEN))
        assert arguments_of(part) == (offset, 60_000, *MANY[offset : offset + size])
        offset += size
    [publish] = batches[3].commands
    assert script_name(publish) == "publish"
    assert keys_of(publish) == (OWN.log, OWN.meta, OWN.op(TOKEN), name, OWN.sessions, OWN.user)
    head = (SAID, 60_000, 60_000, "", b"ada", b"chat")
    assert arguments_of(publish) == (*head, "", b"", 2100, "")


def test_what_is_staged_at_another_time_lies_elsewhere() -> None:
    """Two calls under one key give the messages other times, and their parts must not mix."""
    stages = set()
    for digest, at in ((DIGEST, 1700), (DIGEST, 1701), ("e" * 8, 1700)):
        op = append.append(writing(OWN), MANY, digest=digest, at=at)
        stages.add(keys_of(next(op).commands[0])[0])
    assert len(stages) == 3


@pytest.mark.parametrize("seen", [[1, 0], [2, 0], [2, 999]])
def test_no_more_is_staged_where_it_is_done_or_lost(seen: list[int]) -> None:
    """Publishing tells which: the answer of the first time, or that it has to be staged again."""
    batches, found = play(appending(MANY), [[0, 1000]], [seen], [[1, *DONE[1:]]])
    assert found == 1700
    assert [script_name(b.commands[0]) for b in batches] == ["stage", "stage", "publish"]


def test_a_stage_that_was_lost_is_made_again() -> None:
    """It expired or was evicted before it was published; in the end the append says so."""
    staged: list[Any] = [[[0, 1000]], [[0, 2000]], [[0, 2100]]]
    gone: list[Any] = [[3, b"0"]]
    batches, found = play(appending(MANY), *staged, gone, *staged, [DONE])
    assert found == 1700
    assert len(batches) == 8
    with pytest.raises(Conflict, match="nothing was stored") as caught:
        play(appending(MANY), *[*staged, gone] * 5)
    assert caught.value.retryable is True


def test_thousands_at_the_cap_are_published_with_a_cut() -> None:
    """They are staged once; what is read of the log stays small."""
    log = [element(number) for number in range(3000)]
    staged = {"stage": [0, 0]}
    published: list[Any] = [[2, b"3000", log[107::-1]], DONE]

    def answer(batch: Batch) -> Replies:
        replies: list[Any] = []
        for command in batch.commands:
            if command[0] == b"LRANGE":
                replies += lrange(log[::-1], Batch((command,)))
                assert len(replies[-1]) <= 1000
            else:
                replies.append(staged.get(script_name(command)) or published.pop(0))
        return replies

    batches, _ = answered(appending(MANY, cap=3000), answer)
    assert cut_of(batches[-1]) == ("3000:0:2100:3000", log[2100])
    assert [script_name(b.commands[0]) for b in batches if b.writes] == ["publish", "publish"]


def test_a_token_of_something_else_is_noticed_also_by_thousands() -> None:
    """Nothing is staged once the token is known, and publishing says what it was used for."""
    with pytest.raises(IdempotencyMismatch):
        play(appending(MANY), [[1, 0]], [[1, b"eeeeeeee:1700", b""]])


def sweeping(layout: Layout, user: str | None, *replies: Any) -> list[Batch]:
    """The batches of an append that sweeps."""
    keys = layout.session("chat", user)
    batches, found = play(appending([element(1)], keys, sweep=layout), *replies)
    assert found == 1700
    return batches


@pytest.mark.parametrize("user", [None, "ada"])
@pytest.mark.parametrize("layout", [LAYOUT, SharedLayout("n", "")], ids=["own", "shared"])
def test_a_sweep_drops_what_is_gone_in_the_round_trip_of_the_append(
    layout: Layout, user: str | None
) -> None:
    """A few of the oldest entries, and of any; only those without a log, and not its own."""
    keys = layout.session("chat", user)
    own = isinstance(layout, OwnLayout)
    oldest: list[Any] = [[b"a", b"1", b"b", b"2", b"chat", b"3"]]
    oldest += [] if user is None else [[[b"a", 4.0]]]
    first_reads = tuple((b"ZRANGE", key, 0, SWEPT - 1, b"WITHSCORES") for key in keys.catalogue())
    some = [b"c", b"9", b"b", b"2"]
    entries = 3 if user is None else 4
    there = [0, 1, 0] if user is None else [0, 1, 0, 0]
    drops = entries - 1
    written = [1] * drops + ([] if own else [1]) + [DONE]
    read, ask, write = sweeping(layout, user, [*oldest, some], there, written)
    assert read.commands == (
        *first_reads,
        (b"ZRANDMEMBER", keys.sessions, SWEPT, b"WITHSCORES"),
    )
    assert len(ask.commands) == entries
    assert ask.commands[0] == (b"EXISTS", layout.session("a").log)
    assert (read.writes, ask.writes) == (False, False)
    names = [script_name(command) for command in write.commands]
    assert names == ["drop"] * drops + ([] if own else ["note"]) + ["append"]
    grace = 0 if own else GRACE_MS
    assert arguments_of(write.commands[0]) == (b"a", 1, b"", grace)
    swept = {(arguments_of(c)[0], arguments_of(c)[2]) for c in write.commands[:drops]}
    # `b` is still there.
    assert swept == {(b"a", b""), (b"c", b"")} | (set() if user is None else {(b"a", b"ada")})


def test_a_sweep_of_nothing_costs_one_round_trip() -> None:
    """Where the bucket lists but the session itself, no log is asked for."""
    read, write = sweeping(LAYOUT, None, [[b"chat", b"5"], [b"chat", b"5"]], [DONE])
    assert (len(read.commands), len(write.commands)) == (2, 1)


def test_a_sweep_that_is_refused_does_not_stop_the_append() -> None:
    """What the catalogue answers does not matter to the messages."""
    refused = CommandError("WRONGTYPE", "x")
    assert len(sweeping(LAYOUT, None, [refused, refused], [DONE])) == 2
    batches = sweeping(LAYOUT, None, [[b"a", b"1"], []], [0], [CommandError("ERR", "x"), DONE])
    assert len(batches) == 3


def test_a_sweep_is_made_once() -> None:
    """Not again where the log turns out to be full."""
    op = appending([element(6)], sweep=LAYOUT, cap=6)
    batches, _ = play(
        op,
        [[b"a", b"1"], []],
        [0],
        [1, [2, b"6", LOG[::-1]]],
        [DONE],
    )
    assert [script_name(c) for c in batches[2].commands[:2]] == ["drop", "append"]
    assert [script_name(c) for c in batches[3].commands[:1]] == ["append"]
