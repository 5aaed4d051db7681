"""Messages are found by their ids, however those are written; a repeated one is no guess."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Conflict, NotFound, _places
from redialog.effect import Batch, Replies
from redialog.ops import find
from redialog.ops.find import Found
from tests.operations.tools import answered, element, lrange, play

LOG = b"chat"
IDS = st.text(
    st.sampled_from([*"\"\\/<>&'é東🌦\u2028\x7f\n\t \0%{}", "id-", "x-", "\\u"]).map(lambda p: p[0])
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=8,
)
FOREIGN = b'{"type":"human","data":{"content":"hi"}}'


def escaped(text: str) -> str:
    """Each character of the text as JSON's escape of it."""
    units = text.encode("utf-16-be")
    pairs = (units[i : i + 2].hex() for i in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs)


def written(message_id: str) -> list[bytes]:
    """The same element as different libraries write it."""
    value = {"type": "human", "data": {"content": "x", "id": message_id}}
    shown = json.dumps(message_id, ensure_ascii=False)
    bare = '{"type":"human","data":{"content":"x","id":%s}}'
    return [
        msgspec.json.encode(value),
        json.dumps(value).encode(),
        json.dumps(value, ensure_ascii=False, indent=1).encode(),
        # As some escape a slash, and what could end a script.
        (bare % shown.replace("/", "\\/")).encode(),
        (bare % shown.replace("<", "\\u003c").replace("'", "\\u0027")).encode(),
        (bare % f'"{escaped(message_id)}"').encode(),
        (bare % f'"{escaped(message_id).upper().replace("U", "u")}"').encode(),
    ]


def served(oldest_first: list[bytes]) -> Any:
    """Answers what is asked of such a log."""

    def answer(batch: Batch) -> Replies:
        assert (batch.writes, batch.resend_key) == (False, None)
        [command] = batch.commands
        if command[0] == b"LINDEX":
            index = command[2]
            assert isinstance(index, int)
            assert index < 0
            return [oldest_first[-index - 1] if -index <= len(oldest_first) else None]
        return lrange(oldest_first[::-1], batch)

    return answer


def found(oldest_first: list[bytes], message_id: str) -> tuple[int, Found | None]:
    """How many round trips the finding took, and where the message lies."""
    batches, place = answered(find.find(LOG, message_id), served(oldest_first))
    return len(batches), place


@settings(max_examples=300, deadline=None, derandomize=True)
@given(IDS, st.lists(IDS, max_size=6), st.integers(0, 6))
def test_no_id_is_missed(message_id: str, others: list[str], place: int) -> None:
    """Few elements are decoded; whatever an id holds and however it is stored, it is found."""
    rest = [written(other)[0] for other in others if other != message_id]
    place = min(place, len(rest))
    for raw in written(message_id):
        log = [*rest[:place], raw, *rest[place:]]
        assert found(log, message_id) == (1, Found(raw, -place - 1))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(IDS, st.lists(IDS, max_size=6))
def test_no_other_message_is_taken_for_it(message_id: str, others: list[str]) -> None:
    """Also where its id stands in the text, or is a part of another's."""
    near = [f"{message_id}x", f"x{message_id}", message_id.swapcase() + "!", *others]
    log = [raw for other in near if other != message_id for raw in written(other)]
    log.append(element(1, content=message_id))
    log.append(msgspec.json.encode({"type": "human", "data": {"name": message_id, "content": ""}}))
    assert found(log, message_id) == (1, None)


