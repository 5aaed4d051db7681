"""``redialog chat``: read a line, show the model the session, print its answer, store both.

What is said is stored as one turn, in one append: a question never stands there without its answer
because of a crash in between. Where there is no whole answer, what there is of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from redialog.cli.console import Console, Interrupts, OutputLost
from redialog.errors import NotFound, OwnerMismatch, RedialogError, TransportError
from redialog.messages import Message
from redialog.models import Model, ModelError
from redialog.sync import ChatMemory, Session

WINDOW_TURNS = 50
"""How much of the session the model sees."""

MAX_LEADING = 16
"""System messages at the start of a session that it sees whatever the window."""

PROMPT = "you> "
INTERRUPTED = {"interrupted": True}
"""The metadata of an answer that is not whole."""

_MAX_WARNINGS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which session to talk in, and how.

    Attributes:
        session_id: None for a new one, or with ``resume`` for the newest.
        resume: continue the session with the newest activity.
        user_id: whom it belongs to.
        ttl: of the session.
        system: a system message; see `Chat`.
        come_back: the command that continues the session but for its id.
    """

    session_id: str | None
    resume: bool
    user_id: str | None
    ttl: timedelta | None
    system: str | None
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
            system = _announced(console, session, wanted)
            Chat(console, session, model, interrupts, system).run()
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


@dataclass(slots=True)
class System:
    """A system message given for this run.

    Attributes:
        message: what the model sees before all else.
        stored: False until it is stored with the first turn of a new session; True where it is
            not to be stored.
    """

    message: Message
    stored: bool


def _announced(console: Console, session: Session, wanted: Wanted) -> System | None:
    """Says on standard error which session this is; the system message to use."""
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
    if wanted.system is None:
        return None
    system = System(Message.system(wanted.system), stored=info.exists)
    if info.exists:
        if system.message.text in [message.text for message in _leading(session)]:
            return None
        console.note("--system is used for this run only: the session has begun without it")
    return system


def _leading(session: Session) -> list[Message]:
    """The system messages with which the session begins."""
    first = islice(session.iter_messages(), MAX_LEADING)
    return list(takewhile(lambda message: message.role == "system", first))


@dataclass(slots=True)
class Answer:
    """What became of an answer.

    Attributes:
        text: what there is of it.
        failure: why it is not whole, if not for Ctrl-C.
        interrupted: whether Ctrl-C stopped it.
    """

    pieces: list[str] = field(default_factory=list)
    failure: ModelError | OutputLost | None = None
    interrupted: bool = False

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self.pieces)


class Chat:
    """One conversation.

    Args:
        console: where it takes place.
        session: where it is kept.
        model: who answers.
        interrupts: entered.
        system: what the model sees first; stored only with the first turn of a new session.
    """

    def __init__(
        self,
        console: Console,
        session: Session,
        model: Model,
        interrupts: Interrupts,
        system: System | None = None,
    ) -> None:
        self._console = console
        self._session = session
        self._model = model
        self._interrupts = interrupts
        self._system = system
        self._warned = 0

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
        question = Message.user(line, created_at=datetime.now(UTC))
        answer = self._answer(question)
        self._store(question, answer)
        self._interrupts.release()
        if isinstance(answer.failure, OutputLost):
            raise answer.failure
        self._console.end_line()
        if not self._console.interactive:
            if answer.interrupted:
                raise KeyboardInterrupt
            if answer.failure is not None:
                raise answer.failure
        elif answer.interrupted:
            self._console.note("stopped; what was said is stored. Ctrl-C again ends the chat")
        elif answer.failure is not None:
            self._console.note(f"{answer.failure} (your message is stored)")

    def _answer(self, question: Message) -> Answer:
        """Prints the model's answer as it comes. From its end on, Ctrl-C is held back."""
        answer = Answer()
        try:
            self._interrupts.answering()
            seen = self._seen(question)
            try:
                with closing(self._model.reply(seen)) as pieces:
                    for piece in pieces:
                        self._interrupts.check()
                        answer.pieces.append(piece)
                        self._console.say(piece)
                if not answer.pieces:
                    raise ModelError("the model gave an empty answer")
            except (ModelError, OutputLost) as failure:
                answer.failure = failure
            self._interrupts.hold()
        except KeyboardInterrupt:
            answer.interrupted = True
        return answer

    def _store(self, question: Message, answer: Answer) -> None:
        turn = [question]
        if self._system is not None and not self._system.stored:
            turn.insert(0, self._system.message)
        if answer.pieces:
            cut = answer.interrupted or answer.failure is not None
            turn.append(Message.assistant(answer.text, metadata=INTERRUPTED if cut else {}))
        try:
            self._session.append(*turn)
        except RedialogError as error:
            doubt = isinstance(error, TransportError) and error.maybe_applied
            self._console.note(f"the last turn {'may not be' if doubt else 'is not'} stored")
            raise
        if self._system is not None and not self._system.stored:
            self._system = None

    def _seen(self, question: Message) -> list[Message]:
        """What the model is given: system messages, the newest turns, the question."""
        window = self._session.window(turns=WINDOW_TURNS)
        self._warn([message for message in window if message.damage is not None])
        leading = [] if self._system is None else [self._system.message]
        if len(window) >= WINDOW_TURNS and window[0].role != "system":
            # The session goes on before the window, so its beginning is not in there.
            leading += _leading(self._session)
        return [*leading, *presentable(window), question]

    def _warn(self, damaged: Sequence[Message]) -> None:
        fresh = damaged[self._warned :]
        for message in fresh[:_MAX_WARNINGS]:
            self._console.note(f"warning: {message.damage}; the model does not see it")
        if len(fresh) > _MAX_WARNINGS:
            self._console.note(f"warning: {len(fresh) - _MAX_WARNINGS} more are damaged")
        self._warned = max(self._warned, len(damaged))


def presentable(messages: Sequence[Message]) -> list[Message]:
    """The messages that a model can be given.

    Without what is damaged or ``remove``, and without tool calls that lack a result and results
    that lack a call: providers reject a request that holds one without the other.

    Args:
        messages: oldest first.
    """
    readable = [m for m in messages if m.role not in ("damaged", "remove")]
    given: list[Message] = []
    index = 0
    while index < len(readable):
        message = readable[index]
        index += 1
        if message.role == "tool":
            continue
        results = list(takewhile(lambda m: m.role == "tool", readable[index:]))
        index += len(results)
        called = {call.id for call in message.tool_calls}
        if called - {result.tool_call_id for result in results}:
            called = set()
            message = message.replace(tool_calls=())
        if message.content or called or message.role != "assistant":
            given.append(message)
        given += [result for result in results if result.tool_call_id in called]
    return given
