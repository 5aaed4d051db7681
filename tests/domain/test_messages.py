"""`Message`: an immutable value with four roles."""

from __future__ import annotations

import collections
import copy
import enum
import pickle
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from redialog import InvalidMessage, Message, ToolCall
from tests.domain.tools import data_of, read, reread, write

AT = datetime(2025, 3, 1, 12, 30, 15, 123000, UTC)
CALL = ToolCall("get_weather", {"city": "Zürich"}, "call_1")
RICH: list[Message] = [
    Message.user("Hello", id="m-1", name="ada", created_at=AT, metadata={"a": [1, 2.5, None]}),
    Message.assistant("", tool_calls=[CALL]),
    Message.tool("21C", tool_call_id="call_1", name="get_weather"),
    Message.system([{"type": "text", "text": "Be brief."}]),
    Message("developer", "Be brief."),  # type: ignore[arg-type]
    read(b'{"type":"ai","data":{"content":"x","artifact":[1]},"redialog":{"at":5},"z":1}'),
]
DAMAGED = read(b"{", strict=False)


@pytest.mark.parametrize(
    ("make", "role"),
    [
        (Message.user, "user"),
        (Message.assistant, "assistant"),
        (Message.system, "system"),
        (Message.tool, "tool"),
    ],
)
def test_each_role_has_a_constructor_of_its_name(make: Callable[[str], Message], role: str) -> None:
    """The four named constructors are short for the role as the first argument."""
    assert make("Hi") == Message(role, "Hi")  # type: ignore[arg-type]
    assert make("Hi").role == role
    assert make("Hi").original_role is None


@pytest.mark.parametrize(("given", "role"), [("developer", "system"), ("function", "tool")])
def test_other_names_of_a_role_are_kept_beside_it(given: str, role: str) -> None:
    """``developer`` and ``function`` become core roles, and the original can be read."""
    message = Message(given, "Hi")  # type: ignore[arg-type]
    assert (message.role, message.original_role) == (role, given)


def test_everything_but_the_role_has_a_default() -> None:
    """A message of a role alone is empty and has neither id nor time."""
    message = Message("user")
    assert (message.content, message.text, message.tool_calls) == ("", "", ())
    assert (message.id, message.name, message.tool_call_id) == (None, None, None)
    assert message.created_at is None
    assert message.damage is None
    assert (message.metadata, message.extra) == ({}, {})


def test_text_joins_the_text_blocks() -> None:
    """Of a content of blocks, `text` is what the text blocks and the bare texts say."""
    content: Any = [
        {"type": "text", "text": "A cat"},
        {"type": "image_url", "image_url": {"url": "https://x.test/cat.png"}},
        " and a dog.",
    ]
    message = Message.user(content)
    assert message.text == "A cat and a dog."
    assert message.content[2] == {"type": "text", "text": " and a dog."}


def test_a_time_is_kept_in_utc_and_in_milliseconds() -> None:
    """Any zone is taken; what is finer than a millisecond is cut off at once, not when stored."""
    zone = timezone(timedelta(hours=-7))
    given = datetime(2025, 3, 1, 12, 0, 0, 123_999, zone)
    stamp = Message.user("x", created_at=given).created_at
    assert stamp == datetime(2025, 3, 1, 19, 0, 0, 123_000, UTC)
    assert stamp.tzinfo is UTC


def test_an_empty_id_or_name_is_none() -> None:
    """An empty text names nothing, so it is the same as no id, name or tool call id."""
    message = Message("tool", "x", id="", name="", tool_call_id="")
    assert message == Message("tool", "x")


class Text(str):
    """A text of another library's class."""


class Number(int):
    """A number of one."""


class Part(float):
    """A fraction of one."""


class Choice(enum.StrEnum):
    """Names of which a program makes constants."""

    A = "abc"


class Level(enum.IntEnum):
    """The same of numbers."""

    ONE = 1


SAME_JSON: list[tuple[Any, Any]] = [
    (Text("x"), "x"),
    (Choice.A, "abc"),
    (Number(3), 3),
    (Level.ONE, 1),
    (Part(0.5), 0.5),
    ((1, (2, [3])), [1, [2, [3]]]),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (collections.OrderedDict(a=(1,)), {"a": [1]}),
    (collections.UserDict({"a": {"b": Number(3)}}), {"a": {"b": 3}}),
    ({Text("k"): Text("v")}, {"k": "v"}),
    ([True, None, 2**1024 - 1], [True, None, 2**1024 - 1]),
]


