"""The form for strict providers, judged by a checker of its own."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings

from redialog import Message, ToolCall
from redialog.strict import NO_TEXT, to_openai
from tests.domain.cases import FITTING, Case
from tests.domain.conversations import groups_of, talk

FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls"},
    "tool": {"role", "content", "name", "tool_call_id"},
}


def complaints(sent: list[dict[str, Any]]) -> list[str]:
    """What a strict provider would say against a request."""
    found = []
    rest = sent[1:] if sent and sent[0]["role"] == "system" else sent
    if any(one["role"] not in ("user", "assistant", "tool") for one in rest):
        found.append("a role in the wrong place")
    if any(one["role"] == "user" for one in rest) and rest[0]["role"] != "user":
        found.append("the user does not begin")
    for one in sent:
        if one.keys() - FIELDS[one["role"]]:
            found.append("an unknown field")
        if not said(one["content"]) and not one.get("tool_calls"):
            found.append("an empty message")
        if one["role"] != "user" and not isinstance(one["content"], str | None):
            found.append("blocks of somebody else than the user")
    speakers = [one for one in rest if one["role"] != "tool"]
    for one, other in pairwise(speakers):
        if one["role"] == other["role"] and not one.get("tool_calls"):
            found.append("no alternation")
    return found + complaints_of_calls(rest)


def complaints_of_calls(sent: list[dict[str, Any]]) -> list[str]:
    """Of a call the results directly follow, in its order; no id stands for two calls."""
    found, waiting = [], list[str]()
    seen: set[str] = set()
    for one in sent:
        if one["role"] == "tool":
            if not waiting or waiting.pop(0) != one["tool_call_id"]:
                found.append("a result without its call before it")
            continue
        if waiting:
            found.append("a call without its results after it")
        calls = one.get("tool_calls", [])
        waiting = [call["id"] for call in calls]
        if len({*waiting}) < len(waiting) or seen & {*waiting} or not all(waiting):
            found.append("an id is missing or not unique")
        seen |= {*waiting}
        for call in calls:
            if call.keys() - {"id", "type", "function", "custom"}:
                found.append("an unknown field of a call")
            if call["type"] == "function":
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
    return [*found, *(["a call without its results after it"] if waiting else [])]


def said(content: Any) -> bool:
    """Whether there is anything in it, and in each of its blocks."""
    if isinstance(content, str) or content is None:
        return bool((content or "").strip())
    return bool(content) and all(
        block.get("text", "").strip() if block.get("type") == "text" else block for block in content
    )


@settings(max_examples=800, deadline=None, derandomize=True)
@given(FITTING)
def test_every_context_has_a_form_that_is_legal(case: Case) -> None:
    """Whatever is stored; it can be written as JSON, and nothing that the user said is lost."""
    context = case.context()
    before = [message.to_openai() for message in context.messages]
    sent = context.to_openai(strict=True)
    assert complaints(sent) == []
    json.dumps(sent)
    spoken = everything([one for one in sent if one["role"] == "user"])
    for message in context.messages:
        assert message.role != "user" or all(text in spoken for text in texts(message))
    assert [message.to_openai() for message in context.messages] == before


def texts(message: Message) -> list[str]:
    """The texts of a message, or of its blocks."""
    if isinstance(message.content, str):
        return [message.content]
    return [str(block["text"]) for block in message.content if "text" in block]


def everything(sent: list[dict[str, Any]]) -> str:
    """All texts of a request, a line each."""
    blocks = [one["content"] or "" for one in sent]
    return "\n".join(
        part if isinstance(part, str) else part.get("text", "")
        for content in blocks
        for part in ([content] if isinstance(content, str) else content)
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(FITTING)
def test_nothing_is_lost_but_what_comes_before_the_user(case: Case) -> None:
    """Each system text, and from the user's first message on each text and each call's results."""
    messages = case.context().messages
    sent = everything(case.context().to_openai(strict=True))
    first = next((i for i, one in enumerate(messages) if one.role == "user" and one.text), None)
    kept = {i for i, one in enumerate(messages) if one.role == "system"}
    if first is not None:
        kept |= {i for i, one in enumerate(messages) if i > first and one.role != "tool"}
        kept |= {i for group in groups_of(messages) if min(group) > first for i in group}
    for index in kept:
        assert all(text in sent for text in texts(messages[index]))


def sent(*messages: Message) -> list[dict[str, Any]]:
    """The strict form of messages."""
    return to_openai(messages)


USER = Message.user("Hi")


def test_system_messages_become_one_at_the_beginning() -> None:
    """In their order, with a blank line between; what is empty is left out."""
    late = Message("developer", "Late.")  # type: ignore[arg-type]
    blocks = Message.system([{"type": "text", "text": "In "}, {"type": "text", "text": "two."}])
    made = sent(Message.system("One."), Message.system(" "), USER, blocks, late)
    assert made == [
        {"role": "system", "content": "One.\n\nIn two.\n\nLate."},
        {"role": "user", "content": "Hi"},
    ]
    assert sent(Message.system(""), USER) == [{"role": "user", "content": "Hi"}]


def test_results_follow_their_call_in_the_order_of_the_calls() -> None:
    """Also where the user spoke before they came; what the user said comes after them."""
    made = sent(*talk("u c12 u t2 u t1 a"))
    shape = [(one["role"], one.get("tool_call_id")) for one in made]
    assert shape == [
        ("user", None),
        ("assistant", None),
        ("tool", "1"),
        ("tool", "2"),
        ("user", None),
        ("assistant", None),
    ]
    assert [call["id"] for call in made[1]["tool_calls"]] == ["1", "2"]
    assert made[4]["content"] == "u#02\n\nu#04"


def test_each_call_has_an_id_of_its_own() -> None:
    """Some libraries give none, or the same in each turn."""
    made = sent(*talk("u c1 t1 c1 t1 a u c-- t- t- c11 t1 t1 c- t-"))
    ids = [call["id"] for one in made for call in one.get("tool_calls", [])]
    assert ids == ["1", "1_1", "call_1", "call_2", "1_2", "1_3", "call_3"]
    answers = [(one["tool_call_id"], one["content"]) for one in made if one["role"] == "tool"]
    assert [own for own, _ in answers] == ids
    assert [text[-2:] for _, text in answers] == ["02", "04", "08", "09", "11", "12", "14"]


def test_an_id_that_was_made_up_is_never_one_that_is_there() -> None:
    """Whichever comes first."""
    calls = [ToolCall("f", {}, one) for one in ("call_1", None, "call_1")]
    results = [Message.tool("x", tool_call_id=one) for one in ("call_1", None, "call_1")]
    made = sent(USER, Message.assistant(tool_calls=calls), *results)
    assert complaints(made) == []


def test_messages_in_a_row_become_one() -> None:
    """Texts with a blank line between, blocks one after the other."""
    made = sent(
        Message.user("One."),
        Message.user(""),
        Message.user([{"type": "image_url", "image_url": {"url": "u"}}]),
        Message.user("Two."),
        Message.assistant("A."),
        Message.assistant(" \n"),
        Message.assistant([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "B."}]),
        Message.user("Three."),
        Message.user("Four."),
    )
    assert made == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "One."},
                {"type": "image_url", "image_url": {"url": "u"}},
                {"type": "text", "text": "Two."},
            ],
        },
        {"role": "assistant", "content": "A.\n\nB."},
        {"role": "user", "content": "Three.\n\nFour."},
    ]


@pytest.mark.parametrize(
    ("names", "expected"), [(("ada", "ada"), "ada"), (("ada", "bob"), None), (("ada", None), None)]
)
def test_a_name_stays_where_all_have_it(names: tuple[str, ...], expected: str | None) -> None:
    """One message cannot have two."""
    [made] = sent(*[Message.user("Hi", name=name) for name in names])
    assert made.get("name") == expected
    assert ("name" in made) == (expected is not None)


def test_what_the_assistant_says_before_a_call_is_joined_with_it() -> None:
    """A text, then calls without one; after the results the assistant may go on."""
    call = [ToolCall("f", {"a": 1}, "1")]
    made = sent(
        USER,
        Message.assistant("Let me see."),
        Message.assistant("", tool_calls=call),
        Message.tool("21", tool_call_id="1", name="f"),
        Message.assistant("21."),
    )
    assert made[1:] == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call[0].to_openai()]},
        {"role": "tool", "content": "21", "name": "f", "tool_call_id": "1"},
        {"role": "assistant", "content": "21."},
    ]


def test_the_user_begins() -> None:
    """What the assistant says before is left out with its calls, but not where no user speaks."""
    assert [one["role"] for one in sent(*talk("s a c1 t1 a u a"))] == [
        "system",
        "user",
        "assistant",
    ]
    assert [one["content"] for one in sent(*talk("c1 u t1 a"))] == ["u#01", "a#03"]
    assert [one["content"] for one in sent(*talk("a u0"))] == ["a#00"]


def test_nothing_is_empty() -> None:
    """A message goes; a call has no text at all; a result that has none says so."""
    call = Message.assistant(" ", tool_calls=[ToolCall("f", {}, "1")])
    empty = Message.tool([{"type": "image_url", "image_url": {}}], tool_call_id="1")
    made = sent(USER, Message.assistant(""), call, empty, Message.user([{}, {"type": "text"}]))
    assert [one["content"] for one in made] == ["Hi", None, NO_TEXT]


def test_only_the_core_of_the_format_is_there() -> None:
    """Some refuse what they do not know; a refusal is what the assistant said."""
    foreign = {"reasoning_content": "hm", "audio": None, "function_call": {"name": "f"}}
    made = sent(
        USER,
        Message.from_openai({"role": "assistant", "content": "x", "annotations": [], **foreign}),
        USER,
        Message.from_openai({"role": "assistant", "content": None, "refusal": "No."}),
        USER,
        Message.from_openai({"role": "assistant", "content": "", **foreign}),
    )
    answers = [one for one in made if one["role"] == "assistant"]
    assert answers == [
        {"role": "assistant", "content": "x"},
        {"role": "assistant", "content": "No."},
    ]


def test_arguments_are_a_json_object() -> None:
    """Also where the model wrote something else: many servers read them before the model does."""
    calls = [
        ToolCall("f", '{"city": "Zür', "1", {"index": 3}),
        ToolCall("f", " ", "2"),
        ToolCall("f", {"input": "select 1"}, "3", {"type": "custom"}),
    ]
    results = [Message.tool("x", tool_call_id=number) for number in "123"]
    made = sent(USER, Message.assistant(tool_calls=calls), *results)
    written = [call.get("function", {}).get("arguments") for call in made[1]["tool_calls"]]
    assert [text and json.loads(text) for text in written] == [{"input": '{"city": "Zür'}, {}, None]
    assert made[1]["tool_calls"][2]["custom"] == {"name": "f", "input": "select 1"}
    assert complaints(made) == []


def test_orphans_are_left_out_also_where_they_are_given() -> None:
    """A context has none; whoever calls this with other messages gets a legal request, too."""
    made = sent(*talk("t1 u c12 t1 d r t3 a"))
    assert [one["role"] for one in made] == ["user", "assistant"]
    assert complaints(made) == []
    asking = Message.assistant("Let me see.", tool_calls=[ToolCall("f", {}, "1")])
    assert sent(USER, asking, Message.assistant("So.")) == sent(USER, Message.assistant("So."))
