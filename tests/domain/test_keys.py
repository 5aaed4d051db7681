"""Names of keys are part of the stored layout: they never change and never meet."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redialog import ConfigurationError, InvalidSessionId
from redialog.keys import (
    BUCKETS,
    MAX_ID_BYTES,
    MAX_NAMESPACE_BYTES,
    OwnLayout,
    SessionKeys,
    SharedLayout,
    bucket,
    slot,
)

NASTY = st.text(
    st.sampled_from([*"{}:%.a0 \0\n\x7f\x85\u00a0é東🌦", "%7B", "meta", "log", "redialog:"]).map(
        lambda part: part[0]
    )
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=6,
)
TOKENS = ("t0123456789abcdef0123456789ab", "k0123")


def all_keys(keys: SessionKeys) -> list[bytes]:
    """Every key of a session, but for the user's catalogue where the handle names none."""
    named = [keys.log, keys.meta, keys.lease, keys.sessions, keys.of_user(b"u}{")]
    named += [*map(keys.op, TOKENS), *map(keys.stage, TOKENS)]
    return named if keys.user is None else [*named, keys.user]


@pytest.mark.parametrize(
    ("member", "number"),
    [
        ("a", 67),
        ("support-42", 227),
        ("demo", 160),
        ("0", 33),
        ("user:1", 130),
        ("é", 62),
        ("東京", 239),
        ("a b", 211),
        ("a}b", 202),
        ("{x}", 220),
        ("x" * 300, 19),
    ],
)
def test_the_bucket_of_an_id_never_changes(member: str, number: int) -> None:
    """A session that was stored is looked for in the same bucket by every later version."""
    assert bucket(member.encode()) == number
    assert f".{number}}}".encode() in OwnLayout("n").session(member).log


def test_there_are_256_buckets() -> None:
    """The number of buckets is a constant of the layout, and all of them are used."""
    assert BUCKETS == 256
    assert {bucket(str(number).encode()) for number in range(5000)} == set(range(256))


OWN = [
    ("shop", "support-42", None, b"{shop.227}", b"support-42", None),
    ("shop", "support-42", "ada", b"{shop.227}", b"support-42", b"ada"),
    ("a.b", "x y", "u:1", b"{a.b.192}", b"x%20y", b"u:1"),
    ("{n}%", "{s}:\n", "é", b"{%7Bn%7D%25.213}", b"%7Bs%7D:%0A", "é".encode()),
]


@pytest.mark.parametrize("expected", OWN)
def test_names_of_the_own_layout_never_change(
    expected: tuple[str, str, str | None, bytes, bytes, bytes | None],
) -> None:
    """The keys of a session are these, letter for letter."""
    namespace, session, user, tag, name, owner = expected
    keys = OwnLayout(namespace).session(session, user)
    root = b"redialog:" + tag
    assert keys.log == root + b":log:" + name
    assert keys.meta == root + b":meta:" + name
    assert keys.lease == root + b":lease:" + name
    assert keys.op("t1") == root + b":op:t1"
    assert keys.stage("t1.d") == root + b":stage:t1.d"
    assert keys.sessions == root + b":sessions"
    assert keys.user == (None if owner is None else root + b":user:" + owner)
    assert (keys.member, keys.together) == (session.encode(), True)
    assert keys.owner == (None if user is None else user.encode())


SHARED = [
    ("", "demo", b"demo", b":w:{demo}"),
    ("message_store:", "golden-main", b"message_store:golden-main", None),
    ("", "a}b", b"a}b", b":s:{20658}a}b"),
    ("", "{}x", b"{}x", b":s:{19354}{}x"),
    ("", "a{t}b", b"a{t}b", b":t:a{t}b"),
    ("", "a{}b{c}", b"a{}b{c}", b":s:{9841}a{}b{c}"),
    ("", "é{", "é{".encode(), ":w:{é{}".encode()),
    ("p:", "s", b"p:s", b":w:{p:s}"),
]


@pytest.mark.parametrize(("prefix", "session", "log", "tail"), SHARED)
def test_names_of_the_shared_layout_never_change(
    prefix: str, session: str, log: bytes, tail: bytes | None
) -> None:
    """The log is prefix and id as they are; companions and tokens have these names."""
    keys = SharedLayout("shop", prefix).session(session)
    tail = b":w:{" + log + b"}" if tail is None else tail
    assert keys.log == log
    assert keys.meta == b"redialog:meta" + tail
    assert keys.lease == b"redialog:lease" + tail
    assert keys.op("t1") == b"redialog:op:t1" + tail
    assert keys.stage("t1") == b"redialog:stage:t1" + tail
    assert not keys.together


