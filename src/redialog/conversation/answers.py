"""Asking a model, whatever shape its answer has: text, pieces of it, or either to be awaited.

A model is a `redialog.models.Model`, which takes messages, or a function that takes the same in
OpenAI's format, as the strictest providers want it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, closing, suppress
from functools import partial
from typing import Any, TypeAlias

import msgspec

from redialog import strict
from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.models import Model, ModelError

OpenAI: TypeAlias = list[dict[str, object]]
"""Messages in the format of OpenAI's chat completions."""

Said: TypeAlias = str | Iterable[str] | AsyncIterable[str]

# Not `OpenAI`: the types of messages that client libraries have are their own.
Answers: TypeAlias = Model | Callable[[list[Any]], str | Iterable[str]]
"""Who answers, in a blocking conversation; a function takes messages as in `OpenAI`."""

AsyncAnswers: TypeAlias = Model | Callable[[list[Any]], Said | Awaitable[Said]]
"""Who answers, where there is an event loop."""

AHEAD = 64
"""So many pieces of a blocking model wait to be taken; then it waits."""


def is_asynchronous(model: object) -> bool:
    """Whether a model says of itself that its answer must be awaited."""
    function = getattr(model, "reply", model)
    kinds = (function, getattr(function, "__call__", None))  # noqa: B004 - also of an object
    return any(inspect.iscoroutinefunction(it) or inspect.isasyncgenfunction(it) for it in kinds)


def checked(model: object) -> None:
    """Complains of what cannot answer.

    Raises:
        ConfigurationError: it is no model.
    """
    if not callable(getattr(model, "reply", model)):
        raise ConfigurationError(
            "a model must be a redialog.models.Model, or a function from messages in OpenAI's "
            "format to text"
        )


def pieces(model: Answers, messages: Sequence[Message]) -> Generator[str, None, None]:
    """The answer of a model, as it comes.

    Args:
        model: who answers.
        messages: what it may know, oldest first; the last one is the question.

    Raises:
        ModelError: what it returns is no text.
        ConfigurationError: what it returns must be awaited.
    """
    made = _asked(model, messages)
    if isinstance(made, Awaitable | AsyncIterable):
        if inspect.iscoroutine(made):
            made.close()
        raise ConfigurationError("the model is asynchronous; take an AsyncConversation for it")
    yield from _texts(made)


async def apieces(model: AsyncAnswers, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
    """The answer of a model, as it comes; one that blocks answers in a thread of its own."""
    made: Any
    if is_asynchronous(model):
        made = _asked(model, messages)
    else:
        async with aclosing(_Thread(partial(_asked, model, messages)).items()) as items:
            async for item in items:
                if not isinstance(item, _Later):
                    yield item
                    continue
                made = item.made
                break
            else:
                return
    if isinstance(made, Awaitable):
        made = await made
    if not isinstance(made, AsyncIterable):
        with closing(_texts(made)) as texts:
            for piece in texts:
                yield piece
        return
    try:
        async for piece in made:
            if text := _text(piece):
                yield text
    finally:
        if (close := getattr(made, "aclose", None)) is not None:
            await close()


def _asked(model: Any, messages: Sequence[Message]) -> object:
    reply = getattr(model, "reply", None)
    return model(strict.to_openai(messages)) if reply is None else reply(messages)


def _texts(made: object) -> Generator[str, None, None]:
    """The pieces of what a model returned, but the empty ones."""
    if isinstance(made, str):
        made = (made,)
    if not isinstance(made, Iterable) or isinstance(made, Mapping | bytes):
        raise _no_text(made)
    try:
        for piece in made:
            if text := _text(piece):
                yield text
    finally:
        # Of a generator, or of a client's stream: it ends the request.
        if (close := getattr(made, "close", None)) is not None:
            close()


def _text(piece: object) -> str:
    if not isinstance(piece, str):
        raise _no_text(piece)
    return str.__str__(piece)


def _no_text(value: object) -> ModelError:
    return ModelError(f"the model returned {type(value).__name__}, not text")


class _Later(msgspec.Struct, frozen=True):
    """What a function returned that must be awaited after all."""

    made: object


class _Over(msgspec.Struct, frozen=True):
    """The end of an answer, and what it broke off with."""

    error: BaseException | None = None


class _Thread:
    """A model that blocks, in a daemon thread; its pieces come to the event loop.

    A thread that hangs is left, and nothing waits for it at exit: so not the loop's executor.

    Args:
        call: asks the model.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[str | _Later | _Over] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._is_left = False

    async def items(self) -> AsyncGenerator[str | _Later, None]:
        """The pieces, or what must be awaited to get them."""
        work = partial(contextvars.copy_context().run, self._work)
        threading.Thread(target=work, name="redialog-model", daemon=True).start()
        try:
            while not isinstance(item := await self._arrived.get(), _Over):
                self._room.release()
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self._is_left = True
            self._room.release()

    def _work(self) -> None:
        try:
            made = self._call()
            if isinstance(made, Awaitable | AsyncIterable):
                self._put(_Later(made))
                return
            with closing(_texts(made)) as texts:
                for piece in texts:
                    self._room.acquire()
                    if self._is_left:
                        return
                    self._put(piece)
            self._put(_Over())
        except BaseException as error:  # whoever awaits the answer gets it
            self._put(_Over(error))

    def _put(self, item: str | _Later | _Over) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants it any more
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
