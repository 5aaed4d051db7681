"""Replacing, removing, rewinding: the message that was read, byte for byte, or none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redialog import (
    Conflict,
    IdempotencyMismatch,
    InvalidMessage,
    Message,
    MessageTooLarge,
    NotFound,
    OwnerMismatch,
    _places,
    codec,
)
from redialog.effect import CommandError, Op
from redialog.keys import SessionKeys
from redialog.ops import edit
from redialog.ops._scripts import RESTARTS, said
from tests.operations.tools import (
    ALONE,
    KEY,
    OWN,
    SHARED,
    TOKEN,
    Asked,
    arguments_of,
    element,
    keys_of,
    play,
    script_name,
    writing,
)

LOG = [element(2), element(1), element(0)]
RENEWED = (b"PEXPIRE", OWN.op(TOKEN), 60_000)
CHANGED: list[Any] = [CommandError("CHANGED", "")]
NEW = codec.element(codec.stored_as(Message.user("new"), "id-1", None))
FOREIGN = b'{"type":"human","data":{"content":"hi"}}'


def asked(log: bytes) -> dict[str, str]:
    """What the token of each edit remembers."""
    system = codec.element(codec.stored_as(Message.system("new"), "id-1", None))
    return {
        "replace": said(b"replace", log, b"id-1", NEW),
        "reword": said(b"replace", log, b"id-1", system),
        "remove": said(b"remove", log, b"id-1"),
        "rewind": said(b"rewind", log, b"id-1"),
    }


def done(dropped: int, code: int = 0) -> list[Any]:
    """What edit.lua answers."""
    return [[code, Asked(b":%d" % dropped), b""]]


def replace(keys: SessionKeys = OWN, **fields: Any) -> Op[Any]:
    """The second message gets another text."""
    new = edit.New(Message.user("new"), 1 << 20)
    return edit.replace(writing(keys, **fields), "id-1", new)


def remove(keys: SessionKeys = OWN, **fields: Any) -> Op[Any]:
    """The second message is taken out."""
    return edit.remove(writing(keys, **fields), "id-1")


def rewind(keys: SessionKeys = OWN, **fields: Any) -> Op[Any]:
    """What came after the second message is dropped."""
    return edit.rewind(writing(keys, **fields), "id-1")


def stored(text: str, message_id: str = "id-1", at: int = 1_700_000_000_001) -> Message:
    """A message as it is stored under an id."""
    return codec.stored_as(Message.user(text), message_id, at)


def reword(keys: SessionKeys = OWN, **fields: Any) -> Op[Any]:
    """The second message becomes one of the system."""
    return edit.replace(writing(keys, **fields), "id-1", edit.New(Message.system("new"), 1 << 20))


REWORDED = codec.stored_as(Message.system("new"), "id-1", 1_700_000_000_001)
Operation = Callable[..., Op[Any]]
EDITS: list[tuple[Operation, str, str | bytes, Any]] = [
    (replace, "replace", codec.element(stored("new")), stored("new")),
    (reword, "reword", codec.element(REWORDED), REWORDED),
    (remove, "remove", f"redialog:removed:{TOKEN}", True),
    (rewind, "rewind", "", 1),
]
each_edit = pytest.mark.parametrize(("op", "action", "text", "result"), EDITS)
edits = pytest.mark.parametrize("op", [replace, remove, rewind])


@each_edit
@pytest.mark.parametrize("keys", [OWN, ALONE, SHARED], ids=["own", "alone", "shared"])
def test_an_edit_is_one_script_call_besides_finding(
    op: Operation, action: str, text: str | bytes, result: Any, keys: SessionKeys
) -> None:
    """With the place from the oldest and the bytes that must lie there, as the header says."""
    answer = done(1) if keys.together else [1, *done(1)]
    [read, write], found = play(op(keys), [LOG], answer)
    assert found == result
    assert (read.writes, read.resend_key) == (False, None)
    assert (write.writes, write.resend_key) == (True, KEY)
    *ahead, command = write.commands
    assert script_name(command) == "edit"
    catalogue = keys.catalogue() if keys.together else []
    assert keys_of(command) == (keys.log, keys.meta, keys.op(TOKEN), *catalogue)
    head = (60_000, 60_000, "", keys.owner or b"", b"chat")
    assert arguments_of(command) == (*head, -2, LOG[1], action, text, asked(keys.log)[action])
    # In a shared layout only a session that is known is noted: an edit makes none.
    assert [(script_name(c), keys_of(c), arguments_of(c)) for c in ahead] == (
        [] if keys.together else [("note", (keys.sessions, keys.user), (b"chat", "XX"))]
    )


@each_edit
def test_an_edit_that_was_seen_by_the_script_answers_the_same(
    op: Operation, action: str, text: str | bytes, result: Any
) -> None:
    """Where the reply was lost and the driver sent it again."""
    assert play(op(), [LOG], done(1, 1))[1] == result


@each_edit
def test_an_edit_under_a_key_asks_first_whether_it_was_done(
    op: Operation, action: str, text: str | bytes, result: Any
) -> None:
    """1 round trip more; else it would look for a message that it has removed itself."""
    batches, found = play(op(resent=True), [0, None], [LOG], done(1))
    # Renewed, so that the answer is a write that replicas can confirm.
    assert batches[0].commands == (RENEWED, (b"GET", OWN.op(TOKEN)))
    assert batches[0].writes is True
    assert found == result
    answered: list[Any] = [1, f"{asked(OWN.log)[action]}:1".encode()]
    after = [[element(2), text, element(0)]] if action in ("replace", "reword") else []
    for answer in (answered, [1, answered[1].decode()]):
        batches, found = play(op(resent=True), answer, *[[log] for log in after])
        assert found == result
        assert not any(batch.writes for batch in batches[1:])


def test_a_message_that_was_not_there_is_remembered_under_a_key() -> None:
    """A resend must not take out what was stored under that id since."""
    batches, found = play(remove(resent=True), [0, None], [[element(9)]], [None, 1])
    assert found is False
    token = (b"SET", OWN.op(TOKEN), f"{asked(OWN.log)['remove']}:0", b"PX", 60_000)
    assert batches[-1].commands == ((*token, b"NX", b"GET"), RENEWED)
    assert batches[-1].writes is True
    assert play(remove(resent=True), [1, f"{asked(OWN.log)['remove']}:0".encode()])[1] is False
    # The first call was still on its way, and took it out after the look at the token.
    done_since = [f"{asked(OWN.log)['remove']}:1".encode(), 1]
    assert play(remove(resent=True), [0, None], [[element(9)]], done_since)[1] is True
    # Nobody can send it again where the token is fresh.
    assert len(play(remove(), [[element(9)]])[0]) == 1


@edits
@pytest.mark.parametrize(
    "other", [b"dddddddd:1700", b"1", b"fork", b"7:1700000000000:ada", b"", b"a" * 16 + b":1"]
)
def test_a_key_that_was_used_for_something_else(op: Operation, other: bytes) -> None:
    """Nothing is done, and the caller learns it, whether it is asked first or by the script."""
    with pytest.raises(IdempotencyMismatch):
        play(op(resent=True), [1, other])
    with pytest.raises(IdempotencyMismatch):
        play(op(), [LOG], [[1, other, b""]])


@each_edit
def test_a_message_that_moved_is_found_again(
    op: Operation, action: str, text: str | bytes, result: Any
) -> None:
    """An older one was removed or cut meanwhile: the bytes are the same, the place is another."""
    batches, found = play(op(), [LOG], CHANGED, [LOG[:2]], CHANGED, [LOG], done(1))
    assert found == result
    places = [arguments_of(batch.commands[0])[5] for batch in batches if batch.writes]
    assert places == [-2, -1, -2]


@edits
def test_a_message_that_was_changed_is_a_conflict(op: Operation) -> None:
    """Other bytes under the same id: what was read is not there any more."""
    changed = [element(2), element(1, content="other"), element(0)]
    with pytest.raises(Conflict, match="changed by somebody else") as caught:
        play(op(), [LOG], CHANGED, [changed])
    assert type(caught.value) is Conflict


@edits
def test_an_edit_is_not_tried_for_ever(op: Operation) -> None:
    """A log that changes each time is a conflict after a bounded number of tries."""
    with pytest.raises(Conflict):
        play(op(), *[[LOG], CHANGED] * RESTARTS)


@edits
def test_a_refused_edit_is_not_tried_again(op: Operation) -> None:
    """An owner's refusal is a conflict too, but none that passes."""
    with pytest.raises(OwnerMismatch):
        play(op(), [LOG], [CommandError("OWNER", "")])


