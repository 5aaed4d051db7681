"""A summariser that asks a model behind OpenAI's chat completions (the extra ``openai``)."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from redialog import models
from redialog.messages import Message
from redialog.models import ModelError
from redialog.summarizers.prompt import cleaned, prompt
from redialog.summarizers.record import NO_TEXT, checked_words

_MOST_CHARACTERS = 100
"""Characters for each word that a model may send, its thoughts before the answer included."""


class ModelSummarizer:
    """Has a model write the summary: OpenAI's, or any that speaks its chat completions.

    The conversation is given to it as data; requests in it are noted, not followed.

    Args:
        model: its name, such as ``gpt-4o-mini``.
        base_url: of the endpoint; None for ``$OPENAI_BASE_URL``, else OpenAI's own.
        api_key: None for ``$OPENAI_API_KEY``; an endpoint that needs none gets none.
        max_words: how long a summary the model is told to write. Most have one or two tokens for
            a word; the limit that holds is `RollingSummary`'s ``summary_max_tokens``.

    Attributes:
        name: of the model, which its summaries name as their author.

    Raises:
        ConfigurationError: no key where one is needed, the URL is none, or ``max_words`` is no
            whole number of at least 1.
        MissingExtra: the package ``openai`` is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        max_words: int = 200,
    ) -> None:
        self._max_words = checked_words(max_words)
        self._model = models.openai_model(model, base_url, os.environ, api_key=api_key)
        self.name = model

    def __call__(self, previous: str | None, messages: Sequence[Message]) -> str:
        """The new summary.

        Args:
            previous: the summary so far.
            messages: what came after it, oldest first.

        Raises:
            ModelError: the model gave no answer; it holds nothing of the conversation.

        Cost: one request; none where the messages hold no words.
        """
        asked = prompt(previous, messages, self._max_words)
        if asked is None:
            return previous or NO_TEXT
        sent = [Message.system(asked.system), Message.user(asked.request)]
        return cleaned("".join(self._bounded(self._model.reply(sent))))

    def _bounded(self, pieces: Generator[str, None, None]) -> Iterator[str]:
        """The pieces, as long as they are not far more than was asked for."""
        left = self._max_words * _MOST_CHARACTERS
        # Closing ends the request: nobody else would, and the answer may be endless.
        with closing(pieces):
            for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise ModelError(
                        f"the model {self.name!r} wrote far more than {self._max_words:,} words"
                    )
                yield piece

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