def kinds(value: Any) -> Any:
    """A value with the types of all that is in it."""
    if isinstance(value, dict):
        return dict, [(type(key), key, kinds(item)) for key, item in value.items()]
    if isinstance(value, list):
        return list, [kinds(item) for item in value]
    return type(value), value


@pytest.mark.parametrize(("given", "normal"), SAME_JSON, ids=repr)
def test_json_has_one_form(given: Any, normal: Any) -> None:
    """What is given is turned into JSON's own types at once, and reads back as just that."""
    call = ToolCall("f", {"a": given}, "1", {"b": given})
    for message in (
        Message.user("x", metadata={"a": given}),
        Message.assistant([{"type": "text", "a": given}], tool_calls=[call]),
        Message.assistant("x", tool_calls=[{"name": "f", "args": {"a": given}, "b": given}]),
        Message.from_openai({"role": "user", "content": "x", "audio": given}),
        Message.user("x").replace(extra={"a": given}),
        Message.user("x").replace(metadata={"a": given}),
    ):
        found = reread(message)
        for one in (message, found):
            if one.metadata:
                assert kinds(one.metadata) == kinds({"a": normal})
            for made in one.tool_calls:
                assert kinds(made.args) == kinds({"a": normal})
                assert kinds(made.extra) == kinds({"b": normal})
            if not isinstance(one.content, str):
                assert kinds(one.content[0]) == kinds({"type": "text", "a": normal})
            if one.extra:
                assert kinds(one.extra) == kinds({"a": normal})
            if "audio" in one.to_openai():
                assert kinds(one.to_openai()["audio"]) == kinds(normal)
        assert found == message.replace(id=found.id, created_at=found.created_at)


@pytest.mark.parametrize("content", [Text("abc"), Choice.A])
def test_text_of_a_subclass_is_text(content: str) -> None:
    """Contents, ids and names of another library's class are plain text in a message."""
    message = Message("tool", content, id=content, name=content, tool_call_id=content)
    for one in (message, reread(message), reread(Message.user([content]))):  # type: ignore[list-item]
        assert one.text == "abc"
        for value in (one.text, one.id, one.name, one.tool_call_id):
            assert type(value) in (str, type(None))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ToolCall(Text("f")),
        lambda: ToolCall("f", Text("{")),
        lambda: {"name": Text("f"), "args": {}},
        lambda: ToolCall("f", {}, Text("1")),
    ],
)
def test_text_of_a_subclass_in_a_call_can_be_stored(make: Callable[[], Any]) -> None:
    """Wherever a call takes text, it is one that can be stored."""
    message = Message.assistant(tool_calls=[make()])
    assert reread(message).tool_calls == message.tool_calls


def test_a_role_of_a_subclass_can_be_stored() -> None:
    """The original role is text like any other."""
    role: Any = Text("developer")
    assert reread(Message(role, "x")).original_role == "developer"


def test_a_message_shares_nothing_with_what_it_was_made_of() -> None:
    """Whatever a caller does to its own values afterwards, the message stays as it was."""
    inner: list[Any] = [{"k": 1}]
    mine: list[dict[str, Any]] = [{"a": inner} for _ in range(5)]
    block, metadata, args, further, extra = mine
    blocks = [block]
    call = ToolCall("f", args, "1", further)
    calls: list[Any] = [call, {"name": "g", "args": args, "further": further}]
    message = Message.assistant(blocks, metadata=metadata, tool_calls=calls)
    openai = Message.from_openai({"role": "assistant", "content": blocks, "audio": block})
    changed = Message.user("x").replace(extra=extra, metadata=metadata, content=blocks)
    everything = (message, openai, changed)
    before = [(repr(one), repr(one.to_openai()), repr(one.extra)) for one in everything]
    inner[0]["k"] = 2
    inner.append(3)
    for one in mine:
        one["b"] = 4
    blocks.append({"c": 5})
    calls.append(call)
    assert [(repr(one), repr(one.to_openai()), repr(one.extra)) for one in everything] == before
    assert reread(message).metadata == {"a": [{"k": 1}]}