@pytest.mark.parametrize("op", [replace, rewind])
def test_a_message_that_is_not_there(op: Operation) -> None:
    """Nothing is sent that writes; also where it went while the edit was on its way."""
    with pytest.raises(NotFound):
        play(op(), [LOG[:1]])
    with pytest.raises(NotFound):
        play(op(), [LOG], CHANGED, [LOG[:1]])


def test_removing_what_is_not_there() -> None:
    """It is no error: what was wanted is so."""
    assert play(remove(), [LOG[:1]])[1] is False
    assert play(remove(), [LOG], CHANGED, [LOG[:1]])[1] is False


@edits
def test_a_repeated_id_is_a_conflict_before_anything_is_written(op: Operation) -> None:
    """No edit guesses which of them is meant."""
    with pytest.raises(Conflict) as caught:
        play(op(), [[element(1), element(1, content="other")]])
    assert len(vars(caught.value)["ids"]) == 2


def replacing(message: Message, log: list[bytes], *more: Any, **fields: Any) -> Message:
    """The second message is replaced with that; what the caller gets."""
    new = edit.New(message, fields.pop("limit", 1 << 20))
    message_id = fields.pop("message_id", "id-1")
    return play(edit.replace(writing(), message_id, new), [log], *more)[1]


def test_a_replaced_message_keeps_its_id_and_time() -> None:
    """Where the new one has no time of its own; all else is as given."""
    assert replacing(Message.user("new"), LOG, done(0)) == stored("new")
    own = Message.assistant("a", created_at=stored("x", at=5).created_at)
    found = replacing(own, LOG, done(0))
    assert (found.role, found._at, found.id) == ("assistant", 5, "id-1")


