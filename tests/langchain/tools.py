"""What the tests of LangChain's histories share."""

from __future__ import annotations

from langchain_core.messages import BaseMessage

from redialog import codec
from redialog.integrations.langchain import from_langchain, to_langchain


def stored_and_read(message: BaseMessage) -> BaseMessage:
    """The message through the element that is stored for it."""
    element = codec.element(codec.stored(from_langchain(message), None, 1))
    return to_langchain(codec.decode(element, key="", position=-1))
