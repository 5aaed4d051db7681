"""Every other shape that a version of LangChain wrote, and what other parsers let pass."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from redialog import InvalidMessage, Message, ToolCall
from tests.domain.tools import data_of, read, reread, write

KINDS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("human", {}, "user", None),
    ("HumanMessageChunk", {}, "user", None),
    ("ai", {}, "assistant", None),
    ("AIMessageChunk", {"tool_call_chunks": [], "chunk_position": "last"}, "assistant", None),
    ("system", {}, "system", None),
    ("SystemMessageChunk", {}, "system", None),
    ("tool", {"tool_call_id": "1"}, "tool", None),
    ("ToolMessageChunk", {"tool_call_id": "1"}, "tool", None),
    ("function", {"name": "f"}, "tool", "function"),
    ("FunctionMessageChunk", {"name": "f"}, "tool", "function"),
    ("chat", {"role": "critic"}, "user", "critic"),
    ("ChatMessageChunk", {"role": "critic"}, "user", "critic"),
    ("generic", {"role": "critic"}, "user", "critic"),
    ("chat", {"role": "assistant"}, "assistant", None),
    ("chat", {"role": "Assistant"}, "assistant", "Assistant"),
    ("chat", {"role": "ai"}, "assistant", "ai"),
    ("chat", {"role": "developer"}, "system", "developer"),
    ("generic", {"role": "tool"}, "tool", None),
    ("generic", {}, "user", None),
    ("remove", {"id": "m-1"}, "remove", None),
]


@pytest.mark.parametrize(("kind", "fields", "role", "original"), KINDS, ids=str)
def test_every_type_is_read(
    kind: str, fields: dict[str, Any], role: str, original: str | None
) -> None:
    """Each name that LangChain has for a kind of message becomes one of the roles."""
    message = read({"type": kind, "data": {"content": "x", "type": kind, **fields}})
    assert (message.role, message.original_role, message.text) == (role, original, "x")
    assert message.damage is None


@pytest.mark.parametrize(("kind", "fields", "role", "original"), KINDS, ids=str)
def test_every_type_is_written_as_one_that_all_load(
    kind: str, fields: dict[str, Any], role: str, original: str | None
) -> None:
    """What is appended again has a core type, twice the same one, and keeps the free role."""
    message = read({"type": kind, "data": {"content": "x", "type": kind, **fields}})
    if role == "remove":
        with pytest.raises(InvalidMessage):
            write(message)
        return
    written = json.loads(write(message))
    core = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}[role]
    assert (written["type"], written["data"]["type"]) == (core, core)
    assert "role" not in written["data"]
    assert written["redialog"].get("role") == original
    again = read(json.dumps(written).encode())
    assert (again.role, again.original_role) == (role, original)
    if core == "tool":
        assert isinstance(written["data"]["tool_call_id"], str)


def test_early_data_of_content_and_keyword_arguments() -> None:
    """The first releases stored nothing but these two; ``example`` came and went."""
    early: dict[str, Any] = {"additional_kwargs": {}}
    for fields in (early, early | {"example": False}):
        raw = {"type": "human", "data": {"content": "x", **fields}}
        assert read(raw) == Message.user("x")
        assert read(raw).extra == fields
        assert data_of(write(read(raw))) == {"content": "x", "id": "new-id", **fields}


def test_null_is_the_same_as_absent() -> None:
    """Python's writer leaves nulls where JavaScript's leaves nothing."""
    fields = ("id", "name", "tool_calls", "invalid_tool_calls", "tool_call_id", "role")
    nulls = {"type": "ai", "data": {"content": None, **dict.fromkeys(fields)}}
    assert read(nulls) == read({"type": "ai", "data": {}}) == Message.assistant("")


@pytest.mark.parametrize(
    "number",
    [2**53 + 1, -(2**63), 2**64, 2**200 + 1, -(10**60) - 7, 2**1024 - 1, 1 - 2**1024],
)
def test_integers_are_exact(number: int) -> None:
    """Numbers beyond what a float or 64 bits hold come back to the last digit."""
    assert reread(Message.user("x", metadata={"n": number})).metadata == {"n": number}
    raw = {"type": "ai", "data": {"content": "", "n": number, "tool_calls": [_call(number)]}}
    message = read(raw)
    assert message.tool_calls[0].args == {"n": number}
    again = read(write(message.replace(id="1")))
    assert (again.extra["n"], again.tool_calls[0].args) == (number, {"n": number})


@pytest.mark.parametrize("number", [1.0, -0.0, 1e16, 1e300, 5e-324, 0.1])
def test_floats_stay_floats(number: float) -> None:
    """A float without a fraction does not become an integer."""
    for value in (
        reread(Message.user("x", metadata={"n": number})).metadata["n"],
        read(write(read({"type": "ai", "data": {"content": "", "n": number}}))).extra["n"],
    ):
        assert isinstance(value, float)
        assert (value, math.copysign(1, value)) == (number, math.copysign(1, number))


def test_half_an_emoji_of_a_foreign_writer_is_readable() -> None:
    """Python's own JSON writer leaves lone surrogates as escapes; they are read and kept."""
    raw = b'{"type": "human", "data": {"content": "cut \\ud83d", "id": "1"}}'
    message = read(raw)
    assert message.text == "cut \ud83d"
    assert write(message, at=None) == raw
    assert read(write(message)).text == "cut \ud83d"
    assert read(write(message.replace(name="ada"))).text == "cut \ud83d"


