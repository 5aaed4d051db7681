"""Arguments are checked before anything is sent, and every append carries its token."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from redialog import ConfigurationError, InvalidMessage, InvalidTTL, Message, MessageTooLarge
from redialog.effect import Batch, Op
from redialog.plan import SessionPlan
from redialog.settings import settings

SECRET = "locker code 4417"


def plan(session_id: str | None = "chat", **changes: Any) -> SessionPlan:
    """The plan of a session of a memory with these settings."""
    return SessionPlan(settings(**({"namespace": "n"} | changes)), session_id, None)


def batch_of(op: Op[Any]) -> Batch:
    """The first batch of an operation, but for the look at the catalogue that some appends take."""
    batch = next(op)
    if batch.commands[0][0] == b"ZRANGE":
        batch = op.send([[]] * len(batch.commands))
    return batch


def elements_of(batch: Batch) -> list[dict[str, Any]]:
    """The stored messages in the batch of an append."""
    [command] = batch.commands
    texts = [arg for arg in command if isinstance(arg, bytes) and arg.startswith(b'{"type"')]
    return [json.loads(text) for text in texts]


def test_expire_needs_a_ttl() -> None:
    """None leaves a ttl alone elsewhere, so here it would do nothing; the error says what does."""
    nothing: Any = None
    with pytest.raises(InvalidTTL, match="persist"):
        plan().expire(nothing, None)


def test_the_limit_counts_the_stored_bytes() -> None:
    """A message of just the limit is taken, one byte more is refused with both numbers."""
    message = Message.user("é" * 100, id="1")
    with pytest.raises(MessageTooLarge) as caught:
        plan(max_message_bytes=190).append([Message.user("x"), message], None)
    assert caught.value.limit == 190
    exact = caught.value.size
    [stored] = elements_of(batch_of(plan().append([message], None)))
    assert exact == len(json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode())
    assert batch_of(plan(max_message_bytes=exact).append([message], None))
    with pytest.raises(MessageTooLarge):
        plan(max_message_bytes=exact - 1).append([message], None)


@pytest.mark.parametrize("key", ["", 5, b"key", ["key"], True, "\ud83d"])
def test_idempotency_keys_that_are_refused(key: Any) -> None:
    """A key is text and not empty; one that is refused is refused for no messages as well."""
    for messages in ([Message.user(SECRET)], []):
        with pytest.raises(ConfigurationError, match="idempotency_key") as caught:
            plan().append(messages, key)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("turns", "messages"),
    [(None, None), (1, 1), (-1, None), (None, -1), (True, None), (1.0, None), ("1", None)],
)
def test_windows_that_are_refused(turns: Any, messages: Any) -> None:
    """A window is so many turns or so many messages, a whole number of at least 0."""
    with pytest.raises(ConfigurationError):
        plan().window(turns, messages, strict=False)


def test_an_append_of_nothing_asks_nothing() -> None:
    """It yields no batch and gives no messages."""
    with pytest.raises(StopIteration) as stop:
        next(plan().append([], None))
    assert stop.value.value == []


def test_a_session_without_an_id_gets_a_random_one() -> None:
    """Each such handle is a session of its own."""
    ids = {plan(None).session_id for _ in range(100)}
    assert len(ids) == 100


def test_a_bad_message_stops_the_whole_append() -> None:
    """All messages are checked before the first is sent."""
    bad: Any = {"role": "nobody", "content": SECRET}
    with pytest.raises(InvalidMessage) as caught:
        plan().append([Message.user("fine"), bad], None)
    assert SECRET not in str(caught.value)


def token_of(batch: Batch) -> str:
    """The token that stands in the key that remembers an operation."""
    [command] = batch.commands
    head = plan().keys.op("")
    [found] = [part for part in command if isinstance(part, bytes) and part.startswith(head)]
    return found.removeprefix(head).decode()


def token_in(batch: Batch) -> str:
    """The token of whichever session's operation, in any layout."""
    parts = [p for command in batch.commands for p in command if isinstance(p, bytes)]
    [found] = {match for part in parts for match in re.findall(rb"\}:op:([tk]\w+)$", part)}
    assert isinstance(found, bytes)
    return found.decode()


def test_every_append_has_a_token_of_its_own() -> None:
    """The token stands in the key that remembers it, and can be used to send the append again."""
    batches = [batch_of(plan().append([Message.user("x")], None)) for _ in range(50)]
    assert len({token_of(batch) for batch in batches}) == 50
    for batch in batches:
        assert batch.writes is True
        assert batch.resend_key == token_of(batch)


def writes(of: SessionPlan, key: str | None = None) -> dict[str, Op[Any]]:
    """Every write of one call but an append, under a key or none."""
    return {
        "clear": of.clear(key),
        "expire": of.expire(60, key),
        "persist": of.persist(key),
        "touch": of.touch(key),
        "set_title": of.set_title("T", key),
        "remove": of.remove("id-1", key),
        "rewind": of.rewind("id-1", key),
        "replace": of.replace("id-1", Message.user("x"), key),
        "fork": of.fork(None, None, key)[1],
    }