@pytest.mark.parametrize(("size", "trips"), [(0, 1), (99, 1), (100, 2), (1099, 2), (1100, 3)])
def test_the_whole_session_is_read_for_an_id(size: int, trips: int) -> None:
    """In pages from the oldest; wherever it lies, the rest is looked at for a second one."""
    log = [element(number) for number in range(size)]
    for number in {0, size // 2, size - 1} - {-1, size}:
        place = Found(log[number], -number - 1) if size else None
        assert found(log, f"id-{number}") == (trips, place)
    assert found(log, "none") == (trips, None)


def test_a_repeated_id_is_a_conflict_that_names_each_by_its_place() -> None:
    """Each of the ids that it names leads to one of them, in one round trip."""
    log = [element(number % 3, content=f"m{number}") for number in range(300)]
    with pytest.raises(Conflict, match="100 messages") as caught:
        found(log, "id-1")
    ids = list(caught.value.ids)
    assert len(ids) == 100
    assert len(str(caught.value)) < 1000
    places = [found(log, one) for one in ids]
    assert places == [(1, Found(log[number], -number - 1)) for number in range(1, 300, 3)]


def test_a_message_without_an_id_is_found_at_its_place() -> None:
    """1 round trip, and appends do not move it: places are counted from the oldest."""
    log = [element(0), FOREIGN, element(2), FOREIGN]
    first, second = (_places.derived_id(FOREIGN, place) for place in (-2, -4))
    assert first != second
    for more in ([], [element(4)] * 500):
        assert found([*log, *more], first) == (1, Found(FOREIGN, -2))
        assert found([*log, *more], second) == (1, Found(FOREIGN, -4))


def test_a_message_without_an_id_is_found_where_older_ones_went() -> None:
    """By its digest, in as many round trips as for any id, as long as it is the only such one."""
    log = [element(number) for number in range(150)]
    log[120] = FOREIGN
    message_id = _places.derived_id(FOREIGN, -121)
    assert found(log, message_id) == (1, Found(FOREIGN, -121))
    assert found(log[5:], message_id) == (1 + 2, Found(FOREIGN, -116))
    assert found(log[:100], message_id) == (1 + 2, None)
    with pytest.raises(Conflict) as caught:
        found([*log[5:], FOREIGN], message_id)
    ids = list(caught.value.ids)
    assert ids == [_places.derived_id(FOREIGN, place) for place in (-116, -146)]


def test_a_message_that_was_given_such_an_id_keeps_it() -> None:
    """After it was replaced it stores it; others that are as it was before do not count."""
    message_id = _places.derived_id(FOREIGN, -1)
    [raw, *_] = written(message_id)
    assert found([raw, element(1)], message_id) == (2, Found(raw, -1))
    assert found([element(1), raw], message_id) == (2, Found(raw, -2))
    assert found([raw, FOREIGN, FOREIGN], message_id) == (2, Found(raw, -1))
    with pytest.raises(Conflict):
        found([raw, FOREIGN, written(message_id)[2]], message_id)


@pytest.mark.parametrize("damaged", [b"{", b"[]", b"\xff", b'{"type":"human"}', b'"\\u0069d-1"'])
def test_damaged_elements_are_passed_over_and_found_by_their_place(damaged: bytes) -> None:
    """They have no id of their own, and cost the others nothing."""
    log = [element(0), damaged, element(1)]
    assert found(log, "id-1") == (1, Found(log[2], -3))
    assert found(log, _places.derived_id(damaged, -2)) == (1, Found(damaged, -2))


NO_PLACES = ["x-", "x-0-0", f"x-{'a' * 16}-00", f"x-{'a' * 16}--1", f"x-{'A' * 16}-0"]
NO_PLACES += [f"x-{'a' * 16}-{10**10}", f"x-{'a' * 16}-0 ", f" x-{'a' * 16}-0", f"x-{'a' * 16}-٣"]


@pytest.mark.parametrize("message_id", NO_PLACES)
def test_what_only_looks_like_a_place_is_an_id_like_others(message_id: str) -> None:
    """An application may have given it; it is looked for in the elements."""
    [raw, *_] = written(message_id)
    assert found([element(0), raw], message_id) == (1, Found(raw, -2))


def test_a_place_beyond_every_list() -> None:
    """Redis is asked with a number that it takes."""
    assert found([element(0)], f"x-{'a' * 16}-{10**10 - 1}") == (2, None)


def test_a_session_that_is_cut_while_it_is_read_is_read_again() -> None:
    """And is a conflict in the end, where that happens each time."""
    logs = [[element(number) for number in range(150)], [element(1, content="new")]]

    def changing(batch: Batch) -> Replies:
        return lrange(logs.pop(0)[::-1] if len(logs) > 1 else logs[0][::-1], batch)

    _, place = answered(find.find(LOG, "id-1"), changing)
    assert place == Found(element(1, content="new"), -1)
    count = 0

    def restless(batch: Batch) -> Replies:
        nonlocal count
        count += 1
        return lrange([element(count * 1000 + number) for number in range(150)], batch)

    with pytest.raises(Conflict, match="cleared or cut"):
        answered(find.find(LOG, "id-1"), restless, most=20)


def test_what_is_not_there() -> None:
    """None for a look-up, and an error for those who need one."""
    assert play(find.get(LOG, "id-1"), [[]])[1] is None
    with pytest.raises(NotFound) as caught:
        play(find.one(LOG, "secret id"), [[]])
    assert "secret id" not in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_a_found_message_is_decoded_with_its_id() -> None:
    """Its own, or that of its place."""
    _, message = answered(find.get(LOG, "id-1"), served([element(0), element(1)]))
    assert message is not None
    assert (message.id, message.text) == ("id-1", "m1")
    place = _places.derived_id(FOREIGN, -2)
    _, message = answered(find.get(LOG, place), served([element(0), FOREIGN]))
    assert message is not None
    assert (message.id, message.text) == (place, "hi")


def test_replies_of_text_are_read_as_bytes_are() -> None:
    """A transport may decode them."""
    raw = element(1)
    assert play(find.find(LOG, "id-1"), [[raw.decode()]])[1] == Found(raw, -1)
    place = _places.derived_id(raw, -1)
    assert play(find.find(LOG, place), [raw.decode()])[1] == Found(raw, -1)