@pytest.mark.parametrize("message", RICH, ids=repr)
def test_a_message_survives_pickling_and_copying(message: Message) -> None:
    """A copy or a pickled message is equal, and so is all that only its element holds."""
    copies = (pickle.loads(pickle.dumps(message)), copy.copy(message), copy.deepcopy(message))
    for other in copies:
        assert other == message
        assert hash(other) == hash(message)
        assert other.extra == message.extra
        assert other.to_openai() == message.to_openai()


def test_a_damaged_message_survives_pickling_with_its_error() -> None:
    """The error that says what is damaged comes along."""
    other = pickle.loads(pickle.dumps(DAMAGED))
    assert other.role == "damaged"
    assert str(other.damage) == str(DAMAGED.damage)


@pytest.mark.parametrize(
    "field",
    ["role", "content", "id", "name", "tool_calls", "created_at", "metadata", "_raw", "brand_new"],
)
def test_a_field_cannot_be_set(field: str) -> None:
    """A message never changes; `replace` makes another one."""
    message = Message.user("Hi")
    with pytest.raises((AttributeError, TypeError)):
        setattr(message, field, "other")
    with pytest.raises((AttributeError, TypeError)):
        delattr(message, field)
    assert message == Message.user("Hi")


def test_replace_changes_what_it_names_and_nothing_else() -> None:
    """The original stays, and the copy differs in the named fields only."""
    message = RICH[0]
    other = message.replace(content="Bye", metadata={"b": 1})
    assert (message.content, other.content, other.metadata) == ("Hello", "Bye", {"b": 1})
    assert other.replace(content="Hello", metadata=message.metadata) == message
    assert message.replace() == message


def test_replacing_the_role_forgets_the_original_one() -> None:
    """Whoever sets a role means that one, and not what the message was called before."""
    message = Message("developer", "x")  # type: ignore[arg-type]
    assert message.replace(id="1").original_role == "developer"
    assert message.replace(role="user").original_role is None


def test_extra_can_be_set() -> None:
    """`replace(extra=...)` sets the further fields, as the stored message will have them."""
    usage = {"usage_metadata": {"total_tokens": 7}}
    assert Message.assistant("x").replace(extra=usage).extra == usage


@pytest.mark.parametrize("nothing", [{}, None])
def test_extra_can_be_emptied(nothing: Any) -> None:
    """Empty is not the same as not given: the further fields are gone, also when stored."""
    message = read(b'{"type":"ai","data":{"content":"x","a":1,"artifact":[1]}}')
    for emptied in (message.replace(extra=nothing), reread(message).replace(extra=nothing)):
        assert emptied.extra == {}
        assert reread(emptied).extra == {}
        assert reread(emptied.replace(content="y")).extra == {}
        assert data_of(write(emptied)).keys() == {"content", "id"}
    assert message.replace(content="y").extra == {"a": 1, "artifact": [1]}


@pytest.mark.parametrize(
    "change",
    [
        {"role": "assistant"},
        {"content": "Bye"},
        {"id": "m-2"},
        {"name": "eve"},
        {"tool_calls": [CALL]},
        {"tool_call_id": "call_9"},
        {"created_at": AT + timedelta(milliseconds=1)},
        {"metadata": {}},
    ],
    ids=str,
)
def test_messages_that_differ_in_a_field_are_not_equal(change: dict[str, object]) -> None:
    """Equality looks at every field that a message is given."""
    assert RICH[0].replace(**change) != RICH[0]
    assert RICH[0] != "Hello"


def test_equal_messages_have_equal_hashes() -> None:
    """Messages can be members of sets, also those whose content is a list."""
    first = Message.user([{"type": "text", "text": "x"}], metadata={"a": 1})
    second = Message.user([{"type": "text", "text": "x"}], metadata={"a": 1})
    assert len({first, second, *RICH, *RICH}) == 1 + len(RICH)


def test_where_a_message_was_read_from_does_not_matter_for_equality() -> None:
    """A message that was read equals the one that says the same and was never stored."""
    assert read(b'{"type":"human","data":{"content":"Hi","id":"m-1"}}') == Message.user(
        "Hi", id="m-1"
    )


def test_a_damaged_message_cannot_be_changed_into_another() -> None:
    """What stands in the place of an unreadable element is no message to work on."""
    with pytest.raises(InvalidMessage):
        DAMAGED.replace(content="repaired")
