"""Where a conversation can be cut.

A **turn** starts at a user message and runs to the next one; a run of user messages in a row
starts one turn. What stands before the first user message is a preamble, and no turn. A **group**
is an assistant message with tool calls and the tool messages that follow it: a provider rejects a
request that holds one without the other, so no window begins inside a group.

All functions here take messages oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence

from redialog.messages import Message


def newest_turns(messages: Sequence[Message], turns: int, *, whole: bool) -> int | None:
    """Where the newest ``turns`` turns start.

    Args:
        messages: the newest part of a conversation.
        turns: how many, at least 1.
        whole: whether ``messages`` is the whole conversation.

    Returns:
        An index; 0 where the conversation has no more turns than that, so that its preamble
        belongs to the window. None where more of the conversation must be read to know.
    """
    seen, start = 0, None
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role != "user":
            continue
        if index + 1 == start:
            start = index
            continue
        if seen == turns:
            return start
        seen += 1
        start = index
    return 0 if whole else None


def newest_messages(messages: Sequence[Message], count: int, *, whole: bool) -> int | None:
    """Where a window of at most ``count`` messages starts that splits no group.

    Args:
        messages: the newest part of a conversation, at least ``count`` of them where there are.
        count: how many, at least 1.
        whole: whether ``messages`` is the whole conversation.

    Returns:
        An index. Where the newest group alone is longer than ``count``, that of its first
        message. None where more of the conversation must be read to know.
    """
    if len(messages) < count and not whole:
        return None
    start = max(0, len(messages) - count)
    first = _after_results(messages, start)
    if first < len(messages) or not messages:
        return first
    # Nothing but results of one group: the window is that group, from its call on.
    while start > 0 and messages[start].role == "tool":
        start -= 1
    if messages[start].role == "tool":
        return 0 if whole else None
    return start if messages[start].tool_calls else start + 1


def _after_results(messages: Sequence[Message], start: int) -> int:
    """The first index from ``start`` on that begins no window inside a group."""
    while start < len(messages) and messages[start].role == "tool":
        start += 1
    return start
