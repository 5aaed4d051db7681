"""What the tests of the promises share."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from redialog import (
    ChatMemory,
    ConfigurationError,
    CorruptElement,
    IdempotencyMismatch,
    Message,
    OwnerMismatch,
    ToolCall,
    WrongType,
)
from tests.support.backends import Store


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]