def test_the_catalogue_of_the_shared_layout_never_changes() -> None:
    """It lies in the namespace's buckets, apart for each prefix."""
    keys = SharedLayout("shop", "message_store:").session("golden-main", "ada")
    assert keys.sessions == b"redialog:{shop.254}:at:message_store%3A:sessions"
    assert keys.user == b"redialog:{shop.254}:at:message_store%3A:user:ada"
    assert SharedLayout("shop", "").session("demo").sessions == (
        b"redialog:{shop.160}:at::sessions"
    )
    keys = SharedLayout("shop", "a%3A{b}: :").session("x", "u:1")
    assert keys.user == b"redialog:{shop.131}:at:a%253A%7Bb%7D%3A%20%3A:user:u:1"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.tuples(st.just("") | NASTY, st.none() | NASTY),
    st.tuples(st.just("") | NASTY, st.none() | NASTY),
)
@example(("p:user:x", None), ("p", "x:sessions"))
@example(("p", "u"), ("p:user", "u"))
@example(("p:", None), ("p%3A", None))
@example(("", "sessions"), (":user", None))
def test_catalogues_of_different_prefixes_and_users_never_meet(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    """Wherever a prefix or a user id has colons, no two listings share a key."""
    first, second = (SharedLayout("n", prefix).catalogue(user) for prefix, user in (one, other))
    assert (first == second) == (one == other)
    assert one == other or not set(first) & set(second)
    assert not set(first) & {*OwnLayout("n").catalogue(other[1]), *OwnLayout("n").catalogue()}
    assert len({slot(key) for key in {first[0], second[0]}}) == 1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.tuples(NASTY, NASTY, NASTY), st.tuples(NASTY, NASTY, NASTY))
@example(("a", "b", "c"), ("a.1", "b", "c"))
@example(("n", "{", "u"), ("n", "%7B", "u"))
@example(("n", "s", "a:b"), ("n", "s", "a"))
def test_different_sessions_have_different_keys(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """No pair of namespace, user and session shares a key that is not theirs both."""
    first, second = (OwnLayout(ns).session(sid, uid) for ns, uid, sid in (one, other))
    same_session = (one[0], one[2]) == (other[0], other[2])
    assert (first.log == second.log) == (first.meta == second.meta) == same_session
    assert (first.lease == second.lease) == same_session
    same_namespace = one[0] == other[0]
    assert (first.sessions == second.sessions) == (
        same_namespace and bucket(one[2].encode()) == bucket(other[2].encode())
    )
    assert (first.user == second.user) == (first.sessions == second.sessions and one[1] == other[1])
    roles: list[set[bytes | None]] = [
        {k.log for k in (first, second)},
        {k.meta for k in (first, second)},
        {k.lease for k in (first, second)},
    ]
    roles += [{first.sessions, second.sessions}, {first.user, second.user}]
    roles += [{k.op(t) for k in (first, second) for t in TOKENS}]
    roles += [{k.stage(t) for k in (first, second) for t in TOKENS}]
    assert all(not a & b for a, b in itertools.combinations(roles, 2))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NASTY, NASTY, NASTY)
def test_all_keys_of_a_session_lie_in_one_slot(namespace: str, user: str, session: str) -> None:
    """One script call on a Cluster may touch all of them."""
    keys = OwnLayout(namespace).session(session, user)
    assert len({slot(key) for key in all_keys(keys)}) == 1
    assert all(key.startswith(b"redialog:{") for key in all_keys(keys))
    # They can be typed and printed: no blanks, no control characters.
    assert not any(char <= " " or "\x7f" <= char <= "\xa0" for char in keys.log.decode())


def test_the_catalogue_lists_every_bucket() -> None:
    """Wherever a session lies, its catalogue is one of those that a listing reads."""
    for layout in (OwnLayout("n"), SharedLayout("n", "p:")):
        sessions, users = layout.catalogue(), layout.catalogue("ada")
        assert len(set(sessions)) == len(set(users)) == BUCKETS
        for number in range(300):
            keys = layout.session(str(number), "ada")
            assert keys.sessions in sessions
            assert keys.user in users


