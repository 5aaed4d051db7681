"""What is wrong with a session is found: each kind of it, planted."""

from __future__ import annotations

import pytest

from faults.checking import Kind, compare
from faults.grounds import NOBODY, Away, Sight, away
from faults.turns import Fate, Place, Said, Turn, messages, place, turn

ONE, TWO, THREE = (turn("sync.0", number) for number in (1, 2, 3))
OTHER = turn("sync.1", 1)


def said(*turns: Turn, fate: Fate = "stored") -> list[Said]:
    return [Said(*one, fate, 0.0, 0.0) for one in turns]


def stored(*turns: Turn) -> list[Place | None]:
    return [Place(one, part) for one in turns for part in range(one.size)]


def kinds(turns: list[Said], places: list[Place | None]) -> list[Kind]:
    return [one.kind for one in compare("s", turns, places)]


def test_a_whole_session_has_nothing_wrong() -> None:
    """Writers' turns may be mixed with one another, as long as each is whole and in his order."""
    assert THREE.size == 3
    assert kinds(said(ONE, TWO, THREE, OTHER), stored(ONE, OTHER, TWO, THREE)) == []


def test_every_message_tells_where_it_belongs() -> None:
    """What is read is what was written, whatever else was said."""
    for one in (ONE, THREE):
        assert [place(message.text) for message in messages(one)] == stored(one)
    assert [place(text) for text in ("", "hello", "sync.0:1:2", "a:b:c:d")] == [None] * 4


def test_a_loss_is_found() -> None:
    """Of a turn that was acknowledged nothing is there."""
    assert kinds(said(ONE, TWO, THREE), stored(ONE, THREE)) == ["lost"]
    assert kinds(said(ONE, TWO), []) == ["lost", "lost"]


def test_a_duplicate_is_found() -> None:
    """Each time that a turn is there once more."""
    assert kinds(said(ONE, TWO), stored(ONE, ONE, TWO)) == ["duplicated"]
    assert kinds(said(ONE, TWO), stored(ONE, TWO, ONE, ONE)) == ["duplicated"] * 2


def test_another_order_is_found() -> None:
    """A turn behind a later one of its writer, whether or not another's lie between."""
    assert kinds(said(ONE, TWO), stored(TWO, ONE)) == ["reordered"]
    assert kinds(said(ONE, TWO, THREE, OTHER), stored(THREE, OTHER, ONE, TWO)) == ["reordered"] * 2


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_piece_of_a_turn_is_found(missing: int) -> None:
    """Whichever message is not there; it is split, and not lost as well."""
    pieces = stored(THREE)
    del pieces[missing]
    assert kinds(said(ONE, THREE), stored(ONE) + pieces) == ["split"]


def test_a_turn_that_is_not_in_one_piece_is_found() -> None:
    """Another turn lies within it, or its messages have changed their places."""
    within: list[Place | None] = [Place(ONE, 0), *stored(OTHER), Place(ONE, 1)]
    assert kinds(said(ONE, OTHER), within) == ["split"]
    assert kinds(said(ONE), [Place(ONE, 1), Place(ONE, 0)]) == ["split"]


def test_what_was_refused_and_is_there_is_found() -> None:
    """So is what nobody sent, and a message that no writer has said."""
    assert kinds(said(ONE, fate="refused"), stored(ONE)) == ["stray"]
    assert kinds(said(ONE), stored(ONE, TWO)) == ["stray"]
    assert kinds(said(ONE), [*stored(ONE), None]) == ["stray"]


def test_what_is_in_doubt_may_be_there_once_or_not_at_all() -> None:
    """But not twice, and not in part."""
    doubt = said(ONE, fate="doubtful")
    assert kinds(doubt, []) == kinds(doubt, stored(ONE)) == []
    assert kinds(doubt, stored(ONE, ONE)) == ["duplicated"]
    assert kinds(doubt, stored(ONE)[:1]) == ["split"]


def test_a_store_is_away_until_it_is_what_it_stays() -> None:
    """A primary that came back and was replaced after that was not yet back."""
    old, new = Sight("old", settled=True), Sight("new", settled=True)
    alone = Sight("new", settled=False)
    seen = [(0.0, old), (1.0, NOBODY), (2.0, old), (3.0, NOBODY), (4.0, alone), (6.0, new)]
    assert away([*seen, (7.0, new)], struck=1.0) == Away(store=3.0, settled=5.0)
    assert away([(0.0, old), (1.0, old), (2.0, old)], struck=0.5) == Away(0.0, 0.0)
