"""What a `Message` refuses, and that no refusal repeats what the message says."""

from __future__ import annotations

import pickle
import types
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from redialog import InvalidMessage, Message, RedialogError, ToolCall
from redialog._json import MAX_DEPTH
from redialog.elements import CORE_FIELDS
from tests.domain.tools import read

SECRET = "locker code 4417"


def nested(depth: int) -> Any:
    """A list in a list in a list, so many levels deep."""
    value: Any = SECRET
    for _ in range(depth):
        value = [value]
    return value


def refused(make: Callable[[], object]) -> InvalidMessage:
    """The error that a call raises, after a look into all that it shows."""
    with pytest.raises(InvalidMessage) as caught:
        make()
    error = caught.value
    assert isinstance(error, RedialogError | ValueError)
    shown: BaseException | None = error
    while shown is not None:
        assert SECRET not in f"{shown} {shown!r} {shown.args} {vars(shown)}"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    assert SECRET.encode() not in pickle.dumps(error)
    return error


@pytest.mark.parametrize(
    "role", ["", "User", "USER", "human", "bot", "remove", "damaged", None, 5, b"user", [], {}]
)
def test_an_unknown_role(role: Any) -> None:
    """Only the four roles and their two other names are taken; the error names the four."""
    error = refused(lambda: Message(role, SECRET))
    assert "user, assistant, system, tool" in str(error)
    refused(lambda: Message.from_openai({"role": role, "content": SECRET}))


