"""Tokens of operations, and the message ids that follow from them."""

from __future__ import annotations

import os
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import _ids

AT = 1_700_000_000_123
FRESH = _ids.fresh(AT, bytes(range(8)))
KEYED = _ids.from_key("order-1", b"chat:1")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 2**47), st.binary(min_size=8, max_size=8), st.integers(0, 20_000))
def test_an_id_is_a_uuid_of_version_7(at: int, random: bytes, index: int) -> None:
    """RFC 9562: 48 bits of milliseconds, the version, the variant."""
    found = uuid.UUID(_ids.fresh(at, random).message_id(index))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == at + index // 4096
    assert str(found) == _ids.fresh(at, random).message_id(index)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), st.integers(0, 20_000))
def test_an_id_under_an_applications_key_is_a_uuid_of_version_8(key: str, index: int) -> None:
    """Such an id has no time, so it must not look as if it had one."""
    found = uuid.UUID(_ids.from_key(key, b"chat:1").message_id(index))
    assert (found.version, found.variant) == (8, uuid.RFC_4122)


@pytest.mark.parametrize("token", [FRESH, KEYED])
def test_ids_of_one_append_are_unique_and_sorted(token: _ids.Token) -> None:
    """10,000 messages of one append have as many ids, in the order of the messages."""
    found = [token.message_id(index) for index in range(10_000)]
    assert len(set(found)) == 10_000
    assert found == sorted(found)


def test_ids_of_later_appends_sort_after() -> None:
    """Ids are ordered by time between appends too."""
    found = [_ids.fresh(AT + ms, os.urandom(8)).message_id(0) for ms in range(100)]
    assert found == sorted(found)


def test_ids_of_appends_in_the_same_millisecond_differ() -> None:
    """The random part keeps two processes apart."""
    tokens = [_ids.fresh(AT, os.urandom(8)) for _ in range(1000)]
    assert len({token.message_id(0) for token in tokens}) == 1000
    assert len({token.text for token in tokens}) == 1000


def test_the_same_token_gives_the_same_ids() -> None:
    """An append that is sent again is the same bytes, whoever sends it."""
    assert _ids.from_key("order-1", b"chat:1") == KEYED
    assert _ids.from_key("order-1", b"chat:1").message_id(3) == KEYED.message_id(3)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 2**47), st.binary(min_size=8, max_size=8))
def test_a_token_from_an_error_is_that_operation(at: int, random: bytes) -> None:
    """Passing it as idempotency key gives the same token, time and ids, in any session."""
    token = _ids.fresh(at, random)
    again = _ids.from_key(token.text, b"any log")
    assert again == token
    assert again.message_id(5000) == token.message_id(5000)


def test_a_token_can_stand_in_a_key() -> None:
    """A token has neither blanks nor braces, whatever the application's key was."""
    for key in ("a}b", "{x}", " ", "\n", "é", "x" * 100_000):
        text = _ids.from_key(key, b"chat:1").text
        assert text.isascii()
        assert text.isalnum()
        assert len(text) < 50
    assert FRESH.text.isalnum()


def test_keys_of_different_sessions_and_names_do_not_meet() -> None:
    """The same key in another session is another operation, and so is another key."""
    texts = {
        _ids.from_key(key, log).text
        for key in ("order-1", "order-2", "t" * 29, FRESH.text.upper(), FRESH.text + "0")
        for log in (b"chat:1", b"chat:2")
    }
    assert len(texts) == 10
    assert FRESH.text not in texts


def test_tokens_never_change() -> None:
    """A retry after an upgrade must meet the token of before."""
    assert FRESH.text == "t018bcfe5687b8001020304050607"
    assert FRESH.message_id(0) == "018bcfe5-687b-7000-8001-020304050607"
    assert KEYED.text == "k4b2d14ba09eaba001432f6a51b1b"


def test_a_draw_is_the_same_each_time_and_fair_over_many() -> None:
    """Chance for an operation that has none: it follows from the token."""
    fresh = [_ids.fresh(AT, os.urandom(8)) for _ in range(4000)]
    keyed = [_ids.from_key(f"order-{number}", b"chat:1") for number in range(4000)]
    for tokens in (fresh, keyed):
        drawn = [token.draw(8) for token in tokens]
        assert drawn == [token.draw(8) for token in tokens]
        # 500 each are expected; nine standard deviations are 188.
        assert all(312 < drawn.count(side) < 688 for side in range(8))
        assert {token.draw(1) for token in tokens} == {0}
    # What an error names draws the same again.
    assert _ids.from_key(fresh[0].text, b"any").draw(64) == fresh[0].draw(64)
    assert (FRESH.draw(64), KEYED.draw(64), FRESH.draw(1 << 32)) == (7, 27, 0x04050607)
