"""Another client changes a log that has companions: nothing of an old conversation shows in a new
one, and nothing of a conversation that goes on is lost.

Each case is a layout, what the companions hold, and what the other client does; then come all
readers, and every write of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from redialog import ChatMemory, Message, NotFound, OwnerMismatch, Session, WrongType
from redialog.keys import SessionKeys
from redialog.testing.conformance._tools import element, expire_now, keys_of, texts
from tests.support.backends import Backend, Ground, Store

# Rows that differ in server, facade, protocol and client, each with its own shared layout.
ROWS = [
    (Backend("redis", "sync"), "message_store:"),
    (Backend("valkey", "async", 3, decoded=True), ""),
]
OLD = ["2", "3", "4", "5", "6", "7"]
HELD = {
    "title": {"title"},
    "owner": {"owner"},
    "trimmed": {"trimmed"},
    "all": {"title", "owner", "trimmed"},
}


@dataclass(frozen=True)
class Told:
    """What a session says.

    Attributes:
        texts: of its messages; None where there is no session.
        title: the same as in `SessionInfo`, like the further ones.
    """

    texts: list[str] | None = field(default_factory=lambda: list(OLD))
    title: str | None = None
    user_id: str | None = None
    trimmed: int = 0


@dataclass(frozen=True)
class Action:
    """What another client does.

    Attributes:
        do: on the log; gets the bytes of its oldest element.
        texts: what the log says then; None where it is gone.
        same: whether the conversation is still the one that the companions speak for.
    """

    do: Callable[[Any, bytes, bytes], object]
    texts: list[str] | None
    same: bool = False


def _delete(raw: Any, log: bytes, oldest: bytes) -> None:
    raw.delete(log)


def _anew(raw: Any, log: bytes, oldest: bytes) -> None:
    raw.delete(log)
    raw.lpush(log, element("new"), element("answer", "ai"))


def _anew_alike(raw: Any, log: bytes, oldest: bytes) -> None:
    raw.delete(log)
    raw.lpush(log, oldest, element("new"))


ACTIONS = {
    "deletes it": Action(_delete, None),
    "begins anew": Action(_anew, ["new", "answer"]),
    "begins anew alike": Action(_anew_alike, ["2", "new"]),
    "lets it expire": Action(lambda raw, log, _: expire_now(raw, log), None),
    "drops the oldest": Action(lambda raw, log, _: raw.ltrim(log, 0, -2), OLD[1:]),
    "drops the newest": Action(lambda raw, log, _: raw.ltrim(log, 1, -1), OLD[:-1], same=True),
    "appends": Action(lambda raw, log, _: raw.lpush(log, element("t")), [*OLD, "t"], same=True),
    "adds before": Action(lambda raw, log, _: raw.rpush(log, element("t")), ["t", *OLD]),
}


class Case:
    """A layout, what the companions hold, and what the other client does.

    Args:
        store: the row.
        prefix: of the layout.
        held: what the companions hold.
        action: the other client's.
    """

    def __init__(self, store: Store, prefix: str | None, held: set[str], action: Action) -> None:
        self.raw: Any = store.raw
        self.prefix = prefix
        self.held = held
        self.action = action
        self.memory: ChatMemory = store.memory(key_prefix=prefix)
        told = Told(action.texts)
        if action.same:
            told = Told(
                action.texts,
                "old title" if "title" in held else None,
                "ada" if "owner" in held else None,
                2 if "trimmed" in held else 0,
            )
        self.told = told

    def keys(self, name: str) -> SessionKeys:
        """Of a session of the case."""
        return keys_of(name, prefix=self.prefix)

    def begun(self, name: str) -> Session:
        """A session with companions that another client has changed; a handle of nobody's."""
        owner = "ada" if "owner" in self.held else None
        chat = self.memory.session(name, user_id=owner, max_messages=6)
        first = 0 if "trimmed" in self.held else 2
        chat.append(*(Message.user(str(number)) for number in range(first, 8)))
        if "title" in self.held:
            chat.set_title("old title")
        assert texts(chat.messages()) == OLD
        assert self.raw.exists(self.keys(name).meta) == 1
        log = self.keys(name).log
        [oldest] = self.raw.lrange(log, -1, -1)
        self.action.do(self.raw, log, oldest)
        return self.memory.session(name)

    def check(self, name: str, told: Told) -> None:
        """All that can be read of a session is as it should be."""
        chat = self.memory.session(name)
        info = chat.info()
        assert (info.exists, info.count) == (told.texts is not None, len(told.texts or []))
        assert (info.title, info.user_id, info.trimmed) == (told.title, told.user_id, told.trimmed)
        assert texts(chat.messages()) == texts(chat.window(messages=99)) == (told.texts or [])
        assert texts(chat.window(messages=1)) == (told.texts or [])[-1:]

    def check_listings(self, expected: dict[str, Told]) -> None:
        """The listings show what the sessions say, each user's that user's."""
        there = {name: told for name, told in expected.items() if told.texts is not None}
        for user_id in (None, "ada", "bob"):
            listed = {info.session_id: info for info in self.memory.sessions(user_id)}
            owned = {n for n, told in there.items() if user_id in (None, told.user_id)}
            assert set(listed) == owned
            for name, info in listed.items():
                told = there[name]
                found = (info.title, info.user_id, info.trimmed, info.count)
                texts_told = told.texts or []
                assert found == (told.title, told.user_id, told.trimmed, len(texts_told))

    def check_nothing_stale(self, name: str, told: Told) -> None:
        """After a write of ours companions are there only where there is something to keep."""
        kept = told.title or told.user_id or told.trimmed
        assert self.raw.exists(self.keys(name).meta) == (1 if kept else 0)


