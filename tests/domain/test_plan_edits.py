"""The arguments of edits, forks, titles and listings are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import ConfigurationError, InvalidMessage, InvalidSessionId, Message, keys
from redialog.effect import Batch, Op
from redialog.ops.catalogue import MAX_PAGE
from redialog.ops.read import Cursor
from redialog.plan import MAX_TITLE_CHARS, ListingPlan, SessionPlan
from redialog.settings import settings

SECRET = "locker code 4417"


def plan(session_id: str = "chat", user_id: str | None = None, **changes: Any) -> SessionPlan:
    """The plan of a session of a memory with these settings."""
    return SessionPlan(settings(**changes), session_id, user_id)


BY_ID: dict[str, Callable[[SessionPlan, Any], object]] = {
    "get": lambda of, bad: of.get(bad),
    "replace": lambda of, bad: of.replace(bad, Message.user("x"), None),
    "replace under an id": lambda of, bad: of.replace(bad, Message.user("x", id="1"), None),
    "remove": lambda of, bad: of.remove(bad, None),
    "rewind": lambda of, bad: of.rewind(bad, None),
    "fork": lambda of, bad: of.fork("other", "" if bad is None else bad, None),
}


@pytest.mark.parametrize("bad", ["", None, 5, b"id", ["id"], True, f"{SECRET}\ud800"], ids=ascii)
@pytest.mark.parametrize("name", BY_ID)
def test_message_ids_that_are_refused(name: str, bad: Any) -> None:
    """An id is text and not empty; one that cannot be sent is not shown."""
    with pytest.raises(ConfigurationError, match="message id") as caught:
        BY_ID[name](plan(), bad)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [{"role": "nobody", "content": SECRET}, Message.user(f"{SECRET}\ud800"), 5, None, [SECRET]],
    ids=lambda bad: type(bad).__name__,
)
def test_messages_that_cannot_replace_another(bad: Any) -> None:
    """They are refused at once, without their text."""
    with pytest.raises(InvalidMessage) as caught:
        plan().replace("id-1", bad, None)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("bad", ["x" * (MAX_TITLE_CHARS + 1), 5, b"T", ["T"], True, "\ud800"])
def test_titles_that_are_refused(bad: Any) -> None:
    """A title is text of at most a thousand characters."""
    with pytest.raises(ConfigurationError, match="title"):
        plan().set_title(bad, None)


@pytest.mark.parametrize("title", [None, "", "T", "é" * MAX_TITLE_CHARS, " \0\n"], ids=ascii)
def test_titles(title: str | None) -> None:
    """Any text, and nothing to remove it."""
    [command] = next(plan().set_title(title, None)).commands
    assert command[-2] == (title or "")


@pytest.mark.parametrize("bad", ["", 5, b"id", "x\ud800", "x" * (keys.MAX_ID_BYTES + 1)])
def test_new_ids_that_are_refused(bad: Any) -> None:
    """As those of any session; a prefix of this library's own keys is not to be had either."""
    with pytest.raises(InvalidSessionId):
        plan().fork(bad, None, None)
    with pytest.raises(InvalidSessionId):
        plan(key_prefix="").fork("redialog:x", None, None)


def test_a_fork_onto_itself_is_refused() -> None:
    """It would be there already, and is surely a mistake."""
    with pytest.raises(ConfigurationError, match="another id"):
        plan().fork("chat", None, None)


@pytest.mark.parametrize("session_id", ["chat", "é", "{x}", "a" * 1000])
def test_a_fork_without_an_id_lies_beside_its_session(session_id: str) -> None:
    """Under a random one in the same bucket: nothing has to be carried."""
    of = plan(session_id, "ada", ttl=5, max_messages=7)
    plans = [of.fork(None, None, None)[0] for _ in range(5)]
    assert len({made.session_id for made in plans}) == 5
    for made in plans:
        assert made.keys.sessions == of.keys.sessions
        assert made.keys.stage("t") == of.keys.stage("t")
        assert (made.user_id, made.settings) == ("ada", of.settings)
    # And under a key it is the same one each time, whoever forks.
    named = {plan(session_id).fork(None, None, "k")[0].session_id for _ in range(3)}
    assert len(named) == 1
    assert named != {plan(session_id).fork(None, None, "other")[0].session_id}


