"""Arguments are checked before anything is sent, and every append carries its token."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from redialog import ConfigurationError, InvalidMessage, InvalidTTL, Message, MessageTooLarge
from redialog.effect import Batch, Op
from redialog.plan import MAX_MESSAGE_BYTES, UNSET, SessionPlan, settings, ttl_to_ms

DAY_MS = 24 * 60 * 60 * 1000
SECRET = "locker code 4417"


def plan(session_id: str | None = "chat", **changes: Any) -> SessionPlan:
    """The plan of a session of a memory with these settings."""
    known: dict[str, Any] = {
        "namespace": "n",
        "key_prefix": None,
        "ttl": None,
        "max_message_bytes": MAX_MESSAGE_BYTES,
    }
    return SessionPlan(settings(**(known | changes)), session_id, None, UNSET)


def batch_of(op: Op[Any]) -> Batch:
    """The first batch of an operation."""
    return next(op)


def elements_of(batch: Batch) -> list[dict[str, Any]]:
    """The stored messages in the batch of an append."""
    [command] = batch.commands
    texts = [arg for arg in command if isinstance(arg, bytes) and arg.startswith(b'{"type"')]
    return [json.loads(text) for text in texts]


@pytest.mark.parametrize(
    ("ttl", "ms"),
    [
        (None, None),
        (1, 1000),
        (1.5, 1500),
        (0.0001, 1),
        (5e-324, 1),
        (timedelta(hours=24), DAY_MS),
        (timedelta(days=400, milliseconds=1), 400 * DAY_MS + 1),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=1, microseconds=500_000), 1500),
        (3600 * 24 * 365 * 4000, 3600 * 24 * 365 * 4000 * 1000),
    ],
    ids=str,
)
def test_a_ttl_in_milliseconds(ttl: Any, ms: int | None) -> None:
    """Durations and seconds become whole milliseconds, at least one; days are not forgotten."""
    assert ttl_to_ms(ttl) == ms


@pytest.mark.parametrize(
    "ttl",
    [
        0,
        0.0,
        -0.0,
        -1,
        -0.001,
        math.nan,
        math.inf,
        -math.inf,
        10**30,
        10**400,
        -(10**400),
        1e300,
        True,
        False,
        "5",
        "",
        b"5",
        Decimal(5),
        [5],
        timedelta(0),
        timedelta(seconds=-1),
        timedelta.min,
        timedelta.max,
        UNSET,
    ],
    ids=lambda ttl: repr(ttl)[:20],
)
def test_a_ttl_that_is_none(ttl: Any) -> None:
    """Zero, negative, endless or of another type: an error at once, wherever a ttl is given."""
    with pytest.raises(InvalidTTL):
        ttl_to_ms(ttl)
    with pytest.raises(InvalidTTL):
        plan(ttl=ttl)
    with pytest.raises(InvalidTTL):
        plan().expire(ttl)
    if ttl is not UNSET:
        with pytest.raises(InvalidTTL):
            SessionPlan(settings("n", None, None, 1), "s", None, ttl)


def test_expire_needs_a_ttl() -> None:
    """None leaves a ttl alone elsewhere, so here it would do nothing; the error says what does."""
    nothing: Any = None
    with pytest.raises(InvalidTTL, match="persist"):
        plan().expire(nothing)


def test_a_session_has_the_memorys_ttl_unless_it_has_its_own() -> None:
    """Not given is inherited; None is no ttl."""
    config = settings("n", None, 60, 1)
    assert SessionPlan(config, "s", None, UNSET).ttl_ms == 60_000
    assert SessionPlan(config, "s", None, None).ttl_ms is None
    assert SessionPlan(config, "s", None, timedelta(seconds=2)).ttl_ms == 2000


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "100", None, math.inf])
def test_limits_that_are_refused(limit: Any) -> None:
    """The limit of a message is a whole number of bytes."""
    with pytest.raises(ConfigurationError, match="max_message_bytes"):
        plan(max_message_bytes=limit)


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


@pytest.mark.parametrize("namespace", ["", None, 5, b"n", ["n"], "\ud83d", "n" * 5000])
def test_namespaces_that_are_refused(namespace: Any) -> None:
    """A memory with a wrong namespace cannot be made."""
    with pytest.raises(ConfigurationError, match="namespace"):
        plan(namespace=namespace)


@pytest.mark.parametrize("prefix", [5, b"p:", ["p:"], True, "\ud83d"])
def test_prefixes_that_are_refused(prefix: Any) -> None:
    """A memory with a wrong prefix cannot be made; the empty one is right."""
    with pytest.raises(ConfigurationError, match="key_prefix"):
        plan(key_prefix=prefix)
    assert plan(key_prefix="").keys.log == b"chat"


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


def test_every_append_has_a_token_of_its_own() -> None:
    """The token stands in the key that remembers it, and can be used to send the append again."""
    batches = [batch_of(plan().append([Message.user("x")], None)) for _ in range(50)]
    assert len({token_of(batch) for batch in batches}) == 50
    for batch in batches:
        assert batch.writes is True
        assert batch.resend_key == token_of(batch)


def test_other_writes_have_tokens_that_nobody_can_resend() -> None:
    """Each has one of its own, but there is no argument that would take it."""
    made = [
        plan().clear(),
        plan().expire(60),
        plan().persist(),
        plan().touch(),
        plan(key_prefix="").clear(),
        plan(key_prefix="").touch(),
    ]
    batches = [batch_of(op) for op in made]
    assert [(batch.writes, batch.resend_key) for batch in batches] == [(True, None)] * len(made)
    assert len({token_of(batch) for batch in batches[:4]}) == 4
    for op in (plan().info(), plan().window(1, None, strict=False)):
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
