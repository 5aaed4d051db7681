"""``redialog chat``: read a line, print the model's answer, and keep both.

What a turn is, what the model sees and what is stored says `redialog.conversation`; here is what a
person sees of it: notes, warnings, and Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile

from redialog.cli.console import Console, Interrupts, OutputLost
from redialog.context import Context, Entry
from redialog.conversation import Conversation
from redialog.conversation.turns import Turn
from redialog.errors import (
    BudgetTooSmall,
    NotFound,
    OwnerMismatch,
    RedialogError,
    SummaryError,
    TransportError,
)
from redialog.messages import Message
from redialog.models import Model, ModelError
from redialog.summary import RollingSummary, SummaryFailure
from redialog.sync import ChatMemory, Session

PROMPT = "you> "

_MAX_LEADING = 16
"""System messages at the start of a session that a model sees whatever the window."""

_MAX_WARNINGS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which session to talk in, and how.

    Attributes:
        session_id: None for a new one, or with ``resume`` for the newest.
        resume: continue the session with the newest activity.
        user_id: whom it belongs to.
        ttl: of the session.
        system: what the model sees first; stored only with the first turn of a new session.
        window_turns: so many turns the model sees at most; None for any number.
        max_tokens: so many tokens; None for any number.
        summary: of what is older; None for none.
        come_back: the command that continues the session but for its id.
    """

    session_id: str | None
    resume: bool
    user_id: str | None
    ttl: timedelta | None
    system: str | None
    window_turns: int | None
    max_tokens: int | None
    summary: RollingSummary | None
    come_back: Callable[[str], str]


def run(
    console: Console, open_memory: Callable[[], ChatMemory], model: Model, wanted: Wanted
) -> None:
    """Talks until the input ends.

    Raises:
        NotFound: there is no session to resume.
        ModelError: the model failed, and nobody is there who could try again.
        RedialogError: the session could not be read or written.
        OutputLost: standard output takes no more.
        KeyboardInterrupt: Ctrl-C; what was said is stored.
    """
    with Interrupts() as interrupts, open_memory() as memory:
        try:
            session = _session(memory, wanted)
            _announce(console, session, wanted)
            talk = Conversation(
                session,
                model,
                window_turns=wanted.window_turns,
                max_tokens=wanted.max_tokens,
                system=wanted.system,
                summarizer=wanted.summary,
            )
            Chat(console, talk, interrupts, summarises=wanted.summary is not None).run()
        finally:
            # Closing stops an embedded server: not to be cut short.
            interrupts.hold()


def _session(memory: ChatMemory, wanted: Wanted) -> Session:
    session_id = wanted.session_id
    if wanted.resume:
        session_id = memory.latest_session_id(user_id=wanted.user_id)
        if session_id is None:
            whose = "" if wanted.user_id is None else f" of user {wanted.user_id!r}"
            raise NotFound(f"there is no session{whose} to continue")
    return memory.session(session_id, user_id=wanted.user_id, ttl=wanted.ttl)


def _announce(console: Console, session: Session, wanted: Wanted) -> None:
    """Says on standard error which session this is, and what becomes of the system message."""
    info = session.info()
    if wanted.user_id is not None and info.user_id not in (None, wanted.user_id):
        # Writing would be refused too, but only after the model has seen the messages.
        raise OwnerMismatch(f"the session {session.id!r} belongs to another user")
    if wanted.resume and not info.exists:
        raise NotFound(f"the newest session, {session.id!r}, is gone; --session ID takes another")
    if info.exists:
        console.note(f"continuing session {session.id} ({info.count:,} messages)")
    else:
        console.note(f"new session {session.id}; to come back: {wanted.come_back(session.id)}")
    if wanted.system is None or not info.exists:
        return
    if wanted.system not in [message.text for message in _leading(session)]:
        console.note("--system is used for this run only: the session has begun without it")


def _leading(session: Session) -> list[Message]:
    """The system messages with which the session begins."""
    first = islice(session.iter_messages(), _MAX_LEADING)
    return list(takewhile(lambda message: message.role == "system", first))