def test_a_message_derived_from_another_state_is_a_conflict() -> None:
    """Somebody changed it between the reading and the deriving of the new one."""
    old = codec.decode(element(1, content="as it was"), key="", position=-2)
    new = old.replace(content="new")
    with pytest.raises(Conflict, match="changed by somebody else"):
        replacing(new, LOG)
    current = codec.decode(LOG[1], key="", position=-2)
    assert replacing(current.replace(content="new"), LOG, done(0)).text == "new"
    # Derived from another message, it is a new text like any other.
    other = codec.decode(LOG[0], key="", position=-1).replace(content="new", id=None)
    assert replacing(other, LOG, done(0)).id == "id-1"


def test_a_message_derived_twice_is_still_bound_to_what_was_read() -> None:
    """Each derivation keeps what it began with."""
    current = codec.decode(LOG[1], key="", position=-2)
    twice = current.replace(content="a").replace(content="b")
    assert replacing(twice, LOG, done(0)).text == "b"
    with pytest.raises(Conflict):
        replacing(twice, [LOG[0], element(1, content="other"), LOG[2]])


def test_a_message_that_is_there_already_is_no_conflict() -> None:
    """An earlier call stored it, whose answer was lost; the script still checks the owner."""
    old = codec.decode(LOG[1], key="", position=-2)
    new = old.replace(content="new")
    there = codec.element(codec.stored_as(new, "id-1", None))
    for message, lies in ((old, LOG[1]), (new, there)):
        op = edit.replace(writing(), "id-1", edit.New(message, 1 << 20))
        batches, found = play(op, [[LOG[0], lies, LOG[2]]], done(0))
        assert codec.element(found) == lies
        assert arguments_of(batches[1].commands[0])[6] == lies


def test_a_message_without_an_id_gets_that_of_its_place() -> None:
    """It stores it, so that it is found under it wherever it moves."""
    place = _places.derived_id(FOREIGN, -2)
    new = edit.New(Message.user("new"), 1 << 20)
    batches, found = play(edit.replace(writing(), place, new), [FOREIGN], done(0))
    assert (found.id, found._at) == (place, None)
    assert arguments_of(batches[1].commands[0])[5:8] == (-2, FOREIGN, "replace")
    derived = codec.decode(FOREIGN, key="", position=-2).replace(content="new")
    op = edit.replace(writing(), place, edit.New(derived, 1 << 20))
    assert play(op, [FOREIGN], done(0))[1].id == place


def test_a_repeated_message_that_is_named_by_its_place_keeps_its_own_id() -> None:
    """The id of its place only says which one is meant."""
    raw = element(1)
    place = _places.derived_id(raw, -2)
    new = edit.New(Message.user("new"), 1 << 20)
    [_, write], found = play(edit.replace(writing(), place, new), [raw], done(0))
    assert found.id == "id-1"
    assert arguments_of(write.commands[0])[5:7] == (-2, raw)


def test_a_damaged_element_can_be_replaced_and_removed() -> None:
    """It is addressed by its place; that is how a session is mended."""
    place = _places.derived_id(b"{", -2)
    new = edit.New(Message.user("mended"), 1 << 20)
    _, found = play(edit.replace(writing(), place, new), [b"{"], done(0))
    assert (found.id, found.text) == (place, "mended")
    assert play(edit.remove(writing(), place), [b"{"], done(1))[1] is True


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    """With both numbers, after the message was found: its time counts."""
    size = len(codec.element(stored("new")))
    with pytest.raises(MessageTooLarge) as caught:
        replacing(Message.user("new"), LOG, limit=size - 1)
    assert (caught.value.size, caught.value.limit) == (size, size - 1)
    assert replacing(Message.user("new"), LOG, done(0), limit=size)


def test_a_new_message_with_another_id_is_refused() -> None:
    """It would be found under neither; with the same one it is fine."""
    with pytest.raises(InvalidMessage, match="keeps its id"):
        replacing(Message.user("new", id="id-7"), LOG)
    assert replacing(Message.user("new", id="id-1"), LOG, done(0)).id == "id-1"