@pytest.mark.parametrize("user", ["ada", "{u}:%", "é", " "])
def test_a_users_catalogue_can_be_named_by_any_handle(user: str) -> None:
    """The same key, whether the handle names the user or a script tells whose session it is."""
    for layout in (OwnLayout("n"), SharedLayout("n", ""), SharedLayout("n", "p:{}")):
        named, bare = layout.session("chat", user), layout.session("chat")
        assert bare.user is None
        assert bare.of_user(user.encode()) == named.of_user(user.encode()) == named.user
        assert bare.catalogue() == [bare.sessions]
        assert named.catalogue() == [named.sessions, named.user]


@pytest.mark.parametrize(
    ("key", "number"),
    [
        (b"123456789", 12739),
        (b"", 0),
        (b"foo", 12182),
        (b"{user1000}.following", 3443),
        (b"{user1000}.followers", 3443),
        (b"user1000", 3443),
        (b"foo{}{bar}", 8363),
        (b"foo{{bar}}zap", 4015),
        (b"foo{bar}{zap}", 5061),
        (b"bar", 5061),
        (b"{bar", 4015),
    ],
)
def test_slots_are_those_of_the_cluster_specification(key: bytes, number: int) -> None:
    """CRC16 of the hash tag, or of the key, as the specification's own examples have it."""
    assert slot(key) == number


BAD_IDS: list[Any] = [
    "",
    None,
    5,
    b"id",
    ["id"],
    "\ud83d",
    "x\udc00",
    "é" * (MAX_ID_BYTES // 2 + 1),
]
MAKERS: list[Callable[[Any], SessionKeys]] = [
    lambda bad: OwnLayout("n").session(bad),
    lambda bad: SharedLayout("n", "").session(bad),
    lambda bad: OwnLayout("n").session("s", bad),
    lambda bad: SharedLayout("n", "p:").session("s", bad),
]
LISTINGS: list[Callable[[Any], list[bytes]]] = [
    OwnLayout("n").catalogue,
    SharedLayout("n", "").catalogue,
    SharedLayout("n", "p:").catalogue,
]


@pytest.mark.parametrize("make", LISTINGS)
@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: repr(bad)[:12])
def test_users_whose_listing_is_refused(make: Callable[[Any], list[bytes]], bad: Any) -> None:
    """No session can be theirs, so asking for one is a mistake; None asks for everybody's."""
    if bad is None:
        assert len(make(bad)) == BUCKETS
        return
    with pytest.raises(InvalidSessionId, match="user id") as caught:
        make(bad)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: repr(bad)[:12])
def test_ids_that_are_refused(make: Callable[[Any], SessionKeys], bad: Any) -> None:
    """An id is text in UTF-8 and not empty; the error does not repeat a long one."""
    if bad is None and make in MAKERS[2:]:
        return
    with pytest.raises(InvalidSessionId) as caught:
        make(bad)
    assert len(str(caught.value)) < 200


def test_the_longest_id_is_taken() -> None:
    """The limit counts bytes, and its last one is allowed."""
    assert OwnLayout("n").session("é" * (MAX_ID_BYTES // 2)).member == b"\xc3\xa9" * (
        MAX_ID_BYTES // 2
    )


@pytest.mark.parametrize(
    ("prefix", "session"),
    [("", "redialog:x"), ("", "redialog:{n.1}:log:x"), ("redi", "alog:x"), ("redialog:", "x")],
)
def test_a_shared_log_cannot_be_one_of_our_own_keys(prefix: str, session: str) -> None:
    """Keys under ``redialog:`` are this library's, so no shared log may have such a name."""
    with pytest.raises(InvalidSessionId, match="redialog:"):
        SharedLayout("n", prefix).session(session)


@pytest.mark.parametrize("bad", ["", None, 5, b"n", "\ud83d", "n" * (MAX_NAMESPACE_BYTES + 1)])
def test_namespaces_that_are_refused(bad: Any) -> None:
    """A namespace is text, not empty and not too long, in either layout."""
    for make in (OwnLayout, lambda name: SharedLayout(name, "")):
        with pytest.raises(ConfigurationError, match="namespace"):
            make(bad)


@pytest.mark.parametrize("bad", [None, 5, b"p:", ["p"], "\ud83d"])
def test_prefixes_that_are_refused(bad: Any) -> None:
    """A prefix is any text that UTF-8 can hold."""
    with pytest.raises(ConfigurationError, match="key_prefix"):
        SharedLayout("n", bad)