@dataclass(slots=True)
class Outcome:
    """What became of an answer.

    Attributes:
        failure: why it is not whole, if not for Ctrl-C.
        interrupted: whether Ctrl-C stopped it.
    """

    failure: ModelError | BudgetTooSmall | OutputLost | None = None
    interrupted: bool = False


class Chat:
    """A conversation with a person.

    Args:
        console: where it takes place.
        conversation: who answers, and where it is kept.
        interrupts: entered.
        summarises: whether it is this run that summarises what is older.
    """

    def __init__(
        self,
        console: Console,
        conversation: Conversation,
        interrupts: Interrupts,
        *,
        summarises: bool = False,
    ) -> None:
        self._console = console
        self._conversation = conversation
        self._interrupts = interrupts
        self._summarises = summarises
        self._damaged_to = 0
        self._failed: SummaryFailure | None = None

    def run(self) -> None:
        """Takes turns until the input ends; raises as the module's `run`."""
        if self._console.interactive:
            with suppress(ImportError):
                import readline  # noqa: F401 - gives input() a line editor
            self._console.note("Ctrl-D ends the chat, Ctrl-C stops an answer")
        while (line := self._console.ask(PROMPT)) is not None:
            if line.strip():
                self.turn(line)

    def turn(self, line: str) -> None:
        """Answers one line and stores both."""
        turn = self._conversation.turn(line)
        outcome = self._answer(turn)
        self._store(turn)
        self._interrupts.release()
        if isinstance(outcome.failure, OutputLost):
            raise outcome.failure
        self._console.end_line()
        if not self._console.interactive:
            if outcome.interrupted:
                raise KeyboardInterrupt
            if outcome.failure is not None:
                raise outcome.failure
        elif outcome.interrupted:
            self._console.note("stopped; what was said is stored. Ctrl-C again ends the chat")
        elif outcome.failure is not None:
            stored = "is stored" if turn.stored else "is not stored"
            self._console.note(f"{outcome.failure} (your message {stored})")

    def _answer(self, turn: Turn) -> Outcome:
        """Prints the model's answer as it comes. From its end on, Ctrl-C is held back."""
        outcome = Outcome()
        try:
            self._interrupts.answering()
            try:
                self._warn(self._read(turn))
                with closing(turn.pieces()) as pieces:
                    for piece in pieces:
                        self._interrupts.check()
                        self._console.say(piece)
            except (ModelError, BudgetTooSmall, OutputLost) as failure:
                outcome.failure = failure
            self._interrupts.hold()
        except KeyboardInterrupt:
            outcome.interrupted = True
        return outcome

    def _read(self, turn: Turn) -> Context:
        try:
            return turn.read()
        except BudgetTooSmall:
            raise  # the chat goes on, and says so itself
        except RedialogError:
            self._console.note("your message is not stored")
            raise

    def _store(self, turn: Turn) -> None:
        try:
            turn.store()
        except RedialogError as error:
            doubt = isinstance(error, TransportError) and error.maybe_applied
            self._console.note(f"the last turn {'may not be' if doubt else 'is not'} stored")
            raise

    def _warn(self, context: Context) -> None:
        """Says once what of the session a model does not see, and why, where that is a fault."""
        found = context.explain()
        damaged = [entry for entry in found.entries if entry.status == "damaged"]
        fresh = [entry for entry in damaged if entry.last > self._damaged_to]
        for entry in fresh[:_MAX_WARNINGS]:
            self._console.note(f"warning: {_damage(entry)}; the model does not see it")
        if len(fresh) > _MAX_WARNINGS:
            more = sum(entry.last - entry.first + 1 for entry in fresh[_MAX_WARNINGS:])
            self._console.note(f"warning: {more:,} more are damaged")
        self._damaged_to = max([self._damaged_to, *(entry.last for entry in fresh)])
        if self._summarises and found.failure not in (None, self._failed):
            assert found.failure is not None  # noqa: S101 - for the type checker
            reason = SummaryError(reason=found.failure.reason)
            self._console.note(f"warning: older messages are not summarised: {reason}")
        self._failed = found.failure


def _damage(entry: Entry) -> str:
    if entry.message is not None and entry.message.damage is not None:
        return str(entry.message.damage)
    return f"what stands in place {entry.first:,} to {entry.last:,} of the session is damaged"
