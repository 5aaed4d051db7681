"""What a memory node of a flow hands over, read without a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from redialog.messages import Message
from redialog.nodes.flows.found import FlowNode
from redialog.nodes.reading import is_set
from redialog.summary import RollingSummary

_RENEWING = ("sessionTTL", "ttlMode")
"""Inputs by which a node renews the TTL of what it reads."""


class Look:
    """A node of a flow, to look at what it hands over; nothing is written.

    Where the node summarises, the summary that there is stands for what is older, and none is
    made; no TTL is renewed.

    Args:
        found: the node.
        credential: what it connects with; None for the one of the flow.
        session_id: in the place of the flow's; None for that.

    Attributes:
        found: the node, with that session.
        session_id: whose messages they are.
        memory_key: the variable of the prompt that takes them.
        is_random: whether the session is a new one, since none is named.

    Raises:
        NodeError: as `FlowNode.node`.

    Give it up by `close`, or at the end of a ``with``.

    Cost: no I/O.
    """

    def __init__(
        self,
        found: FlowNode,
        credential: Mapping[str, object] | None = None,
        session_id: str | None = None,
    ) -> None:
        if session_id is not None:
            found = replace(found, inputs={**found.inputs, "sessionId": session_id})
        # All that it is set to is checked, also what is left out below.
        found.node(credential).close()
        quiet = {name: value for name, value in found.inputs.items() if name not in _RENEWING}
        self.found = found
        self._node = replace(found, inputs=quiet).node(
            credential, summarizer=RollingSummary(_never, when="manual")
        )
        self.session_id = self._node.session_id
        self.memory_key = self._node.memory_key
        self.is_random = not is_set(found.inputs.get("sessionId"))

    def messages(self) -> Sequence[Message]:
        """What the node hands over, oldest first.

        Cost: that of `Node.get_chat_messages`.
        """
        return self._node.get_chat_messages(return_base_messages=True)

    def close(self) -> None:
        """Gives up the connections."""
        self._node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _never(_previous: str | None, _messages: Sequence[Message]) -> str:
    raise AssertionError("a look makes no summary")
