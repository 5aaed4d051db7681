"""What a message costs by the rule, and what becomes of a counter that does not count."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import ConfigurationError, CounterError, Message, ToolCall
from redialog.tokens import BLOCK_TOKENS, Costs, Counter, TokenCounter, estimate
from tests.domain.tools import read, reread

BASE64 = "iVBORw0KGgo" * 100_000
MB = "data:image/png;base64," + BASE64
LENGTH = Costs(len)
IMAGES: list[dict[str, Any]] = [
    {"type": "image_url", "image_url": {"url": MB, "detail": "high"}},
    {"type": "image_url", "image_url": MB},
    {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": BASE64}},
    {"type": "image", "source_type": "base64", "data": BASE64, "mime_type": "image/png"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
    {"type": "document", "source": {"type": "base64", "data": BASE64}},
    {"type": "video", "base64": BASE64},
    {"type": "redacted_thinking", "data": BASE64},
    {"type": "reasoning", "summary": []},
    {"type": "somebody's own", "payload": BASE64},
    {"type": ["no", "text"]},
    {"image": BASE64},
    {},
]


def calls_json(message: Message) -> str:
    """The calls as they are sent, as JSON."""
    calls = message.to_openai()["tool_calls"]
    return json.dumps(calls, separators=(",", ":"), ensure_ascii=False)


def test_a_message_costs_its_text_and_four() -> None:
    """Whatever its role."""
    for role in ("user", "assistant", "system", "tool", "developer", "function"):
        assert LENGTH.of(Message(role, "Hello")) == 5 + 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message",
    [
        Message.user(""),
        Message.assistant([]),
        Message.assistant([{"type": "text", "text": ""}]),
        Message.tool("", tool_call_id="call_1"),
        read(b"{", strict=False),
        read({"type": "remove", "data": {"content": "", "id": "1"}}),
    ],
)
def test_a_message_without_text_costs_four(message: Message) -> None:
    """Also one that is damaged; the id of the call that it answers is not counted."""
    assert LENGTH.of(message) == 4
    assert Costs().of(message) == 4


def test_a_name_is_counted() -> None:
    """It is sent."""
    assert LENGTH.of(Message.user("Hello", name="alice")) == 5 + 5 + 4


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("search", {"query": "größe", "limit": 3, "deep": {"a": [1, None]}}, "call_1"),
        ToolCall("search", {}, None),
        ToolCall("search", '{"query": "unfin', "call_1"),
        ToolCall("run", {"input": "ls -l"}, "call_1", {"type": "custom"}),
        ToolCall("f", {}, "1", {"index": 0}),
    ],
)
def test_tool_calls_cost_the_json_that_is_sent(call: ToolCall) -> None:
    """Name, arguments and id, also where the arguments are no JSON."""
    message = Message.assistant("On it.", tool_calls=[call, call])
    assert LENGTH.of(message) == len("On it.") + len(calls_json(message)) + 4
    assert LENGTH.of(reread(message)) == LENGTH.of(message)


def test_arguments_that_cannot_be_sent_are_counted_as_well() -> None:
    """Half of a surrogate pair is refused when it is stored, not when it is counted."""
    call = ToolCall("search", {"query": "\ud83d"}, "call_1")
    assert LENGTH.of(Message.assistant("", tool_calls=[call])) > len("search") + len("query")
    assert LENGTH.of(Message.assistant("", tool_calls=[ToolCall("\ud83d")])) > len("arguments")
    assert LENGTH.of(Message.assistant([{"type": "tool_use", "name": "\ud83d"}])) > len("tool_use")
    assert Costs().of(Message.user("\ud83d")) > 4


@pytest.mark.parametrize("block", IMAGES, ids=lambda block: str(block.get("type")))
def test_a_block_without_text_costs_a_fixed_number(block: dict[str, Any]) -> None:
    """Whatever its length: a megabyte of base64 is no text to the model."""
    message = Message.user([{"type": "text", "text": "Look:"}, block, block])
    for costs in (Costs(), Costs(estimate), Costs(TokenCounter())):
        assert costs.of(message) == costs.text("Look:") + 2 * BLOCK_TOKENS + 4
    assert Costs(TokenCounter(len, block_tokens=85)).of(message) == 5 + 2 * 85 + 4
    assert Costs(TokenCounter(len, block_tokens=0)).of(message) == 5 + 4
    assert LENGTH.of(reread(message)) == 5 + 2 * BLOCK_TOKENS + 4


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "text", "text": "abc"}, "abc"),
        ({"type": "input_text", "text": "abc", "annotations": []}, "abc"),
        ({"type": "text-plain", "text": "abc", "mime_type": "text/plain"}, "abc"),
        ({"text": "abc"}, "abc"),
        ({"type": "thinking", "thinking": "Hm, so", "signature": BASE64}, "Hm, so"),
        ({"type": "reasoning", "reasoning": "Hm"}, "Hm"),
        ({"type": "refusal", "refusal": "No."}, "No."),
    ],
)
def test_a_block_of_text_costs_its_text(block: dict[str, Any], text: str) -> None:
    """Of whatever kind, and nothing else that stands in it."""
    assert LENGTH.of(Message.assistant([block])) == len(text) + 4


def test_an_image_with_a_caption_costs_both() -> None:
    """The caption does not make it a text."""
    block = {"type": "image", "url": "https://example.org/1.png", "text": "A cat"}
    assert LENGTH.of(Message.user([block])) == 5 + BLOCK_TOKENS + 4


def test_a_block_with_a_tool_call_costs_its_json() -> None:
    """As Anthropic's models write it; it is text, not a file."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    assert (
        LENGTH.of(Message.assistant([block])) == len(json.dumps(block, separators=(",", ":"))) + 4
    )


