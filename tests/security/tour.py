"""All that a memory does, in one walk, told so that two walks can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import redis

from redialog import ChatMemory, Message, RedialogError, RollingSummary
from redialog.testing.conformance._tools import keys_of
from tests.support import rules

Connect: TypeAlias = Callable[[str | None], ChatMemory]
Step: TypeAlias = tuple[str, Callable[[], object]]
PREFIX = "message_store:"


def tour(connect: Connect, raw: redis.Redis) -> dict[str, object]:
    """What each step gives or is refused with, which keys are left, which commands were refused.

    Args:
        connect: gives a memory for a `key_prefix`.
        raw: an administrator of the same server.
    """
    raw.flushall()
    raw.acl_log_reset()
    # Each script is to be sent once with its text.
    raw.script_flush()
    told: dict[str, object] = {}
    for prefix in (None, PREFIX):
        with connect(prefix) as memory:
            for name, step in _steps(memory, raw, prefix):
                told[f"{name}, {prefix}"] = _told(step)
    keys: list[Any] = raw.keys("*")
    told["keys"] = sorted(_shape(key) for key in keys if b":op:" not in key)
    # Of what is only tidying, a refusal is not seen elsewhere.
    log: list[Any] = raw.acl_log()
    told["refused"] = sorted({entry["object"] for entry in log} & set(rules.commands()))
    return told


def _told(step: Callable[[], object]) -> object:
    try:
        found = step()
    except (RedialogError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    return list(map(_plain, found)) if isinstance(found, list) else _plain(found)


def _plain(found: object) -> object:
    """What does not differ from walk to walk."""
    text = getattr(found, "text", None)
    if isinstance(text, str):
        return text
    return found if isinstance(found, bool | int | str | None) else type(found).__name__


def _shape(key: bytes) -> str:
    """A key without the token that is in it."""
    head, stage, _ = key.decode().partition(":stage:")
    return head + stage


def _summarise(previous: str | None, messages: Sequence[Message]) -> str:
    return f"{len(messages)} after {previous}"


def _fail(previous: str | None, messages: Sequence[Message]) -> str:
    raise ValueError


def _policy(summariser: Any, **options: Any) -> RollingSummary:
    return RollingSummary(summariser, trigger_tokens=10, keep_turns=1, **options)


def _talk(count: int) -> list[Message]:
    roles = (Message.user, Message.assistant)
    return [roles[number % 2](f"message {number}", id=f"m{number}") for number in range(count)]


def _steps(memory: ChatMemory, raw: redis.Redis, prefix: str | None) -> Iterator[Step]:
    yield "ping", memory.ping
    yield from _writing(memory)
    yield from _lives(memory)
    yield from _listing(memory, raw, prefix)
    yield from _folding(memory)
    yield from _refusals(memory, raw, prefix)


def _writing(memory: ChatMemory) -> Iterator[Step]:
    chat = memory.session("a", user_id="ada")
    yield "append", lambda: chat.append(*_talk(6))
    yield "again", lambda: chat.append(Message.user("once"), idempotency_key="k")
    yield "again2", lambda: chat.append(Message.user("once"), idempotency_key="k")
    yield "append without an owner", lambda: memory.session("a").append(Message.user("x"))
    yield "many", lambda: len(memory.session("many").append(*_talk(2500)))
    yield "read", chat.messages
    yield "window", lambda: chat.window(turns=2)
    yield "context", lambda: chat.context(max_tokens=50).messages
    first, second, third = (f"m{number}" for number in range(3))
    yield "get", lambda: chat.get(first)
    yield "replace", lambda: chat.replace(first, Message.user("new"), idempotency_key="r")
    yield "replace again", lambda: chat.replace(first, Message.user("new"), idempotency_key="r")
    yield "remove", lambda: chat.remove(second)
    yield "remove what is not there", lambda: chat.remove("nobody", idempotency_key="n")
    yield "rewind", lambda: chat.rewind(third)
    yield "cap", lambda: memory.session("a", max_messages=3).append(*_talk(4))
    told = (Message.system("be brief"), *_talk(9))
    yield "cap beside system", lambda: memory.session("c", max_messages=4).append(*told)
    yield "fork", lambda: chat.fork("b").id
    yield "fork of many", lambda: len(memory.session("many").fork("many2").messages())
    yield "fork again", lambda: chat.fork("b", idempotency_key="f").id


def _lives(memory: ChatMemory) -> Iterator[Step]:
    chat = memory.session("life", ttl=600)
    yield "begin", lambda: chat.append(*_talk(2))
    yield "title", lambda: chat.set_title("one")
    yield "no title", lambda: chat.set_title(None)
    yield "expire", lambda: chat.expire(1000)
    yield "persist", chat.persist
    yield "touch", chat.touch
    yield "info", lambda: chat.info().count
    yield (
        "fixed",
        lambda: memory.session("life", ttl=60, ttl_mode="fixed").append(Message.user("x")),
    )
    yield "on read", lambda: memory.session("life", ttl=60, ttl_mode="on_read").messages()
    yield "emptied", lambda: [chat.remove(one.id or "") for one in chat.messages()]
    yield "clear", memory.session("many").clear


def _listing(memory: ChatMemory, raw: redis.Redis, prefix: str | None) -> Iterator[Step]:
    yield "begin gone", lambda: memory.session("gone", user_id="ada").append(*_talk(1))
    raw.delete(keys_of("gone", prefix=prefix).log)
    yield "listing", lambda: sorted(info.session_id for info in memory.sessions())
    yield "of a user", lambda: sorted(info.session_id for info in memory.sessions("ada"))
    yield "latest", lambda: memory.latest_session_id(user_id="ada") is not None


def _folding(memory: ChatMemory) -> Iterator[Step]:
    chat = memory.session("f")
    yield "talk", lambda: chat.append(*_talk(20))
    yield "fold", lambda: chat.compact(_policy(_summarise))
    yield "fold badly", lambda: chat.compact(_policy(_fail))
    yield "more", lambda: chat.append(*_talk(20))
    yield "fold more", lambda: chat.compact(_policy(_summarise, retention="drop"))
    yield "summaries", lambda: list(chat.summaries())
    yield "fork with a summary", lambda: chat.fork("g").id
    yield "context of it", lambda: chat.context().messages


def _refusals(memory: ChatMemory, raw: redis.Redis, prefix: str | None) -> Iterator[Step]:
    yield "hers", lambda: memory.session("hers", user_id="ada").append(*_talk(1))
    yield "his", lambda: memory.session("hers", user_id="bob").append(*_talk(1))
    raw.set(keys_of("wrong", prefix=prefix).log, "text")
    yield "wrong type", lambda: memory.session("wrong").append(*_talk(1))
