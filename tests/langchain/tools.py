"""What the tests of LangChain's histories share."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage

from redialog import codec
from redialog.integrations.langchain import from_langchain, to_langchain


def stored_and_read(message: BaseMessage) -> BaseMessage:
    """The message through the element that is stored for it."""
    element = codec.element(codec.stored(from_langchain(message), None, 1))
    return to_langchain(codec.decode(element, key="", position=-1))


def held(message: BaseMessage) -> list[Any]:
    """All that a message holds, with the types."""
    fields = vars(message) | (message.model_extra or {})
    return [type(message), *((name, type(one), one) for name, one in fields.items())]
