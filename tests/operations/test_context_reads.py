"""What a context is made of: how much of a session is read, and that it is one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import Conflict, UnknownVersion, WrongType
from redialog.effect import Batch, CommandError
from redialog.ops import context
from redialog.ops._scripts import RESTARTS
from redialog.ops.context import Look
from tests.operations.folding import NOW, Session, conversation, kept, mark, only
from tests.operations.tools import NOSCRIPT, OWN, answered, element, play


def looking(
    session: Session, guess: int, wanted: Callable[[Look], Any] = lambda look: look
) -> tuple[list[Batch], Any]:
    """What is read of a session until that is enough."""
    return answered(context.seen(OWN, guess, wanted), session)


def places(look: Look) -> list[str]:
    """What the messages say that were read."""
    return [message.text for message in look.view.newest]


def numbered(first: int, last: int) -> list[str]:
    """The texts of the messages from one place to another."""
    return [f"m{place}" for place in range(first, last + 1)]


@pytest.mark.parametrize(("guess", "size"), [(0, 2), (5, 5), (100, 100), (10**9, 100)])
def test_the_newest_are_read_with_the_summary_and_what_came_of_it(guess: int, size: int) -> None:
    """1 round trip; the messages have the places that they have."""
    failed = b"1:%d:%d:timeout" % (NOW, NOW + 5)
    session = Session(conversation(80), kept(20), failed=failed, shift=4)
    [batch], look = looking(session, guess)
    assert (batch.writes, batch.resend_key) == (False, None)
    assert batch.commands[1:] == ((b"LRANGE", OWN.log, 0, size - 1), (b"LLEN", OWN.log))
    assert only(batch) == ("view", (OWN.log, OWN.meta), (size, 4, 64 << 10))
    view = look.view
    assert (view.total, places(look), view.leading) == (160, numbered(161 - size, 160), [])
    assert (view.summary.text, view.summary.covers) == ("So far.", 20)
    assert (view.failure.reason, view.failure.times) == ("timeout", 1)
    assert (look.base, look.shift, look.now, look.ids) == (b"before", 4, NOW, b"before")


def test_what_is_read_whole_is_asked_for_nothing_more() -> None:
    """The system messages at its beginning are among them."""
    [_], look = looking(Session(conversation(2, leading=3)), 100)
    assert [message.text for message in look.view.leading] == numbered(1, 3)
    assert places(look) == numbered(1, 7)
    [_], look = looking(Session(conversation(2, leading=20)), 100)
    assert [message.text for message in look.view.leading] == numbered(1, 16)
    [_], look = looking(Session([]), 100)
    assert (look.view.total, look.view.newest, look.view.leading) == (0, [], [])


@pytest.mark.parametrize("leading", [0, 1, 2, 15, 16, 17, 30])
def test_the_system_messages_at_the_beginning_come_along(leading: int) -> None:
    """At most 16 of them; a later one is none of them. 1 round trip more for more than 3."""
    log = conversation(30, leading=leading)
    log[leading + 4] = element(0, "system")
    batches, look = looking(Session(log), 4)
    assert [message.text for message in look.view.leading] == numbered(1, min(leading, 16))
    assert len(batches) == (1 if leading < 4 else 2)


@pytest.mark.parametrize("leading", [0, 1, 2, 15, 16, 17])
def test_large_system_messages_are_asked_for_one_by_one(leading: int) -> None:
    """Only as long as they are what stands at the beginning."""
    log = conversation(30, leading=leading)
    for place in range(leading):
        log[place] = element(place, "system", "x" * 70_000 + str(place))
    batches, look = looking(Session(log), 4)
    assert [message.text[70_000:] for message in look.view.leading] == [
        str(place) for place in range(min(leading, 16))
    ]
    trips = max(1, min(leading + 1, 16))
    assert len(batches) == trips
    asked = [command for batch in batches[1:] for command in batch.commands]
    assert asked == [(b"LINDEX", OWN.log, -place) for place in range(2, trips + 1)]


def test_some_large_system_messages_among_more() -> None:
    """Those that fit come together, the rest one by one."""
    log = conversation(30, leading=9)
    log[5] = element(5, "system", "x" * 70_000)
    batches, look = looking(Session(log), 4)
    assert [message._raw for message in look.view.leading] == log[:9]
    assert [batch.commands[0][0] for batch in batches] == [b"EVALSHA"] * 2 + [b"LINDEX"] * 4


def test_more_is_read_until_it_is_enough() -> None:
    """Each time at least as many as before, joined to those."""
    seen: list[int] = []

    def wanted(look: Look) -> Look | None:
        seen.append(len(look.view.newest))
        return look if len(look.view.newest) == look.view.total else None

    log = conversation(1500, leading=1)
    batches, look = looking(Session(log), 4, wanted)
    assert seen == [4, 20, 100, 500, 1500, 3001]
    assert places(look) == numbered(1, 3001)
    assert len(batches) == len(seen) + 1
    # Positions tell the place that damage is at, and ids of messages without one.
    assert look.view.newest[0].id == "id-1"


def test_a_message_without_an_id_gets_that_of_its_place() -> None:
    """Whichever page it is in."""
    plain = [b'{"type":"human","data":{"content":"%d"}}' % number for number in range(9)]
    whole = looking(Session(plain), 100)[1]
    paged = looking(
        Session(plain), 2, lambda look: look if len(look.view.newest) == look.view.total else None
    )[1]
    assert paged.view.newest == whole.view.newest
    system = [one.replace(b"human", b"system") for one in plain]
    [together, beside] = (looking(Session(system), size)[1].view.leading for size in (100, 2))
    assert together == beside
    assert [message.id[-2:] for message in whole.view.newest] == [f"-{n}" for n in range(9)]


@pytest.mark.parametrize("what", ["cleared", "rewound", "cut"])
def test_a_session_that_changes_while_it_is_read_is_read_anew(what: str) -> None:
    """From its newest end, as it is then."""
    session = Session(conversation(20))

    def wanted(look: Look) -> Look | None:
        if len(session.names) == 3:
            changed = {"cleared": [], "rewound": session.elements[:-1], "cut": session.elements[2:]}
            session.elements = list(changed[what])
        return look if len(look.view.newest) == look.view.total else None

    _, look = looking(session, 4, wanted)
    assert session.names.count("view") == 2
    assert [message._raw for message in look.view.newest] == session.elements


@pytest.mark.parametrize(
    ("marked", "length"),
    [(conversation(20), 41), (conversation(20), 39), (conversation(21), 40), ([], 40)],
)
def test_what_comes_between_two_commands_of_a_look_is_noticed(
    marked: list[bytes], length: int
) -> None:
    """An append; one to a session at its limit, which keeps the length; a removal; a clear."""
    log, [rest] = conversation(20), play_once(Session(conversation(20)))
    torn = [[rest[0][0], mark(marked), *rest[0][2:]], rest[1], length]
    batches, look = play(context.seen(OWN, 4, lambda look: look), torn, rest)
    assert batches[0] == batches[1]
    assert [message._raw for message in look.view.newest] == log[-4:]


def play_once(session: Session) -> list[Any]:
    """The replies to a look."""
    [batch], _ = looking(session, 4)
    return [session(batch)]


def test_an_element_that_is_empty_is_one() -> None:
    """Another client can have pushed it."""
    _, look = looking(Session([*conversation(3), b""]), 100)
    assert [message.role for message in look.view.newest][-1] == "damaged"


def test_a_session_that_never_stands_still_is_a_conflict() -> None:
    """After some attempts."""
    session = Session(conversation(90), popped=True)
    with pytest.raises(Conflict):
        looking(session, 4, lambda _: None)
    assert session.names.count("view") == RESTARTS


@pytest.mark.parametrize(("code", "kind"), [("VERSION", UnknownVersion), ("WRONGTYPE", WrongType)])
def test_a_look_that_is_refused(code: str, kind: type[Exception]) -> None:
    """What a newer version wrote is not guessed at."""
    with pytest.raises(kind):
        play(context.seen(OWN, 4, lambda look: look), [CommandError(code, "2"), [], 0])


def test_a_look_with_a_lost_script() -> None:
    """It is asked again with its text."""
    empty = [[0, b"", [], [], b"", b"5", 0, b""], [], 0]
    batches, _ = play(context.seen(OWN, 4, lambda look: look), [NOSCRIPT, [], 0], empty)
    assert [batch.commands[0][0] for batch in batches] == [b"EVALSHA", b"EVAL"]