def publishing(name: str, op: Op[Any]) -> Batch:
    """The batch of a write that changes something; what comes before it finds one message."""
    batch = next(op)
    while not batch.writes:
        names = [command[0] for command in batch.commands]
        message = b'{"type":"human","data":{"content":"","id":"id-1"}}'
        copied = [1, -1, b"", []]
        replies: dict[Any, Any] = {
            b"GET": None,
            b"SET": None,
            b"LRANGE": [message],
            b"EVALSHA": copied,
        }
        batch = op.send([replies.get(command, 0) for command in names])
    return batch


WRITES = sorted(writes(plan()))


@pytest.mark.parametrize("name", WRITES)
def test_every_write_has_a_token_of_its_own(name: str) -> None:
    """It can be passed as a key to the same call, and then stands for the very same token."""
    batches = [publishing(name, writes(plan())[name]) for _ in range(20)]
    keys = {batch.resend_key for batch in batches}
    assert len(keys) == 20
    for batch in batches:
        assert batch.resend_key is not None
        again = publishing(name, writes(plan(), batch.resend_key)[name])
        assert token_in(again) == token_in(batch) == batch.resend_key
        assert again.resend_key == batch.resend_key


@pytest.mark.parametrize("name", WRITES)
def test_a_write_under_a_key_says_the_same_each_time(name: str) -> None:
    """In any process: same token, same arguments; and another key is another operation."""
    one, other, third = (
        publishing(name, writes(plan(), key)[name]) for key in ("k", "k", "another")
    )
    assert one == other
    assert one.resend_key == "k"
    assert token_in(one) != token_in(third)
    assert token_in(one) != "k"


@pytest.mark.parametrize("name", WRITES)
def test_keys_of_different_sessions_do_not_meet(name: str) -> None:
    """The same key in another session is another operation."""
    one, other = (publishing(name, writes(plan(sid), "k")[name]) for sid in ("a", "b"))
    assert token_in(one) != token_in(other)


@pytest.mark.parametrize("key", ["", 5, b"key", "\ud83d"])
@pytest.mark.parametrize("name", WRITES)
def test_idempotency_keys_that_any_write_refuses(name: str, key: Any) -> None:
    """At once, before anything is asked."""
    with pytest.raises(ConfigurationError, match="idempotency_key"):
        writes(plan(), key)[name]


def test_reads_have_no_token() -> None:
    """There is nothing to send again."""
    for op in (plan().info(), plan().window(1, None, strict=False), plan().get("id-1")):
        assert (batch_of(op).writes, batch_of(plan().info()).resend_key) == (False, None)


def test_the_same_key_gives_the_same_token_and_ids() -> None:
    """Two processes that send the same append under the same key send the same messages."""
    first, second = (
        batch_of(plan().append([Message.user("x"), Message.assistant("y")], "order-1"))
        for _ in range(2)
    )
    assert first.resend_key == second.resend_key == "order-1"
    assert token_of(first) == token_of(second) != "order-1"
    ids = [[e["data"]["id"] for e in elements_of(batch)] for batch in (first, second)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


@pytest.mark.parametrize("key", ["order-1", "k" + "0" * 32, "t" + "0" * 28, "{ü}", None])
def test_what_an_error_says_to_send_again_is_that_operation(key: str | None) -> None:
    """The key that an error names, passed to an append, stands for the very same token."""
    said: list[Any] = [Message.user("x"), {"role": "assistant", "content": "y"}]
    first = batch_of(plan().append(said, key))
    assert first.resend_key is not None
    assert key in (None, first.resend_key)
    again = batch_of(plan().append(said, first.resend_key))
    assert token_of(again) == token_of(first)
    assert again.resend_key == first.resend_key
    ids = [[e["data"]["id"] for e in elements_of(batch)] for batch in (first, again)]
    assert ids[0] == ids[1]


def test_a_fresh_token_sent_again_is_the_same_to_the_byte() -> None:
    """The token of an error, used as a key, gives the same batch: also the same times."""
    first = batch_of(plan().append([Message.user("x")], None))
    assert first.resend_key is not None
    assert batch_of(plan().append([Message.user("x")], first.resend_key)) == first


def digest(messages: list[Any], key: str) -> str:
    """The digest among the arguments of an append."""
    [command] = batch_of(plan().append(messages, key)).commands
    texts = [part for part in command if isinstance(part, str)]
    [found] = [match for text in texts for match in re.findall(r"^([0-9a-f]{8}):", text)]
    assert isinstance(found, str)
    return found


def test_the_digest_says_what_is_appended() -> None:
    """It is the same for the same messages, and another for any other content, role or split."""
    said = [Message.user("x"), Message.assistant("y")]
    assert digest(said, "k") == digest(list(said), "k")
    others: list[list[Any]] = [
        [Message.user("x"), Message.assistant("z")],
        [Message.user("x"), Message.user("y")],
        [Message.user("xy")],
        [Message.assistant("y"), Message.user("x")],
        [Message.user("x")],
        [Message.user("x", metadata={"a": 1}), Message.assistant("y")],
    ]
    found = {digest(other, "k") for other in [said, *others]}
    assert len(found) == 1 + len(others)
