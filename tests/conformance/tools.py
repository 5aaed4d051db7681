"""What the tests of a session's promises share."""

from __future__ import annotations

from redialog import Message


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]
