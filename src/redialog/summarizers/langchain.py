"""A summariser that asks a chat model of LangChain's; nothing of LangChain is imported."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.models import ModelError
from redialog.summarizers.prompt import Prompt, cleaned, prompt
from redialog.summarizers.record import NO_TEXT, checked_words


class Invocable(Protocol):
    """What is asked of a model: LangChain's ``invoke``."""

    def invoke(self, input: Any, /) -> Any:  # noqa: A002 - LangChain's name
        """Answers messages, given as pairs of role and text."""


class AsyncInvocable(Protocol):
    """What is asked of a model that has no other: LangChain's ``ainvoke``."""

    async def ainvoke(self, input: Any, /) -> Any:  # noqa: A002 - LangChain's name
        """As `Invocable.invoke`, awaited."""


class LangChainSummarizer:
    """Has a chat model of LangChain's write the summary, as `ModelSummarizer` does.

    It is asked by ``invoke``, in asyncio in a thread beside the event loop; a model that has only
    ``ainvoke`` in the caller's loop.

    Args:
        chat_model: ``ChatAnthropic(...)``, ``ChatOllama(...)`` or any other.
        max_words: how long a summary the model is told to write.

    Attributes:
        name: of the model where it tells one, else of its class.

    Raises:
        ConfigurationError: it cannot be invoked, or ``max_words`` is no whole number of at least 1.
    """

    def __init__(self, chat_model: Invocable | AsyncInvocable, *, max_words: int = 200) -> None:
        self._max_words = checked_words(max_words)
        self._invoke: Any = getattr(chat_model, "invoke", None)
        self._ainvoke: Any = getattr(chat_model, "ainvoke", None)
        if not callable(self._invoke) and not callable(self._ainvoke):
            raise ConfigurationError("a chat model needs invoke or ainvoke, as LangChain's have")
        told = (getattr(chat_model, name, None) for name in ("model_name", "model", "model_id"))
        names = [name for name in told if isinstance(name, str) and name]
        self.name = names[0] if names else type(chat_model).__name__

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str | Awaitable[str]:
        """The new summary; the errors are those of the model.

        Args:
            previous: the summary so far.
            messages: what came after it, oldest first.
        """
        asked = prompt(previous, messages, self._max_words)
        if asked is None:
            return previous or NO_TEXT
        if not callable(self._invoke):
            return self._later(asked)
        try:
            return _summary(self._invoke(_pairs(asked)))
        except NotImplementedError:
            if not callable(self._ainvoke):
                raise
        # Some have the method, and can only be asked asynchronously.
        return self._later(asked)

    async def _later(self, asked: Prompt) -> str:
        return _summary(await self._ainvoke(_pairs(asked)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


# Where the makers of models say why an answer ended, and what they call its limit of tokens.
_ENDS = ("finish_reason", "stop_reason", "done_reason")
_CUT = ("length", "max_tokens", "MAX_TOKENS")


def _pairs(asked: Prompt) -> list[tuple[str, str]]:
    return [("system", asked.system), ("human", asked.request)]


def _summary(answer: object) -> str:
    """The text of an answer: of a message, of its blocks, or the answer of a plain model."""
    told = getattr(answer, "response_metadata", None)
    if isinstance(told, Mapping) and any(told.get(name) in _CUT for name in _ENDS):
        raise ModelError("the answer was cut off at the model's limit of tokens")
    content = getattr(answer, "content", answer)
    blocks = [content] if isinstance(content, str) else content
    if not isinstance(blocks, Sequence):
        return ""
    return cleaned("".join(map(_text, blocks)))


def _text(block: object) -> str:
    if isinstance(block, str):
        return block
    if isinstance(block, Mapping) and block.get("type", "text") in ("text", "output_text"):
        text = block.get("text")
        return text if isinstance(text, str) else ""
    return ""
