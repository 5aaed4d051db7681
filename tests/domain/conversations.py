"""Conversations written as words, and what is true of them by definition.

A word stands for a message: ``u`` user, ``a`` assistant, ``s`` system, ``d`` damaged, ``r`` a
request to remove another one; ``c1``, ``c12``, ``c-`` an assistant's message with calls of the id
1, of 1 and 2, of none; ``t1``, ``t-`` results. ``u0`` and ``a0`` have no text, ``ub`` has blocks.
What is here is slow and as near to the words of the definitions as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hypothesis import strategies as st

from redialog import Message, ToolCall
from redialog.groups import REACH_TURNS
from tests.domain.tools import read

BLOCKS = [{"type": "text", "text": ""}, {"type": "text", "text": "look"}, {"type": "image_url"}]

WORDS = [
    *"uuuaaasdr",
    *("u0", "a0", "ub", "c1", "c1", "c12", "c11", "c2", "c-", "c1-"),
    *("t1", "t1", "t1", "t2", "t2", "t-"),
]
TURNS = [
    *("u a", "u u a", "u c1 t1 a", "u c12 t2 t1 a", "u c1 a u t1 a", "u c- t- a", "u a a s a"),
    *("u c1 t1 c1 t1 a", "u c12 t1", "u d a", "t1", "u", "u a t2 a", "u ub a0", "u c11 u t1 t1"),
]

TALKS = st.lists(st.sampled_from([*WORDS, *TURNS, *TURNS]), max_size=9).map(
    lambda words: " ".join(words).split()
)
"""Conversations that are mostly sound, and have everything that must not harm."""


def talk(words: str | Sequence[str], sizes: Sequence[int] = ()) -> list[Message]:
    """The messages of words, oldest first, each with an id; ``sizes`` lengthens the texts."""
    listed = words.split() if isinstance(words, str) else words
    return [
        _message(word, number, sizes[number % len(sizes)] if sizes else 0)
        for number, word in enumerate(listed)
    ]


def _message(word: str, number: int, size: int) -> Message:
    kind, rest = word[0], word[1:]
    text = "" if rest == "0" else f"{word}#{number:02}" + "x" * size
    ids = [None if one == "-" else one for one in rest]
    blocks = [*BLOCKS, {"type": "text", "text": text}]
    made: dict[str, Callable[[], Message]] = {
        "u": lambda: Message.user(blocks if rest == "b" else text),
        "a": lambda: Message.assistant(text),
        "s": lambda: Message.system(text),
        "c": lambda: Message.assistant("", tool_calls=[ToolCall("f", {}, one) for one in ids]),
        "t": lambda: Message.tool(text, tool_call_id=ids[0]),
        "d": lambda: read(b"{", strict=False),
        "r": lambda: read({"type": "remove", "data": {"content": "", "id": f"{number}"}}),
    }
    return made[kind]()


def groups_of(messages: Sequence[Message]) -> list[set[int]]:
    """The groups of a whole history, as the indexes of their members."""
    unanswered = {
        index: [call.id for call in message.tool_calls]
        for index, message in enumerate(messages)
        if message.role == "assistant" and message.tool_calls
    }
    members = {index: {index} for index in unanswered}
    for index, message in enumerate(messages):
        if message.role != "tool":
            continue
        for call in range(index - 1, -1, -1):
            begun = len([start for start in starts_of(messages) if call < start <= index])
            between = {other.role for other in messages[call + 1 : index]}
            if message.tool_call_id not in unanswered.get(call, []) or begun > REACH_TURNS:
                continue
            if message.tool_call_id is None and between - {"tool"}:
                continue
            unanswered[call].remove(message.tool_call_id)
            members[call].add(index)
            break
    return [members[call] for call, rest in unanswered.items() if not rest]


def starts_of(messages: Sequence[Message]) -> list[int]:
    """Where turns start: at messages of the user that none of the user's stands right before."""
    roles = [message.role for message in messages]
    return [i for i, role in enumerate(roles) if role == "user" and roles[i - 1 : i] != ["user"]]


def units_of(messages: Sequence[Message]) -> list[set[int]]:
    """The groups and the plain messages, in the order of their newest messages."""
    grouped = groups_of(messages)
    plain = [
        {index}
        for index, message in enumerate(messages)
        if message.role in ("user", "system", "assistant")
        and not (message.role == "assistant" and message.tool_calls)
    ]
    return sorted([*grouped, *plain], key=max)


def cuts_of(messages: Sequence[Message]) -> list[int]:
    """Where turns start and no group has messages on both sides."""
    grouped = groups_of(messages)
    return [
        start
        for start in starts_of(messages)
        if all(min(group) >= start or max(group) < start for group in grouped)
    ]


def chosen_of(
    messages: Sequence[Message],
    window: int | None,
    room: int | None,
    cost: Callable[[Message], int],
) -> tuple[set[int], str | None]:
    """What is kept of a whole history, by the indexes, and which limit was the tighter one."""
    units, starts = units_of(messages), starts_of(messages)
    visible = set().union(*units)

    def fits(indexes: Iterable[int]) -> bool:
        return room is None or sum(cost(messages[index]) for index in indexes) <= room

    oldest = 0
    if window is not None and len(starts) > window:
        oldest = max([cut for cut in cuts_of(messages) if cut <= starts[-window]], default=0)
        # The window of all turns has the preamble, too.
        oldest = oldest if oldest > starts[0] else 0
    allowed = [oldest, *[cut for cut in cuts_of(messages) if cut > oldest]]
    for cut in allowed:
        if fits(kept := {index for index in visible if index >= cut}):
            if cut == 0:
                return kept, None
            users = [i for i in range(cut) if messages[i].role == "user"]
            closing = users[-1] if users else -1
            met = {i for i in range(closing + 1, len(messages)) if i in visible or i < cut}
            by_window = cut == oldest and fits(met)
            return kept, "window" if by_window else "budget"
    return _trimmed(messages, units, starts, fits), "budget"


def _trimmed(
    messages: Sequence[Message],
    units: Sequence[set[int]],
    starts: Sequence[int],
    fits: Callable[[Iterable[int]], bool],
) -> set[int]:
    kept = set([i for i, message in enumerate(messages) if message.role == "user"][-1:])
    for unit in reversed(units):
        if max(unit) < (starts or [0])[-1] or not fits(kept | unit):
            break
        kept |= unit
    return kept


def always_of(messages: Sequence[Message]) -> set[int]:
    """The indexes of the newest user message and the newest unit."""
    users = [i for i, message in enumerate(messages) if message.role == "user"]
    return set(users[-1:]).union(*units_of(messages)[-1:])
