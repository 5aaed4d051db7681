"""What the tests of the summariser without a model share."""

from __future__ import annotations

from redialog import Message
from redialog.summarizers import KeySentences


def picked(*messages: Message, previous: str | None = None, max_words: int = 200) -> str:
    """The summary of these messages."""
    return KeySentences(max_words=max_words)(previous, messages)