@pytest.mark.parametrize("name", ["replace", "remove", "rewind", "fork"])
def test_what_looks_before_it_writes_asks_first_whether_a_key_was_used(name: str) -> None:
    """Else it would look for a message that it has removed itself; a fresh token is new."""
    for key, asks in (("k", True), (None, False)):
        made: dict[str, Op[Any]] = {
            "replace": plan().replace("id-1", Message.user("x"), key),
            "remove": plan().remove("id-1", key),
            "rewind": plan().rewind("id-1", key),
            "fork": plan().fork("other", None, key)[1],
        }
        first = next(made[name]).commands[0][0]
        assert (first in (b"PEXPIRE", b"SET")) is asks


def args(op: Op[Any]) -> tuple[Any, ...]:
    """The arguments of the script that the first batch calls."""
    [command] = next(op).commands
    assert isinstance(command[2], int)
    return command[3 + command[2] :]


@pytest.mark.parametrize(
    ("changes", "ttl"),
    [
        ({}, ("", "")),
        ({"ttl": 5}, (5000, "")),
        ({"ttl": 5, "ttl_mode": "fixed"}, (5000, "1")),
        ({"ttl": 5, "ttl_mode": "on_read"}, (5000, "")),
    ],
    ids=str,
)
def test_writes_take_the_ttl_of_the_session(changes: dict[str, Any], ttl: Any) -> None:
    """Its length, and whether a running one stays."""
    assert args(plan(**changes).set_title("T", None))[1:3] == ttl
    assert args(plan(**changes).append([Message.user("x")], "k"))[2:4] == ttl
    touched = args(plan(**changes).touch(None))
    assert (touched[0], touched[5]) == ttl
    # A ttl that is set by hand is set.
    assert args(plan(**changes).expire(9, None))[::5] == (9000, "")


@pytest.mark.parametrize("changes", [{}, {"ttl": 5}, {"ttl_mode": "on_read"}], ids=str)
def test_reads_renew_nothing(changes: dict[str, Any]) -> None:
    """Where the mode is another, or there is no ttl to renew."""
    assert all(len(batch.commands) == 1 for batch in first_reads(plan(**changes)))


def test_reads_renew_a_ttl_where_they_should() -> None:
    """Every reading of messages does; asking what a session is does not."""
    of = plan(ttl=5, ttl_mode="on_read")
    for batch in first_reads(of):
        assert batch.commands[-1][2:] == (2, of.keys.log, of.keys.meta, 5000)
    assert len(next(of.info()).commands) == 1


def first_reads(of: SessionPlan) -> list[Batch]:
    """The first batch of each reading of messages."""
    return [
        next(op)
        for op in (
            of.messages(strict=False),
            of.page(Cursor(), strict=False),
            of.window(3, None, strict=False),
            of.window(None, 3, strict=False),
            of.get("id-1"),
        )
    ]


def test_an_append_now_and_then_sweeps() -> None:
    """About one in 64; under one key always or never, so that it is the same each time."""
    sweeps = 0
    for number in range(2000):
        batch = next(plan().append([Message.user("x")], f"k{number}"))
        sweeps += not batch.writes
        assert next(plan().append([Message.user("x")], f"k{number}")).writes is batch.writes
    assert 10 < sweeps < 80


def test_a_cap_travels_with_the_append() -> None:
    """Of the session; without one the log is not read."""
    op = plan(max_messages=7).append([Message.user("x")], "k")
    assert next(op).commands[0][-3] == "7"
    assert len(next(plan().append([Message.user("x")], "k")).commands) == 1


@pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1, True, 1.0, "5", None], ids=repr)
def test_limits_of_a_listing_that_are_refused(limit: Any) -> None:
    """A page has 1 to 1,000 sessions."""
    with pytest.raises(ConfigurationError, match="limit"):
        ListingPlan(settings(), None).page(limit, None)


@pytest.mark.parametrize("bad", ["", 5, b"ada", "\ud800", True])
def test_users_whose_listing_is_refused(bad: Any) -> None:
    """When the listing is made, not when it is read."""
    with pytest.raises(InvalidSessionId, match="user id"):
        ListingPlan(settings(), bad)


def test_a_listing_reads_the_memorys_catalogue() -> None:
    """All of it or a user's; a cursor is looked at before anything is asked."""
    for user in (None, "ada"):
        config = settings(namespace="n")
        commands = next(ListingPlan(config, user).page(5, None)).commands
        assert [command[1] for command in commands] == config.layout.catalogue(user)
    with pytest.raises(ConfigurationError, match="cursor"):
        next(ListingPlan(settings(), None).page(5, "x"))
