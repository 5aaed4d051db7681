"""Memory objects as LangChain's users know them, over a session; no framework is needed.

::

    from redialog import ChatMemory
    from redialog.memory import ConversationBufferWindowMemory

    chat = ChatMemory.from_url("redis://localhost:6379/0").session("support-42")
    memory = ConversationBufferWindowMemory(k=3, session=chat)
    memory.save_context({"input": "My locker code is 4417."}, {"output": "Noted."})
    memory.load_memory_variables({})["history"]

What each of them gives is what one call of the session reads:

=================================== ===========================================================
`ConversationBufferMemory`          ``session.messages()``
`ConversationBufferWindowMemory`    ``session.window(turns=k)``
`ConversationTokenBufferMemory`     ``session.context(max_tokens=max_token_limit)``
`ConversationSummaryMemory`         ``session.context(summarizer=...)``, folded soon
`ConversationSummaryBufferMemory`   ``session.context(summarizer=...)``, at ``max_token_limit``
=================================== ===========================================================

None of them takes anything out of the log. What no model may be given is left out of all of them:
tool calls without all of their results, results without their call, damaged elements and requests
to remove a message.

In the place of ``session=`` each takes ``chat_memory=``: any of LangChain's chat histories, or an
object of that shape. This package imports nothing of LangChain.
"""

from __future__ import annotations

from redialog.memory.base import ConversationMemory
from redialog.memory.buffers import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationTokenBufferMemory,
)
from redialog.memory.exchange import MissingKey
from redialog.memory.summaries import ConversationSummaryBufferMemory, ConversationSummaryMemory

__all__ = [
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationMemory",
    "ConversationSummaryBufferMemory",
    "ConversationSummaryMemory",
    "ConversationTokenBufferMemory",
    "MissingKey",
]
