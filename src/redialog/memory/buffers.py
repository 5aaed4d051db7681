"""Memory objects whose history is what was said: all of it, or the newest part."""

from __future__ import annotations

from typing import Unpack

from redialog.errors import ConfigurationError
from redialog.memory.base import ConversationMemory, Options
from redialog.memory.selecting import Wanted
from redialog.tokens import Costs, Counter


class ConversationBufferMemory(ConversationMemory):
    """The whole conversation.

    Args:
        **options: as for `ConversationMemory`.

    Cost: that of `Session.messages`; it grows with the conversation.
    """

    def _wanted(self) -> Wanted:
        return Wanted()


class ConversationBufferWindowMemory(ConversationMemory):
    """The newest exchanges.

    Args:
        k: how many: so many turns, each with all that belongs to it; 0 for no history.
        **options: as for `ConversationMemory`.

    Raises:
        ConfigurationError: ``k`` is no whole number of at least 0, or another argument is not
            usable.

    What the session holds beside them stays out of the history: a system message at its beginning
    as soon as there are more turns, and a summary.

    Cost: that of `Session.window`: 1 round trip for usual windows, however long the conversation.
    """

    def __init__(self, k: int = 5, **options: Unpack[Options]) -> None:
        _limit(k, "k")
        super().__init__(**options)
        self.k = k

    def _wanted(self) -> Wanted:
        return Wanted(turns=_limit(self.k, "k"))


class ConversationTokenBufferMemory(ConversationMemory):
    """The newest exchanges that have at most so many tokens together.

    Args:
        max_token_limit: so many. Where the newest user message and what came last do not fit,
            there is no history.
        counter: counts the tokens of a text; None for the built-in estimate.
        **options: as for `ConversationMemory`.

    Raises:
        ConfigurationError: ``max_token_limit`` is no whole number of at least 0, or another
            argument is not usable.

    System messages at the beginning are in the history and count; so is a summary, where the
    session has one, in the place of what it covers. The limit bounds what is given, never what is
    stored.

    Cost: that of `Session.context`: 1 round trip for usual limits, however long the conversation.
    """

    def __init__(
        self,
        max_token_limit: int = 2000,
        *,
        counter: Counter | None = None,
        **options: Unpack[Options],
    ) -> None:
        _limit(max_token_limit, "max_token_limit")
        Costs(counter)
        super().__init__(**options)
        self.max_token_limit = max_token_limit
        self.counter = counter

    def _wanted(self) -> Wanted:
        tokens = _limit(self.max_token_limit, "max_token_limit")
        return Wanted(tokens=tokens, counter=self.counter)


def _limit(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"{name} must be a whole number of at least 0")
    return value
