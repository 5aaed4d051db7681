"""How much the next context of a session reads: what the one before took, and a turn more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from redialog import Message, RollingSummary, ToolCall, _counted, codec
from redialog.compaction import Made, Wanted, context
from redialog.context import Context
from redialog.plan import SessionPlan
from redialog.settings import UNSET, Settings, settings
from tests.operations.folding import Session
from tests.operations.tools import answered, bounds

DEFAULT = 4000 // 72 + 8
"""What is read of a session of which nothing is known, for 4,000 tokens."""


def one_each(text: str) -> int:
    """A counter: as many tokens as the text says, with those of every message."""
    number = text.partition(" ")[0]
    return max(0, int(number) - 4) if number.isdigit() else 1


def log(*messages: Message) -> list[bytes]:
    """Elements, each with an id of its own."""
    return [codec.element(codec.stored(one, f"id-{n}", 1)) for n, one in enumerate(messages)]


def turns(number: int, tokens: int) -> list[Message]:
    """So many turns of a question and an answer, each of so many tokens."""
    return [Message.user(f"{tokens} q"), Message.assistant(f"{tokens} a")] * number


class Chat:
    """A session and what its contexts read.

    Args:
        elements: oldest first.
        memory: the settings of its memory.
    """

    def __init__(self, elements: Sequence[bytes], memory: Settings | None = None) -> None:
        self.memory = settings(namespace="n") if memory is None else memory
        self.session = Session(elements)

    def context(self, max_tokens: int | None = 4000, **how: Any) -> tuple[list[int], Context]:
        """How many messages each round trip asked for, and the context."""
        wanted = Wanted(
            how.get("window_turns"),
            max_tokens,
            0,
            None,
            how.get("summarizer"),
            how.get("counter", one_each),
        )
        flow = context(SessionPlan(self.memory, "chat", "ada"), wanted, None)
        batches, result = answered(next(flow), self.session)  # type: ignore[arg-type]
        made: Made | None = None
        try:
            flow.send(result)
        except StopIteration as stop:
            made = stop.value
        assert made is not None
        sizes = []
        for batch in batches:
            first, last = bounds(batch)
            # A further page begins with the last message of the one before.
            sizes.append(last - first + (1 if first == 0 else 0))
        return sizes, made.context


def test_of_long_messages_no_more_is_read_than_fits() -> None:
    """The first context must guess."""
    chat = Chat(log(*turns(200, 1000)))
    assert [chat.context()[0] for _ in range(3)] == [[DEFAULT], [7], [7]]
    assert len(chat.context()[1].messages) == 4


def test_of_short_messages_as_many_are_read_as_fit() -> None:
    """In one round trip from the second context on, where a first page can hold them."""
    chat = Chat(log(*turns(500, 50)))
    sizes, made = chat.context()
    assert (len(sizes), len(made.messages)) == (2, 80)
    assert [chat.context()[0] for _ in range(3)] == [[88]] * 3


def test_what_a_first_page_cannot_hold_comes_with_the_second() -> None:
    """And not four times as much."""
    chat = Chat(log(*turns(500, 20)))
    sizes, made = chat.context()
    assert (sum(sizes) > 300, len(made.messages)) == (True, 200)
    assert [chat.context()[0] for _ in range(3)] == [[100, 201 + 12 + 2 - 100]] * 3


def test_what_comes_next_may_be_shorter() -> None:
    """A turn fits into the margin."""
    chat = Chat(log(*turns(200, 1000)))
    chat.context()
    for _ in range(20):
        chat.session.elements += log(*turns(1, 5))
        sizes, _ = chat.context()
        assert len(sizes) == 1


@pytest.mark.parametrize("tokens", [50, 1000])
def test_calls_and_results_are_guessed_as_well(tokens: int) -> None:
    """With the call of the oldest result."""
    call = Message.assistant("1", tool_calls=[ToolCall("f", {}, "c")])
    one = [Message.user("10 q"), call, Message.tool(f"{tokens} r", tool_call_id="c")]
    chat = Chat(log(*[*one, Message.assistant("10 a")] * 200))
    first, before = chat.context()
    second, made = chat.context()
    assert made.messages == before.messages
    assert len(made.messages) <= sum(second) < max(sum(first), len(made.messages) + 20)
    assert len(second) <= len(first)


def test_a_call_before_what_was_looked_at_is_guessed_as_well() -> None:
    """Where the user spoke before its result came."""
    call = Message.assistant("1", tool_calls=[ToolCall("f", {}, "c")])
    between = [*[Message.assistant("1 a")] * 9, Message.assistant("4000 a")]
    after = [Message.user("10 q"), Message.tool("10 r", tool_call_id="c"), *turns(1, 10)]
    chat = Chat(log(*turns(100, 1000), call, *between, *after))
    assert [len(chat.context()[0]) for _ in range(3)] == [1, 1, 1]
    assert chat.context()[0] == [15 + 2]


def test_where_a_result_waits_for_its_call_the_guess_stays() -> None:
    """How far back is looked for it is not what the limit says."""
    orphan = Message.tool("10 r", tool_call_id="gone")
    chat = Chat(log(*turns(200, 1000), Message.user("10 q"), orphan, Message.assistant("10 a")))
    assert [chat.context()[0] for _ in range(3)] == [[DEFAULT]] * 3


def test_a_session_that_fits_whole_is_read_as_before() -> None:
    """What is appended to it at once can be much."""
    chat = Chat(log(*turns(2, 10)))
    assert [chat.context()[0] for _ in range(2)] == [[DEFAULT]] * 2
    chat.session.elements += log(*turns(25, 10))
    assert chat.context()[0] == [DEFAULT]
    # As much as there is, where that is more.
    chat.session.elements += log(*turns(15, 10))
    assert len(chat.context()[0]) == 2
    for _ in range(5):
        assert len(chat.context()[0]) == 1
        chat.session.elements += log(*turns(1, 10))


def test_turns_are_guessed_as_well() -> None:
    """Long ones take two round trips once."""
    turn = [Message.user("1 q"), *[Message.assistant("1 a")] * 9]
    chat = Chat(log(*turn * 50))
    found = [chat.context(None, window_turns=3)[0] for _ in range(3)]
    assert [len(sizes) for sizes in found] == [2, 1, 1]
    # To the question before them, which shows that they are as many as are wanted.
    assert found[1] == [40 + 2 + 2]


def test_other_limits_are_other_guesses() -> None:
    """And so are other sessions and memories; another handle of the session has the same."""
    elements = log(*turns(200, 1000))
    chat = Chat(elements)
    assert [chat.context()[0] for _ in range(2)] == [[DEFAULT], [7]]
    assert [chat.context(8000)[0] for _ in range(2)] == [[100], [11]]
    assert chat.context()[0] == [7]
    assert Chat(elements, chat.memory).context()[0] == [7]
    assert Chat(elements, chat.memory.of_session(60, UNSET, UNSET)).context()[0] == [7]
    assert Chat(elements).context()[0] == [DEFAULT]


def test_where_messages_may_have_to_be_folded_nothing_is_guessed_from_before() -> None:
    """That looks further back than the limit does."""
    policy = RollingSummary(lambda *_: "", trigger_tokens=100_000, when="manual")
    chat = Chat(log(*turns(10, 1000)))
    found = [chat.context(summarizer=policy)[0] for _ in range(2)]
    assert found == [[100]] * 2
    chat.context()
    assert chat.context(summarizer=policy)[0] == [100]


def test_what_was_counted_for_a_context_is_known_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where nothing is found by its element any more."""
    monkeypatch.setattr(_counted, "_MOST", 1)
    asked: list[str] = []

    def counter(text: str) -> int:
        asked.append(text)
        return 96

    chat = Chat(
        log(*[made(f"m{n}") for n in range(50) for made in (Message.user, Message.assistant)])
    )
    assert len(chat.context(counter=counter)[1].messages) == 40
    for _ in range(3):
        asked.clear()
        chat.session.elements += log(Message.user("new"), Message.assistant("new"))
        assert len(chat.context(counter=counter)[1].messages) == 40
        # The new ones, up to twice, and the one that does not fit any more.
        assert len(asked) <= 5
