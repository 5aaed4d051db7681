"""What the threads and tasks of a soak do, over and over, whatever becomes of their calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from redialog import Conflict, Message, NotFound, TransportError
from tests.races.calling import Call, Calls
from tests.soak.ledger import Ledger, Turn

KEPT, EDITED, BRIEF, USERS = 12, 12, 8, 3
LONG_S, BRIEF_S = 600.0, 0.3
BULK = 1_100
_RESENDS = 4
_KNOWN = 20


def kept(number: int) -> tuple[str, str | None]:
    """Id and owner of a session that is only appended to; every other one has no owner."""
    return f"kept-{number}", f"user-{number % USERS}" if number % 2 else None


class Talker:
    """One thread's or task's part.

    Args:
        name: that no other talker has.
        memory: of either facade.
        seed: of its choices.
        over: whether to stop.
    """

    def __init__(self, name: str, memory: Any, seed: str, over: Callable[[], bool]) -> None:
        self.name = name
        self.memory = memory
        self.chance = random.Random(f"{seed}.{name}")
        self.over = over
        self.ledger = Ledger()
        self._known: list[tuple[str, Message]] = []

    def calls(self) -> Calls[None]:
        """Talks until it is over; what was said stands in the ledger."""
        does: dict[Callable[[], Calls[None]], int] = {
            self._keep: 40,
            self._read_kept: 15,
            self._add: 20,
            self._edit: 25,
            self._look: 15,
            self._whisper: 12,
            self._fork: 12,
            self._list: 2,
            self._bulk: 1,
        }
        while not self.over():
            [act] = self.chance.choices(list(does), list(does.values()))
            try:
                yield from act()
            except TransportError:
                self.ledger.failed += 1
            except (Conflict, NotFound) as error:
                self.ledger.refused[type(error).__name__] += 1
        # Nothing of the library's is kept, so that what is left then is a leak. The last call
        # works: CPython 3.11 has been seen to hold the error with which a thread had ended until
        # the thread went on.
        self._known.clear()
        while True:
            try:
                yield from self._call(self.memory.session("kept-0"), "count")
                return
            except TransportError:
                self.ledger.failed += 1

    def _call(self, target: Any, method: str, *args: Any, **options: Any) -> Calls[Any]:
        value = yield Call(target, method, args, options)
        self.ledger.done[method] += 1
        return value

    def _turn(self, size: int) -> tuple[Turn, list[Message]]:
        self.ledger.sent[self.name] += 1
        turn = Turn(self.name, self.ledger.sent[self.name], size)
        padding = "x" * self.chance.choice([0, 0, 0, 200, 4000])
        texts = turn.texts(padding if size < BULK else "")
        return turn, [
            Message.assistant(text) if part % 2 else Message.user(text)
            for part, text in enumerate(texts)
        ]

    # Sessions that are only appended to

    def _keep(self) -> Calls[None]:
        session_id, user = kept(self.chance.randrange(KEPT))
        chat = self.memory.session(session_id, user_id=user, ttl=None)
        turn, messages = self._turn(self.chance.randint(1, 4))
        token: str | None = None
        for _ in range(_RESENDS):
            try:
                yield from self._call(chat, "append", *messages, idempotency_key=token)
            except TransportError as error:
                self.ledger.failed += 1
                token = token or error.token
                if token is None and not error.maybe_applied:
                    # It says that it was not stored; then it must not be found.
                    return
            else:
                self.ledger.acknowledged[session_id].append(turn)
                return
        self.ledger.doubtful[session_id].add(turn)

    def _read_kept(self) -> Calls[None]:
        session_id, user = kept(self.chance.randrange(KEPT))
        chat = self.memory.session(session_id, user_id=user, ttl=None)
        whole = self.chance.random() < 0.05
        messages = yield from (
            self._call(chat, "messages") if whole else self._call(chat, "window", turns=3)
        )
        self._check(messages)

    # Sessions that are changed

    def _edited(self) -> Any:
        number = self.chance.randrange(EDITED)
        return self.memory.session(f"edited-{number}", ttl=LONG_S)

    def _add(self) -> Calls[None]:
        _, messages = self._turn(self.chance.randint(1, 3))
        yield from self._call(self._edited(), "append", *messages)

    def _look(self) -> Calls[None]:
        chat = self._edited()
        what = self.chance.choice(["messages", "messages", "window", "info", "count"])
        if what == "window":
            self._check((yield from self._call(chat, "window", messages=5)))
        elif what == "messages":
            messages = yield from self._call(chat, "messages")
            self._check(messages)
            self._known += [(chat.id, one) for one in messages[-3:]]
            del self._known[:-_KNOWN]
        else:
            yield from self._call(chat, what)

    def _edit(self) -> Calls[None]:
        action = self.chance.choice(
            ["replace", "replace", "remove", "rewind", "rewind", "clear", "set_title", "touch"]
        )
        chat = self._edited()
        if action == "set_title":
            yield from self._call(chat, action, self.chance.choice(["", self.name]))
        elif action in ("clear", "touch"):
            yield from self._call(chat, action)
        elif self._known:
            session_id, message = self.chance.choice(self._known)
            chat = self.memory.session(session_id, ttl=LONG_S)
            args: list[Any] = [message.id]
            if action == "replace":
                args.append(message.replace(content=self._turn(1)[1][0].text))
            yield from self._call(chat, action, *args)

    def _fork(self) -> Calls[None]:
        new_id = self.chance.choice([None, None, f"fork-{self.chance.randrange(6)}"])
        fork = yield from self._call(self._edited(), "fork", new_id)
        self._check((yield from self._call(fork, "messages")))
        _, messages = self._turn(2)
        yield from self._call(fork, "append", *messages)
        if self.chance.random() < 0.8:
            yield from self._call(fork, "clear")

    def _bulk(self) -> Calls[None]:
        chat = self.memory.session(f"bulk-{self.name}", ttl=LONG_S)
        _, messages = self._turn(BULK)
        yield from self._call(chat, "append", *messages)
        assert (yield from self._call(chat, "count")) >= BULK
        yield from self._call(chat, "clear")

    # The others

    def _whisper(self) -> Calls[None]:
        number = self.chance.randrange(BRIEF)
        user = f"user-{number % USERS}"
        chat = self.memory.session(f"brief-{number}", user_id=user, ttl=BRIEF_S)
        _, messages = self._turn(1)
        yield from self._call(chat, "append", *messages)
        self._check((yield from self._call(chat, "messages")))

    def _list(self) -> Calls[None]:
        user = self.chance.choice([None, "user-0"])
        page = yield from self._call(self.memory.sessions(user), "page", limit=10)
        if page.cursor is not None:
            yield from self._call(self.memory.sessions(user), "page", limit=10, cursor=page.cursor)
        yield from self._call(self.memory, "latest_session_id")

    def _check(self, messages: list[Message]) -> None:
        """What is read is whole messages of talkers; more can be told only at the end."""
        for message in messages:
            assert message.damage is None
            assert message.text.count(":") == 3
