"""What a memory gives to its sessions is checked at once; a session's own choices come on top."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from redialog import ConfigurationError, InvalidTTL
from redialog.keys import OwnLayout, SharedLayout
from redialog.plan import SessionPlan
from redialog.settings import MAX_MESSAGE_BYTES, UNSET, settings, ttl_to_ms

DAY_MS = 24 * 60 * 60 * 1000
BARE = settings()
FULL = settings(namespace="n", ttl=60, ttl_mode="fixed", max_messages=100, max_message_bytes=9)


@pytest.mark.parametrize(
    ("ttl", "ms"),
    [
        (None, None),
        (1, 1000),
        (1.5, 1500),
        (0.0001, 1),
        (5e-324, 1),
        (timedelta(hours=24), DAY_MS),
        (timedelta(days=400, milliseconds=1), 400 * DAY_MS + 1),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=1, microseconds=500_000), 1500),
        (3600 * 24 * 365 * 4000, 3600 * 24 * 365 * 4000 * 1000),
    ],
    ids=str,
)
def test_a_ttl_in_milliseconds(ttl: Any, ms: int | None) -> None:
    """Durations and seconds become whole milliseconds, at least one; days are not forgotten."""
    assert ttl_to_ms(ttl) == ms


@pytest.mark.parametrize(
    "ttl",
    [
        0,
        0.0,
        -0.0,
        -1,
        -0.001,
        math.nan,
        math.inf,
        -math.inf,
        10**30,
        10**400,
        -(10**400),
        1e300,
        True,
        False,
        "5",
        "",
        b"5",
        Decimal(5),
        [5],
        timedelta(0),
        timedelta(seconds=-1),
        timedelta.min,
        timedelta.max,
        UNSET,
    ],
    ids=lambda ttl: repr(ttl)[:20],
)
def test_a_ttl_that_is_none(ttl: Any) -> None:
    """Zero, negative, endless or of another type: an error at once, wherever a ttl is given."""
    with pytest.raises(InvalidTTL):
        ttl_to_ms(ttl)
    with pytest.raises(InvalidTTL):
        settings(ttl=ttl)
    with pytest.raises(InvalidTTL):
        SessionPlan(BARE, "s", None).expire(ttl, None)
    if ttl is not UNSET:
        with pytest.raises(InvalidTTL):
            BARE.of_session(ttl, UNSET, UNSET)


@pytest.mark.parametrize("mode", ["sliding", "fixed", "on_read"])
def test_what_renews_a_ttl(mode: Any) -> None:
    """One of three, of a memory or of a session."""
    assert settings(ttl_mode=mode).ttl_mode == mode
    assert BARE.of_session(UNSET, mode, UNSET).ttl_mode == mode


@pytest.mark.parametrize("mode", ["", "Sliding", None, True, 1, b"fixed", ["fixed"], "on-read"])
def test_modes_that_are_refused(mode: Any) -> None:
    """A word that was mistyped is not taken for the default."""
    with pytest.raises(ConfigurationError, match="sliding, fixed, on_read"):
        settings(ttl_mode=mode)
    with pytest.raises(ConfigurationError, match="sliding, fixed, on_read"):
        BARE.of_session(UNSET, mode, UNSET)


@pytest.mark.parametrize("cap", [None, 1, 2, 10**9])
def test_how_many_messages_a_session_may_hold(cap: int | None) -> None:
    """A whole number of at least 1, or any number."""
    assert settings(max_messages=cap).max_messages == cap
    assert FULL.of_session(UNSET, UNSET, cap).max_messages == cap


@pytest.mark.parametrize("cap", [0, -1, True, False, 1.0, "5", b"5", math.inf, [5]])
def test_caps_that_are_refused(cap: Any) -> None:
    """Zero would keep nothing; what is no number says nothing."""
    with pytest.raises(ConfigurationError, match="max_messages"):
        settings(max_messages=cap)
    with pytest.raises(ConfigurationError, match="max_messages"):
        BARE.of_session(UNSET, UNSET, cap)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "100", None, math.inf])
def test_limits_that_are_refused(limit: Any) -> None:
    """The limit of a message is a whole number of bytes."""
    with pytest.raises(ConfigurationError, match="max_message_bytes"):
        settings(max_message_bytes=limit)


@pytest.mark.parametrize("namespace", ["", None, 5, b"n", ["n"], "\ud83d", "n" * 5000])
def test_namespaces_that_are_refused(namespace: Any) -> None:
    """A memory with a wrong namespace cannot be made."""
    with pytest.raises(ConfigurationError, match="namespace"):
        settings(namespace=namespace)


@pytest.mark.parametrize("prefix", [5, b"p:", ["p:"], True, "\ud83d"])
def test_prefixes_that_are_refused(prefix: Any) -> None:
    """A memory with a wrong prefix cannot be made; the empty one is right."""
    with pytest.raises(ConfigurationError, match="key_prefix"):
        settings(key_prefix=prefix)
    assert settings(key_prefix="").layout.session("chat").log == b"chat"


def test_what_a_memory_has_where_nothing_is_said() -> None:
    """Own layout, no TTL, any number of messages."""
    assert isinstance(BARE.layout, OwnLayout)
    assert BARE.layout.session("s").log.startswith(b"redialog:{default.")
    assert (BARE.ttl_ms, BARE.ttl_mode, BARE.max_messages) == (None, "sliding", None)
    assert BARE.max_message_bytes == MAX_MESSAGE_BYTES
    assert isinstance(settings(key_prefix="").layout, SharedLayout)


def test_a_session_that_chooses_nothing_has_the_memorys_settings() -> None:
    """Without a copy: a handle is cheap."""
    assert FULL.of_session(UNSET, UNSET, UNSET) is FULL


def test_a_session_has_the_memorys_ttl_unless_it_has_its_own() -> None:
    """Not given is inherited; None is no ttl, or any number of messages."""
    assert FULL.of_session(None, UNSET, UNSET).ttl_ms is None
    assert FULL.of_session(timedelta(seconds=2), UNSET, UNSET).ttl_ms == 2000
    assert FULL.of_session(UNSET, UNSET, None).max_messages is None


def test_what_a_session_does_not_choose_it_inherits() -> None:
    """Each of the three by itself; layout and limit of a message are the memory's alone."""
    rest = (FULL.layout, FULL.max_message_bytes)
    for chosen, expected in (
        ((5, UNSET, UNSET), (5000, "fixed", 100)),
        ((UNSET, "on_read", UNSET), (60_000, "on_read", 100)),
        ((UNSET, UNSET, 7), (60_000, "fixed", 7)),
        ((None, "sliding", None), (None, "sliding", None)),
    ):
        found = FULL.of_session(*chosen)
        assert (found.ttl_ms, found.ttl_mode, found.max_messages) == expected
        assert (found.layout, found.max_message_bytes) == rest


def test_unset_is_no_value() -> None:
    """It shows as itself, and is not taken for a choice."""
    assert repr(UNSET) == "UNSET"
    with pytest.raises(InvalidTTL):
        ttl_to_ms(UNSET)
