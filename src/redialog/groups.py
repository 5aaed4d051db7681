"""Which messages stand or fall together, and where a conversation can be cut between turns.

A **group** is an assistant message with tool calls and all of their results: a provider rejects a
request that holds a part of one. Any other message is a **unit** by itself, and so is a group.

A result answers the nearest call before it of that id that nothing has answered yet (ids repeat in
other turns), also where the user spoke in between, as long as at most `REACH_TURNS` turns have
begun since the call: without such a bound, one result whose call was removed would make every
window read the whole log. A call without an id is answered by a result without one, in the run of
tool messages that directly follows it.

What is in no unit stays **out** of what a model sees: an assistant message of which a call is not
answered, with the results that it has; a result without a call; what is damaged; and requests to
remove a message, which are shown, never applied.

All functions here take messages oldest first. Cost: one pass over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from redialog.messages import Message

REACH_TURNS = 8
"""So many turns may begin between a call and its result."""

OUT = -1
"""In the place of a unit: the message is in none."""

WAITING = -2
"""In the place of a unit: a result whose call, if there is one, was not among the messages."""

_OUT_ROLES = ("damaged", "remove")
_NOT_PLAIN = frozenset({"tool", *_OUT_ROLES})

_Call: TypeAlias = tuple[int, int]  # the index of its message, and how many turns had begun


def units(messages: Sequence[Message], *, begins: bool) -> Sequence[int]:
    """To which unit each message belongs.

    Args:
        messages: the newest part of a conversation.
        begins: whether no older message can hold a call that one of these answers.

    Returns:
        For each message the index of its unit's first message, `OUT`, or `WAITING`. Where more of
        the conversation is known, only those that wait change; a range where each message is a
        unit by itself.
    """
    # No any(...), which takes twice as long, and there are many of these.
    for message in messages:
        if message.tool_calls or message.role in _NOT_PLAIN:
            break
    else:
        return range(len(messages))
    found, missing = _answers(messages, begins)
    partly = {call for call, count in missing.items() if count}
    if not partly:
        return found
    return [OUT if unit in partly else unit for unit in found]


def _answers(messages: Sequence[Message], begins: bool) -> tuple[list[int], dict[int, int]]:
    """The unit of each message, and how many answers each message with calls lacks."""
    found = list(range(len(messages)))
    missing: dict[int, int] = {}
    unanswered: dict[str | None, list[_Call]] = {}  # of each id, the nearest last
    turn, previous = 0, ""
    following = not begins  # whether the message may directly follow an unknown call
    for index, message in enumerate(messages):
        role = message.role
        if role == "tool":
            call_id = message.tool_call_id
            calls = unanswered.get(call_id)
            if calls and turn - calls[-1][1] <= REACH_TURNS:
                found[index], _ = calls.pop()
                missing[found[index]] -= 1
            elif begins or turn > REACH_TURNS or (call_id is None and not following):
                found[index] = OUT
            else:
                found[index] = WAITING
        else:
            following = False
            unanswered.pop(None, None)
        if role == "user":
            turn += previous != "user"
        elif role == "assistant" and message.tool_calls:
            missing[index] = len(message.tool_calls)
            for call in message.tool_calls:
                unanswered.setdefault(call.id, []).append((index, turn))
        elif role in _OUT_ROLES:
            found[index] = OUT
        previous = role
    return found, missing


def turn_starts(messages: Sequence[Message], *, begins: bool = True) -> list[int]:
    """The indexes at which turns start; see `redialog.turns`.

    Args:
        messages: a part of a conversation.
        begins: whether no user's message stands right before them.
    """
    roles = ["" if begins else "user", *[message.role for message in messages]]
    return [
        index for index, role in enumerate(roles[1:]) if role == "user" and roles[index] != "user"
    ]


def boundaries(
    messages: Sequence[Message], belongs: Sequence[int], *, begins: bool = True
) -> Mapping[int, bool | None]:
    """Whether a conversation can be cut where a turn starts: no group has messages on both sides.

    Args:
        messages: the newest part of a conversation.
        belongs: their `units`.
        begins: whether no older message belongs to them.

    Returns:
        For the index of each turn's start whether it can be cut there; None where a result after
        it is `WAITING`, so that more must be known.
    """
    starts = turn_starts(messages, begins=begins)
    if isinstance(belongs, range):
        return dict.fromkeys(starts, True)
    found: dict[int, bool | None] = {}
    oldest, waits = len(messages), False
    for index in range(len(messages) - 1, -1, -1):
        unit = belongs[index]
        if unit == WAITING:
            waits = True
        elif unit != OUT and unit < oldest:
            oldest = unit
        if starts and index == starts[-1]:
            starts.pop()
            found[index] = False if oldest < index else None if waits else True
    return found


def cuts(messages: Sequence[Message], *, begins: bool = True) -> list[int]:
    """Where a conversation can be cut between turns, oldest first; see `boundaries`.

    Args:
        messages: the newest part of a conversation.
        begins: whether no older message belongs to them.
    """
    found = boundaries(messages, units(messages, begins=begins), begins=begins)
    return sorted(index for index, free in found.items() if free)
