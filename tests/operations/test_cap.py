"""Where a log at its cap is cut: as much as the cap allows, and never inside a group."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from redialog import Message, ToolCall, codec
from redialog.effect import Batch
from redialog.ops._scripts import FULL, Outcome
from redialog.ops.cap import LEADING, Cut, find_cut
from tests.operations.tools import answered, lrange, play

LOG = b"chat"
MAKE = {
    "s": lambda: Message.system("s"),
    "u": lambda: Message.user("u"),
    "a": lambda: Message.assistant("a"),
    "c": lambda: Message.assistant("", tool_calls=[ToolCall("f", {}, "1")]),
    "t": lambda: Message.tool("t", tool_call_id="1"),
}
# Runs of one kind: long ones lead beyond what is read at first.
RUNS = st.lists(st.tuples(st.sampled_from("suacttt"), st.integers(1, 70)), max_size=7)
KINDS = RUNS.map(lambda runs: "".join(kind * size for kind, size in runs))
NEW = st.text("suactt", min_size=1, max_size=40)


def elements(kinds: str, start: int = 0) -> list[bytes]:
    """Stored messages, oldest first, one for each letter, each with an id of its own."""
    return [
        codec.element(codec.stored(MAKE[kind](), f"id-{start + number}", 1))
        for number, kind in enumerate(kinds)
    ]


def answer_of(kinds: list[bytes], adding: int) -> Outcome:
    """What the script answers of a full log: as many of the oldest elements as include/cap.lua."""
    batch = Batch(((b"LRANGE", LOG, -(min(adding, 100) + 8), -1),))
    [reply] = lrange(kinds[::-1], batch)
    return Outcome(FULL, str(len(kinds)).encode(), reply)


def cut_of(old: str, new: str, cap: int) -> tuple[list[Batch], Cut]:
    """The cut of a log that holds these messages, before those are added."""
    log, adding = elements(old), elements(new, len(old))
    op = find_cut(LOG, answer_of(log, len(adding)), adding, Cut(cap))
    batches, cut = answered(op, lambda batch: lrange(log[::-1], batch), most=8)
    assert cut.cap == cap
    assert cut.place is not None
    spare, drop, length = cut.place
    assert length == len(log)
    assert min(spare, drop) >= 0
    # What the script compares: the oldest element after the cut, where that lies there already;
    # else the newest before it that stays.
    place = spare + drop
    before = min(spare, length)
    spared = log[before - 1] if before else b""
    assert cut.edge == (log[place] if place < length else spared)
    return batches, cut


@settings(max_examples=400, deadline=None, derandomize=True)
@given(KINDS, NEW | KINDS.filter(bool), st.integers(1, 300))
@example("s" * 12 + "ua" * 30, "u", 40)
@example("s" * 20 + "ua" * 30, "u", 40)
@example("ss" + "c" + "t" * 200, "t", 20)
@example("u" + "c" + "t" * 50, "ua", 20)
@example("sss", "u", 2)
@example("s" * 16 + "t" * 60, "t", 20)
def test_a_cut_leaves_what_the_cap_allows(old: str, new: str, cap: int) -> None:
    """Against the definition: leading instructions stay, the rest goes from the oldest on."""
    cap = min(cap, len(old) + len(new) - 1) or 1
    if len(old) + len(new) <= cap:
        return
    _, cut = cut_of(old, new, cap)
    assert cut.place is not None
    spare, drop, _ = cut.place
    whole = old + new
    leading = len(whole[:LEADING]) - len(whole[:LEADING].lstrip("s"))
    assert spare == min(leading, cap - 1)
    place = spare + drop
    kept = len(whole) - drop
    rest = whole[place:]
    assert rest, "what is added is not dropped as a whole"
    if kept > cap:
        # Only where the newest group is longer than that by itself.
        assert rest[0] == "c"
        assert set(rest[1:]) == {"t"}
        return
    if rest[0] == "t":
        # Results that nothing but results follow, and no call stands before.
        assert set(rest) == {"t"}
        assert whole[:place].rstrip("t")[-1:] != "c"
        assert kept == cap
        return
    # Nothing more could stay: what lies between the cap and the cut are results without their call.
    first = len(whole) - (cap - spare)
    assert set(whole[first:place]) <= {"t"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("ua", min_size=1, max_size=400), st.text("ua", min_size=1, max_size=40))
def test_a_log_at_its_cap_is_cut_without_a_further_read(old: str, new: str) -> None:
    """What the script answers with is enough where the log was at its cap before."""
    batches, cut = cut_of(old, new, len(old))
    assert batches == []
    assert cut.place == (0, len(new), len(old))


def test_what_is_read_anew_stays_small() -> None:
    """Far from the oldest, some hundreds around the place are read, and not all before it."""
    log = elements("ua" * 5000)
    new = elements("u", len(log))
    op = find_cut(LOG, answer_of(log, 1), new, Cut(10))
    [batch], cut = answered(op, lambda batch: lrange(log[::-1], batch))
    assert cut.place == (0, 9991, 10_000)
    assert cut.edge == log[9991]
    [(name, key, start, stop)] = batch.commands
    assert (name, key) == (b"LRANGE", LOG)
    assert isinstance(start, int)
    assert isinstance(stop, int)
    assert stop - start < 300
    assert (batch.writes, batch.resend_key) == (False, None)


def test_a_log_that_shrank_meanwhile_is_asked_about_anew() -> None:
    """What is read is less than the script saw: no cut is made up, the script is asked again."""
    log = elements("ua" * 500)
    op = find_cut(LOG, answer_of(log, 1), elements("u", 1000), Cut(10))
    [_], cut = answered(op, lambda batch: lrange(log[:3], batch))
    assert cut == Cut(10)


def test_a_log_that_is_below_its_cap_by_now_needs_no_cut() -> None:
    """Somebody cleared or cut it between the reading and the writing."""
    tried = Cut(10, (0, 1, 10), b"{}")
    for left in ("", "u", "uactt", "s" * 9, "t" * 9):
        log = elements(left)
        batches, cut = play(find_cut(LOG, answer_of(log, 1), elements("u", 9), tried))
        assert (batches, cut) == ([], Cut(10))


def test_a_damaged_element_is_an_element_like_others() -> None:
    """It counts, it can go, and it begins what stays where it stands there."""
    log = [b"{", *elements("ua"), b"[", *elements("a", 3)]
    new = elements("u", 9)
    for cap, drop in ((5, 1), (3, 3), (2, 4)):
        full = answer_of(log, 1)
        _, cut = play(find_cut(LOG, full, new, Cut(cap)))
        assert cut.place == (0, drop, 5)
        assert cut.edge == log[drop]


def test_the_text_of_a_cut() -> None:
    """As include/cap.lua takes it: the cap alone, or with what stays, what goes and the length."""
    assert Cut(None).text == ""
    assert Cut(7).text == "7"
    assert Cut(7, (1, 2, 8)).text == "7:1:2:8"