@pytest.fixture(params=range(len(ROWS)), ids=[str(row) for row, _ in ROWS])
def row(request: pytest.FixtureRequest, ground: Ground) -> Iterator[tuple[Store, str]]:
    """Both rows in turn, with the shared layout."""
    backend, prefix = ROWS[request.param]
    with Store(backend, ground) as store:
        yield store, prefix


@pytest.fixture(params=["own", "shared"])
def layout(request: pytest.FixtureRequest, row: tuple[Store, str]) -> tuple[Store, str | None]:
    """The own layout, and the row's shared one."""
    store, prefix = row
    return store, (prefix if request.param == "shared" else None)


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_another_client_does_to_a_log_with_companions(
    layout: tuple[Store, str | None], action: str, held: str
) -> None:
    """Readers see what the log is; each write goes to what it is, and takes nothing stale along."""
    case = Case(*layout, HELD[held], ACTIONS[action])
    case.begun("read")
    case.check("read", case.told)
    case.check_listings({"read": case.told})
    case.check("read", case.told)
    expected = {"read": case.told, "appended": _appended(case, "appended", None)}
    expected["ada's"] = _appended(case, "ada's", "ada")
    expected["bob's"] = _appended(case, "bob's", "bob")
    expected["titled"] = _titled(case, "titled")
    expected |= _forked(case, "forked")
    expected["cleared"] = _cleared(case, "cleared")
    expected["touched"] = _touched(case, "touched")
    expected["replaced"] = _replaced(case, "replaced")
    for name, told in expected.items():
        case.check(name, told)
    case.check_listings(expected)


def _appended(case: Case, name: str, user_id: str | None) -> Told:
    case.begun(name)
    told = case.told
    chat = case.memory.session(name, user_id=user_id)
    if user_id and told.user_id not in (None, user_id):
        with pytest.raises(OwnerMismatch):
            chat.append(Message.user("mine"))
        return told
    chat.append(Message.user("mine"))
    told = replace(told, texts=[*(told.texts or []), "mine"], user_id=user_id or told.user_id)
    case.check_nothing_stale(name, told)
    return told


def _titled(case: Case, name: str) -> Told:
    chat = case.begun(name)
    exists = case.told.texts is not None
    assert chat.set_title("new title") is exists
    if not exists:
        return case.told
    told = replace(case.told, title="new title")
    case.check_nothing_stale(name, told)
    return told


def _forked(case: Case, name: str) -> dict[str, Told]:
    chat = case.begun(name)
    if case.told.texts is None:
        with pytest.raises(NotFound):
            chat.fork(f"copy of {name}")
        return {name: case.told}
    chat.fork(f"copy of {name}")
    case.check_nothing_stale(f"copy of {name}", case.told)
    return {name: case.told, f"copy of {name}": case.told}


def _cleared(case: Case, name: str) -> Told:
    chat = case.begun(name)
    assert chat.clear() == len(case.told.texts or [])
    case.check_nothing_stale(name, Told(None))
    return Told(None)


def _touched(case: Case, name: str) -> Told:
    chat = case.begun(name)
    assert chat.touch() is (case.told.texts is not None)
    return case.told


def _replaced(case: Case, name: str) -> Told:
    chat = case.begun(name)
    if case.told.texts is None:
        with pytest.raises(NotFound):
            chat.replace("x-0123456789abcdef-0", Message.user("x"))
        return case.told
    # The oldest, in which the companions are anchored, and the newest.
    for message in chat.messages()[:: len(case.told.texts) - 1]:
        assert message.id is not None
        chat.replace(message.id, Message.user("edited"))
    told = replace(case.told, texts=["edited", *case.told.texts[1:-1], "edited"])
    case.check_nothing_stale(name, told)
    return told


@pytest.mark.parametrize("held", HELD)
def test_another_client_puts_a_text_in_the_place_of_the_log(
    layout: tuple[Store, str | None], held: str
) -> None:
    """Everything is refused, nothing is listed, and the text stays as it is."""
    case = Case(*layout, HELD[held], Action(lambda raw, log, _: raw.set(log, "precious"), None))
    case.begun("s")
    log = case.keys("s").log
    companions = case.raw.hgetall(case.keys("s").meta)
    calls: list[Callable[[Session], object]] = [
        lambda chat: chat.info(),
        lambda chat: chat.messages(),
        lambda chat: chat.window(messages=1),
        lambda chat: chat.window(turns=1),
        lambda chat: chat.append(Message.user("x")),
        lambda chat: chat.set_title("x"),
        lambda chat: chat.fork("copy"),
        lambda chat: chat.touch(),
        lambda chat: chat.clear(),
    ]
    for user_id in (None, "ada", "bob"):
        for call in calls:
            with pytest.raises((WrongType, OwnerMismatch)) as caught:
                call(case.memory.session("s", user_id=user_id))
            assert type(caught.value) is WrongType
        assert list(case.memory.sessions(user_id)) == []
    assert (case.raw.get(log), case.raw.ttl(log)) == (b"precious", -1)
    assert case.raw.hgetall(case.keys("s").meta) == companions
    # And a conversation that begins in its place later is a new one.
    case.raw.delete(log)
    case.memory.session("s", user_id="bob").append(Message.user("1"))
    case.check("s", Told(["1"], user_id="bob"))