def test_half_an_emoji_of_our_own_is_refused() -> None:
    """UTF-8 cannot hold it, and the error says what to do without quoting the text."""
    for message in (
        Message.user("secret \ud83d"),
        Message.user([{"type": "text", "text": "secret \ud83d"}]),
        Message.user("x", metadata={"a": "secret \ud83d"}),
        Message.user("x", name="secret \ud83d"),
    ):
        with pytest.raises(InvalidMessage, match="surrogate") as caught:
            write(message)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_no_json_are_readable(word: str) -> None:
    """Python's own writer leaves these too; the message around them is not lost."""
    raw = f'{{"type": "ai", "data": {{"content": "x", "id": "1", "logprob": {word}}}}}'.encode()
    message = read(raw)
    assert message.text == "x"
    assert not math.isfinite(float(str(message.extra["logprob"])))
    assert write(message, at=None) == raw


@pytest.mark.parametrize("at", [0, 1, -1, 1_700_000_000_123, -62_135_596_800_000])
def test_a_time_is_kept_to_the_millisecond(at: int) -> None:
    """The time of a message is what was stored, before 1970 too."""
    message = read(write(Message.user("x"), at=at))
    assert message.created_at is not None
    assert (message.created_at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 == at
    assert json.loads(write(message))["redialog"]["at"] == at


def test_a_time_that_python_cannot_hold_is_none() -> None:
    """A number that is no time of ours costs the time, not the message."""
    for at in (10**18, -(10**18), 10**30):
        raw = {"type": "human", "data": {"content": "x"}, "redialog": {"at": at}}
        assert (read(raw).created_at, read(raw).text) == (None, "x")
        assert read(write(read(raw))).text == "x"


def test_a_fresh_message_is_stored_compactly() -> None:
    """Raw UTF-8, no spaces, and no empty fields: the layout that this library writes."""
    message = Message.user("Grüezi 🌦", id="1")
    assert (
        write(message, at=None)
        == '{"type":"human","data":{"content":"Grüezi 🌦","id":"1"}}'.encode()
    )
    call = Message.assistant(tool_calls=[ToolCall("f", {"a": 1}, "c")], metadata={"k": 1}, id="2")
    assert write(call, at=9) == (
        b'{"type":"ai","data":{"content":"","tool_calls":'
        b'[{"name":"f","args":{"a":1},"id":"c","type":"tool_call"}],"id":"2"},'
        b'"redialog":{"at":9,"metadata":{"k":1}}}'
    )


def test_an_id_and_a_time_are_given_only_where_there_is_none() -> None:
    """A message's own id and time win over the ones that an append gives."""
    at = datetime(2020, 1, 1, tzinfo=UTC)
    message = read(write(Message.user("x", id="mine", created_at=at), new_id="other", at=5))
    assert (message.id, message.created_at) == ("mine", at)
    message = read(write(Message.user("x"), new_id="given", at=5))
    assert message.id == "given"
    assert message.created_at == datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)


def _call(number: int) -> dict[str, Any]:
    return {"name": "f", "args": {"n": number}, "id": "1", "type": "tool_call"}


def test_emptied_metadata_is_gone_from_what_is_stored() -> None:
    """What was stored under our own key goes where the message no longer has it."""
    stored = {"metadata": {"a": 1}, "later": "kept"}
    raw = {"type": "human", "data": {"content": "x", "id": "i"}, "redialog": stored}
    message = read(raw).replace(metadata={})
    assert reread(message).metadata == {}
    kept = json.loads(write(message))["redialog"]
    assert {name: value for name, value in kept.items() if name != "at"} == {"later": "kept"}


def test_arguments_beyond_what_is_stored_are_kept_as_text() -> None:
    """What a model wrote as arguments is kept, also where it is no JSON that can be stored."""
    for text in ('{"a": ' + "9" * 400 + "}", '{"a": ' + "[" * 300 + "]" * 300 + "}"):
        function = {"name": "f", "arguments": text}
        message = Message.from_openai(
            {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}
        )
        assert reread(message).tool_calls[0].args == text
