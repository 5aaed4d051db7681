"""Any message that can be made is stored and read back equal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from redialog import Message, ToolCall
from tests.domain.tools import read, reread, write

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.integers(1 - 2**1024, 2**1024 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MAPPING = st.dictionaries(TEXT, JSON, max_size=3)
CONTENT = TEXT | st.lists(MAPPING | TEXT, max_size=3)
NAME = st.none() | TEXT
FURTHER: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.dictionaries(
    TEXT | st.sampled_from(["type", "index"]), JSON, max_size=2
)
CALL_ID = st.none() | TEXT.filter(bool)
# Valid and malformed ones in any order, with any further fields.
CALLS = st.lists(st.builds(ToolCall, TEXT, MAPPING | TEXT, CALL_ID, FURTHER), max_size=4)
TIME = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that the constructor takes."""
    role = draw(st.sampled_from(["user", "assistant", "system", "tool", "developer", "function"]))
    fields: dict[str, Any] = {
        "id": draw(NAME),
        "name": draw(NAME),
        "tool_call_id": draw(NAME),
        "created_at": draw(st.none() | TIME),
        "metadata": draw(MAPPING),
    }
    if role == "assistant":
        fields["tool_calls"] = draw(CALLS)
    return Message(role, draw(CONTENT), **fields)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(messages())
def test_what_is_stored_is_read_back_equal(message: Message) -> None:
    """Nothing of a message is lost in the store, and id and time are filled in where absent."""
    found = reread(message)
    assert found == message.replace(
        id=message.id or "new-id", created_at=message.created_at or found.created_at
    )
    assert found.created_at is not None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(messages())
def test_what_is_stored_is_one_of_the_shapes_that_all_readers_load(message: Message) -> None:
    """Every element is UTF-8 JSON with a core type, its content, and nothing new at the top."""
    written = json.loads(write(message).decode("utf-8"))
    assert written.keys() == {"type", "data", "redialog"}
    assert written["type"] in {"human", "ai", "system", "tool"}
    assert isinstance(written["data"]["content"], str | list)
    assert written["type"] != "tool" or isinstance(written["data"]["tool_call_id"], str)
    for name, kind in (("tool_calls", dict), ("invalid_tool_calls", str)):
        for call in written["data"].get(name, []):
            assert call.keys() == {"name", "args", "id", "type"}
            assert call["type"] == name.removesuffix("s")
            assert isinstance(call["args"], kind)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(messages(), MAPPING)
def test_storing_twice_changes_nothing(message: Message, metadata: dict[str, Any]) -> None:
    """The second store of a message gives the same bytes, and one changed forth and back reads
    the same.
    """
    once = write(message)
    found = read(once)
    assert write(found, new_id="another", at=1) == once
    changed = found.replace(metadata=metadata, content="other")
    assert read(write(changed)) == changed
    assert read(write(changed.replace(metadata=found.metadata, content=found.content))) == found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(messages(), MAPPING)
def test_extra_fields_are_stored(message: Message, kwargs: dict[str, Any]) -> None:
    """What is set with `replace(extra=...)` is read back beside everything else."""
    extra = {"additional_kwargs": kwargs, "artifact": [kwargs]}
    found = reread(message.replace(extra=extra))
    assert found.extra == extra
    assert found.content == message.content
    assert found.tool_calls == message.tool_calls
    # Unknown fields are dropped on request only.
    assert read(write(found.replace(name="eve"))).extra == extra
    assert read(write(found.replace(extra={"status": "x"}))).extra == {"status": "x"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(messages(), max_size=3))
def test_openai_form_survives_the_store(given_messages: list[Message]) -> None:
    """Whatever a message looks like for OpenAI, it looks the same after it was stored."""
    for message in given_messages:
        form = message.to_openai()
        assert reread(message).to_openai() == form
        assert json.loads(json.dumps(form)) == form
