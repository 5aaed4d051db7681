"""Where a conversation can be cut.

A **turn** starts at a user message and runs to the next one; a run of user messages in a row
starts one turn. What stands before the first user message is a preamble, and no turn. A **group**
is an assistant message with tool calls and the tool messages that follow it: a provider rejects a
request that holds one without the other, so no window begins inside a group. Where the user spoke
before the results came, a window of turns that would begin between the two begins a turn earlier; a
window that counts messages knows only results that directly follow their call.

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
        An index, a turn earlier where the turn before holds a call that is answered in the window;
        0 where the conversation has no more turns than that, so that its preamble
        belongs to the window. None where more of the conversation must be read to know.
    """
    seen, start = 0, None
    answered: set[str | None] = set()  # by results whose call was not met yet
    carried: set[str | None] = set()  # those of them within the window
    spans = False
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message.role == "tool":
            answered.add(message.tool_call_id)
        elif message.tool_calls:
            calls = {call.id for call in message.tool_calls}
            spans = spans or not carried.isdisjoint(calls)
            answered -= calls
        if message.role != "user":
            continue
        if index + 1 != start:
            if seen >= turns and not spans:
                return start
            seen += 1
        # Also for a further message of the same run: the turn starts with the first of them.
        start, spans, carried = index, False, set(answered)
    return 0 if whole else None


def newest_messages(messages: Sequence[Message], count: int, *, whole: bool) -> int | None:
    """Where a window of at most ``count`` messages starts that splits no group.

    Args:
        messages: the newest part of a conversation.
        count: how many, at least 1.
        whole: whether ``messages`` is the whole conversation.

    Returns:
        An index. Where the newest group alone is longer than ``count``, that of its first
        message. None where more of the conversation must be read to know.
    """
    if len(messages) <= count and whole:
        return 0
    if len(messages) < count:
        return None
    return cut_at(messages, len(messages) - count, begins=whole, ends=True)


def cut_at(messages: Sequence[Message], start: int, *, begins: bool, ends: bool) -> int | None:
    """Where a conversation can be cut so that no more than what follows ``start`` is left.

    Args:
        messages: a part of the conversation.
        start: the index there of the oldest message that may be left.
        begins: whether the part begins with the conversation's first message.
        ends: whether it ends with the newest.

    Returns:
        An index, at ``start`` or later; that of the newest group's first message where nothing
        but its results follow. None where a larger part is needed to know.
    """
    first = start
    while first < len(messages) and messages[first].role == "tool":
        first += 1
    if first < len(messages):
        return first
    if not ends:
        return None
    group = start
    while group > 0 and messages[group].role == "tool":
        group -= 1
    if messages[group].role == "tool" and not begins:
        return None
    return group if messages[group].tool_calls else start