def test_an_empty_text_is_not_counted() -> None:
    """Some tokenizers refuse it, some put a mark of the beginning."""

    def picky(text: str) -> int:
        assert text
        return 1

    costs = Costs(picky)
    assert costs.text("") == 0
    assert costs.of(Message.assistant("", tool_calls=[ToolCall("f", {}, "1")])) == 1 + 4


class Whole:
    """What operator.index takes for a number."""

    def __index__(self) -> int:
        return 3


def fails(text: str) -> int:
    """A counter that shows what it was given."""
    raise ValueError(f"cannot count {text!r}")


async def later(text: str) -> int:
    """A counter that must be awaited."""
    return len(text)


SECRET = "the secret of the message"
WRONG: list[Callable[[str], Any]] = [
    fails,
    later,
    lambda _: -1,
    lambda _: True,
    lambda _: 2.0,
    lambda _: None,
    lambda text: text,
    lambda _: Whole(),
    lambda _: [1] * 3,
]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_counter_that_does_not_count_is_an_error(
    wrong: Callable[[str], Any], wrapped: bool
) -> None:
    """It says what came instead of a number, and nothing of the message."""
    costs = Costs(TokenCounter(wrong) if wrapped else wrong)
    counts: list[Callable[[], int]] = [
        lambda: costs.text(SECRET),
        lambda: costs.of(Message.user(SECRET)),
    ]
    for count in counts:
        with pytest.raises(CounterError) as caught:
            count()
        assert isinstance(caught.value, ConfigurationError)
        assert "secret" not in str(caught.value)
        cause = caught.value.__cause__
        assert isinstance(cause, ValueError) == (wrong is fails)
        caught.value.__cause__ = None
        assert SECRET not in "".join(traceback.format_exception_only(caught.value))


def test_a_counter_may_be_stopped() -> None:
    """Ctrl-C and a cancelled task are no errors of the counter."""
    for stop in (KeyboardInterrupt, asyncio.CancelledError, SystemExit):

        def stopped(text: str, stop: type[BaseException] = stop) -> int:
            raise stop

        with pytest.raises(stop):
            Costs(stopped).text("x")


@pytest.mark.parametrize("wrong", [3, "o200k_base", object(), b""])
def test_what_cannot_be_called_is_no_counter(wrong: Any) -> None:
    """It is refused where it is given, before anything is read."""
    for make in (Costs, TokenCounter):
        with pytest.raises(ConfigurationError, match="callable"):
            make(wrong)


@pytest.mark.parametrize("wrong", [-1, 1.0, True, "85", None])
def test_the_cost_of_a_block_is_a_number(wrong: Any) -> None:
    """Not negative, and whole."""
    with pytest.raises(ConfigurationError, match="block_tokens"):
        TokenCounter(len, block_tokens=wrong)


def test_a_token_counter_counts_as_its_function() -> None:
    """It can be used wherever a function can."""
    counter: Counter = TokenCounter(len)
    assert counter("abc") == 3
    assert TokenCounter()("Hello there.") == estimate("Hello there.")
    assert TokenCounter(len) == TokenCounter(len, block_tokens=BLOCK_TOKENS)
    assert hash(TokenCounter(len)) == hash(TokenCounter(len))
    assert TokenCounter(len) != TokenCounter(len, block_tokens=1) != TokenCounter(hash)
    assert TokenCounter(len) != len


CALLS = st.builds(
    ToolCall,
    st.text(min_size=1, max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=4), max_size=2)
    | st.text(max_size=6),
    st.none() | st.text(max_size=4),
)
BLOCKS = st.sampled_from(
    [{"type": "text", "text": "Hi"}, {"type": "text", "text": ""}, {"type": "image", "url": "u"}]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    content=st.text(max_size=20) | st.lists(BLOCKS, max_size=4),
    calls=st.lists(CALLS, max_size=2),
    name=st.none() | st.text(max_size=4),
    block=st.integers(0, 50),
)
def test_the_cost_of_any_message_follows_the_rule(
    content: Any, calls: list[ToolCall], name: str | None, block: int
) -> None:
    """Text, calls, name, blocks, and four; the same for one that was stored and read."""
    message = Message.assistant(content, tool_calls=calls, name=name)
    images = sum(one["type"] == "image" for one in content) if isinstance(content, list) else 0
    written = len(calls_json(message)) if calls else 0
    expected = len(message.text) + written + len(name or "") + images * block + 4
    assert Costs(TokenCounter(len, block_tokens=block)).of(message) == expected


def test_what_goes_out_with_a_message_is_counted() -> None:
    """A refusal is no content, and is sent all the same."""
    refusal = "I can not do that. " * 100
    given = {"role": "assistant", "content": None, "refusal": refusal}
    message = Message.from_openai(given)
    assert message.to_openai()["refusal"] == refusal
    assert Costs(len).of(message) >= len(refusal) + 4