@pytest.mark.parametrize(
    ("role", "quoted"),
    [
        ("bot", True),
        ("human", True),
        ("tool_result", True),
        ("x" * 20, True),
        ("x" * 21, False),
        ("", False),
        ("Bot", False),
        ("bot\n", False),
        ("locker 4417", False),
        ("4417", False),
        ("h\u00e9", False),
        ("what?", False),
        (4417, False),
    ],
)
def test_only_what_looks_like_a_role_is_quoted(role: Any, quoted: bool) -> None:
    """With the arguments swapped, the role is what somebody said."""
    error = refused(lambda: Message(role, SECRET))
    assert (repr(role) in str(error)) is quoted
    refused(lambda: Message(SECRET, "user"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        None,
        5,
        1.5,
        True,
        object(),
        SECRET.encode(),
        bytearray(SECRET.encode()),
        memoryview(SECRET.encode()),
        {"type": "text", "text": SECRET},
        {5, 6},
        {},
        set(),
        {SECRET},
        frozenset({SECRET}),
        b"",
        bytearray(),
        memoryview(b""),
        iter([{"type": "text", "text": SECRET}]),
        {"a": {"type": "text", "text": SECRET}}.values(),
        [bytearray(SECRET.encode())],
        [{"type": "text", "text": bytearray(SECRET.encode())}],
        [{"type": "text", "text": SECRET, "score": 2**1024}],
        [SECRET.encode()],
        [None],
        [[SECRET]],
        [{"type": "text", "text": SECRET}, 5],
        [{"type": "text", "text": SECRET.encode()}],
        [{"type": "text", "text": {SECRET}}],
        [{5: SECRET}],
        [{"type": "text", "text": SECRET, "score": float("nan")}],
        [{"type": "text", "text": nested(MAX_DEPTH + 1)}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_content_of_a_wrong_kind(content: Any) -> None:
    """Content is text or a list of blocks of JSON, and nothing is turned into text silently."""
    refused(lambda: Message.user(content))
    refused(lambda: Message.user(SECRET).replace(content=content))
    if content is not None:
        refused(lambda: Message.from_openai({"role": "user", "content": content}))


BAD_JSON: list[Any] = [
    {"a": float("nan"), "b": SECRET},
    {"a": float("inf"), "b": SECRET},
    {"a": [1, [-float("inf")]], "b": SECRET},
    {5: SECRET},
    {None: SECRET},
    {True: SECRET},
    {b"a": SECRET},
    {("a",): SECRET},
    {"a": {5: SECRET}},
    {"a": SECRET.encode()},
    {"a": datetime(2025, 1, 1, tzinfo=UTC), "b": SECRET},
    {"a": date(2025, 1, 1), "b": SECRET},
    {"a": {SECRET}},
    {"a": frozenset({SECRET})},
    {"a": object(), "b": SECRET},
    {"a": 1j, "b": SECRET},
    {"a": bytearray(SECRET.encode())},
    {"a": 2**1024, "b": SECRET},
    {"a": [-(2**1024)], "b": SECRET},
    {"a": 10**5000, "b": SECRET},
    {"a": Decimal("1.5"), "b": SECRET},
    {"a": types.MappingProxyType({5: SECRET})},
    {"a": ({5: SECRET},)},
    {"a": Message.user(SECRET)},
    {"a": nested(MAX_DEPTH + 1)},
    {"a": nested(100_000)},
    [SECRET],
    SECRET,
    7,
]


@pytest.mark.parametrize("value", BAD_JSON, ids=lambda value: type(value).__name__)
def test_what_json_cannot_hold(value: Any) -> None:
    """Metadata, extra fields, arguments of calls and OpenAI's further fields are JSON mappings."""
    refused(lambda: Message.user(SECRET, metadata=value))
    refused(lambda: Message.user(SECRET).replace(metadata=value))
    refused(lambda: Message.user(SECRET).replace(extra=value))
    refused(lambda: Message.from_openai({"role": "user", "content": SECRET, "audio": {1: value}}))
    if isinstance(value, dict):
        call = {"name": "f", "args": value}
        refused(lambda: Message.assistant(SECRET, tool_calls=[call]))
        refused(lambda: Message.assistant(SECRET, tool_calls=[ToolCall("f", value)]))
        refused(lambda: Message.assistant(SECRET, tool_calls=[ToolCall("f", extra=value)]))
        openai = {"id": "1", "type": "function", "function": {"name": "f", "arguments": value}}
        refused(lambda: Message.assistant(SECRET, tool_calls=[openai]))


def test_as_deep_as_allowed_is_taken() -> None:
    """The limit of depth is the one that is written down."""
    assert Message.user("x", metadata={"a": nested(MAX_DEPTH)}).metadata["a"]


class Zone(tzinfo):
    """A zone that does not say how far it is from UTC."""

    def utcoffset(self, when: datetime | None) -> None:
        """Unknown."""

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    "value",
    [
        datetime(2025, 1, 1, tzinfo=Zone()),
        datetime(2025, 1, 1),  # noqa: DTZ001
        date(2025, 1, 1),
        1_700_000_000,
        1.5,
        "2025-01-01T00:00:00Z",
        SECRET,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_time_without_a_zone_or_none_at_all(value: Any) -> None:
    """A naive time would be another one on another machine, so it is refused."""
    error = refused(lambda: Message.user(SECRET, created_at=value))
    assert "time zone" in str(error)


@pytest.mark.parametrize(
    "calls",
    [
        5,
        SECRET,
        SECRET.encode(),
        {"name": "f", "args": {"q": SECRET}},
        [SECRET],
        [5],
        [None],
        [{}],
        [{"args": {"q": SECRET}}],
        [{"name": 5, "args": {"q": SECRET}}],
        [{"name": "f", "args": [SECRET]}],
        [{"name": "f", "args": 5}],
        [{"name": "f", "args": {}, "id": 5}],
        [{"name": "f", "args": {}, "id": {"x": SECRET}}],
        [{"id": "1", "type": "function", "function": {"arguments": SECRET}}],
        [{"id": "1", "type": "function", "function": {"name": 5, "arguments": SECRET}}],
        [{"id": "1", "type": "function", "function": {"name": "f", "arguments": [SECRET]}}],
        [{"id": "1", "type": "function", "function": SECRET}],
        [{"id": "1", "type": "custom", "custom": {"input": SECRET}}],
        [{"name": "f", "args": {}, 5: SECRET}],
        [{"name": "f", "args": {"a": 2**1024}}],
        [ToolCall(5)],  # type: ignore[arg-type]
        [ToolCall(None)],  # type: ignore[arg-type]
        [ToolCall("f", [SECRET])],  # type: ignore[arg-type]
        [ToolCall("f", 5)],  # type: ignore[arg-type]
        [ToolCall("f", SECRET.encode())],  # type: ignore[arg-type]
        [ToolCall("f", {5: SECRET})],  # type: ignore[dict-item]
        [ToolCall("f", {"a": {SECRET}})],
        [ToolCall("f", {}, 5)],  # type: ignore[arg-type]
        [ToolCall("f", {}, [SECRET])],  # type: ignore[arg-type]
        [ToolCall("f", {}, "1", 5)],  # type: ignore[arg-type]
        [ToolCall("f", {}, "1", [SECRET])],  # type: ignore[arg-type]
        [ToolCall("f", {}, "1", {"a": SECRET.encode()})],
        [ToolCall("f"), ToolCall(5)],  # type: ignore[arg-type]
    ],
    ids=lambda value: repr(value)[:40],
)
def test_tool_calls_of_a_wrong_shape(calls: Any) -> None:
    """A call has a name and arguments, in OpenAI's form or LangChain's."""
    refused(lambda: Message.assistant(SECRET, tool_calls=calls))
    refused(lambda: Message.assistant(SECRET).replace(tool_calls=calls))
    refused(
        lambda: Message.from_openai({"role": "assistant", "content": SECRET, "tool_calls": calls})
    )


@pytest.mark.parametrize("field", ["id", "name", "tool_call_id"])
@pytest.mark.parametrize("value", [5, b"x", ["x"], {"x": 1}, 1.5, True], ids=repr)
def test_ids_and_names_are_text(field: str, value: Any) -> None:
    """An id or a name of another type is refused, and the error says which field it was."""
    assert field in str(refused(lambda: Message.user(SECRET).replace(**{field: value})))


@pytest.mark.parametrize("value", [SECRET, SECRET.encode(), None, 5, [SECRET], (SECRET,), {SECRET}])
def test_what_is_neither_a_message_nor_a_dict(value: Any) -> None:
    """A bare text is no message: whose it is would be a guess."""
    hint = "append(*messages)" in str(refused(lambda: Message.parse(value)))
    assert hint == isinstance(value, list | tuple)


@pytest.mark.parametrize("role", ["user", "system", "developer", "tool", "function"])
def test_a_dict_without_content(role: str) -> None:
    """A misspelled key is no empty message; only an answer can do without content."""
    assert "content" in str(refused(lambda: Message.from_openai({"role": role, "text": SECRET})))
    assert Message.from_openai({"role": "assistant", "refusal": "No."}).content == ""
    assert Message.from_openai({"role": role, "content": ""}).content == ""


def test_a_dict_without_a_role() -> None:
    """A dict needs a role; the error says so."""
    assert "role" in str(refused(lambda: Message.from_openai({"content": SECRET})))


@pytest.mark.parametrize("name", sorted(CORE_FIELDS))
@pytest.mark.parametrize("value", [SECRET, None, [], [{"name": "f"}]], ids=repr)
def test_extra_is_not_a_way_around_the_fields(name: str, value: Any) -> None:
    """What a message has an attribute for is set there, with its checks, and not beside it."""
    read_one = read(b'{"type":"ai","data":{"content":"x","a":1}}')
    for replace in (Message.user(SECRET).replace, read_one.replace):
        error = refused(partial(replace, extra={"a": 1, name: value}))
        assert repr(name) in str(error)


def test_the_name_of_no_field() -> None:
    """`replace` takes the names of fields only, and names the wrong one."""
    assert "'txt'" in str(refused(lambda: Message.user(SECRET).replace(txt="x")))
