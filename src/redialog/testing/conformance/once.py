"""Exactly once: what an idempotency key promises, for every mutation."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from redialog.errors import ConfigurationError, IdempotencyMismatch
from redialog.messages import Message
from redialog.sync import ChatMemory, Session
from redialog.testing.conformance._tools import (
    LAYOUTS,
    Part,
    Store,
    forget_tokens,
    keys_of,
    numbered,
    texts,
    tokens,
)


class Mutation(msgspec.Struct, frozen=True):
    """A call, and what others do before it is sent again.

    Attributes:
        call: of a session of the messages ``a``, ``b`` and ``c``; takes the idempotency key.
        between: what is acknowledged between the first call and its resend.
        same: whether the resend answers as the first did; else with what is there now.
    """

    call: Callable[[Session, str], object]
    between: Callable[[Session], object]
    same: bool = True


def _later(chat: Session) -> None:
    chat.append(Message.user("later", id="later"))


MUTATIONS = {
    "append": Mutation(
        lambda chat, key: chat.append(Message.user("x"), Message.user("y"), idempotency_key=key),
        lambda chat: chat.clear(),
    ),
    "large append": Mutation(
        lambda chat, key: chat.append(*numbered(1001), idempotency_key=key),
        lambda chat: chat.rewind("a"),
    ),
    "replace": Mutation(
        lambda chat, key: chat.replace("b", Message.user("new"), idempotency_key=key).id,
        lambda chat: chat.replace("b", Message.user("newer")),
    ),
    "remove": Mutation(
        lambda chat, key: chat.remove("b", idempotency_key=key),
        lambda chat: chat.append(Message.user("b again", id="b")),
    ),
    "remove of what is not there": Mutation(
        lambda chat, key: chat.remove("d", idempotency_key=key),
        lambda chat: chat.append(Message.user("d", id="d")),
    ),
    "rewind": Mutation(lambda chat, key: chat.rewind("a", idempotency_key=key), _later),
    "rewind of nothing": Mutation(lambda chat, key: chat.rewind("c", idempotency_key=key), _later),
    "fork": Mutation(
        lambda chat, key: chat.fork("copy", idempotency_key=key).id,
        lambda chat: chat.rewind("a"),
    ),
    "fork to a random id": Mutation(
        lambda chat, key: chat.fork(at="b", idempotency_key=key).id, _later
    ),
    "set_title": Mutation(
        lambda chat, key: chat.set_title("mine", idempotency_key=key),
        lambda chat: chat.set_title("theirs"),
    ),
    "clear": Mutation(lambda chat, key: chat.clear(idempotency_key=key), _later),
    "expire": Mutation(
        lambda chat, key: chat.expire(50, idempotency_key=key), lambda chat: chat.persist()
    ),
    "persist": Mutation(
        lambda chat, key: chat.persist(idempotency_key=key), lambda chat: chat.expire(50)
    ),
    "touch": Mutation(
        lambda chat, key: chat.touch(idempotency_key=key), lambda chat: chat.persist()
    ),
}


def _state(store: Store, memory: ChatMemory) -> list[object]:
    """All sessions with all that is known of them, but for the times of activity."""
    found: list[object] = []
    for info in sorted(memory.sessions(), key=lambda info: info.session_id):
        keys = keys_of(info.session_id)
        messages = store.raw.lrange(keys.log, 0, -1)
        companions = store.raw.hgetall(keys.meta)
        has_ttl = [store.raw.ttl(key) >= 0 for key in (keys.log, keys.meta)]
        found.append((info.session_id, info.title, info.user_id, messages, companions, has_ttl))
    return found


def _begun(memory: ChatMemory) -> Session:
    chat = memory.session("s", user_id="ada", ttl=100)
    chat.append(*(Message.user(text, id=text) for text in "abc"))
    return chat


class Once(Part):
    """Calls that are sent again under their key."""

    @pytest.mark.parametrize("name", MUTATIONS)
    def test_a_resend_changes_nothing(self, store: Store, name: str) -> None:
        """It answers as the first time, and undoes nothing that was acknowledged after it."""
        memory, mutation = store.memory(), MUTATIONS[name]
        chat = _begun(memory)
        first = mutation.call(chat, "k")
        mutation.between(chat)
        before = _state(store, memory)
        assert mutation.call(chat, "k") == first
        # From another handle, which names no user, too.
        assert mutation.call(memory.session("s"), "k") == first
        assert _state(store, memory) == before

    @pytest.mark.parametrize("name", ["clear", "rewind", "remove", "append"])
    def test_a_resend_in_a_shared_layout_hides_nothing(self, store: Store, name: str) -> None:
        """The catalogue lies in another slot there; the session stays listed."""
        memory, mutation = store.memory(key_prefix=""), MUTATIONS[name]
        chat = _begun(memory)
        first = mutation.call(chat, "k")
        _later(chat)
        before = store.raw.lrange("s", 0, -1)
        assert mutation.call(chat, "k") == first
        assert store.raw.lrange("s", 0, -1) == before
        for user_id in (None, "ada"):
            assert [info.session_id for info in memory.sessions(user_id)] == ["s"]

    @LAYOUTS
    def test_a_key_belongs_to_one_session_and_lives_a_minute(
        self, store: Store, prefix: str | None
    ) -> None:
        """Two sessions can use the same; after its time it is a new one."""
        memory = store.memory(key_prefix=prefix)
        one, two = memory.session("one"), memory.session("two")
        for chat in (one, two, one, two):
            chat.append(Message.user("x"), idempotency_key="k")
        assert (one.count(), two.count()) == (1, 1)
        forget_tokens(store.raw)
        one.append(Message.user("x"), idempotency_key="k")
        assert one.count() == 2

    def test_a_key_that_was_used_for_an_append_is_refused(self, store: Store) -> None:
        """It would do nothing and look as if it had; so it is an error, and nothing is done."""
        memory = store.memory()
        chat = _begun(memory)
        chat.append(Message.user("x", id="x"), idempotency_key="k")
        before = _state(store, memory)
        for name, mutation in MUTATIONS.items():
            # A fork's key is remembered beside the new session.
            if not name.startswith(("append", "fork")):
                with pytest.raises(IdempotencyMismatch):
                    mutation.call(chat, "k")
        assert _state(store, memory) == before

    def test_a_key_of_an_append_is_told_from_that_of_a_clear(self, store: Store) -> None:
        """Also where what the server remembers of the append could be a number of messages."""
        chat = store.memory().session("s")
        chat.append(Message.user("x"), idempotency_key="k")
        [token] = tokens(store.raw)
        store.raw.set(token, b"12345678:1700000000000")
        with pytest.raises(IdempotencyMismatch):
            chat.clear(idempotency_key="k")
        assert chat.count() == 1

    def test_a_key_for_other_messages_is_refused(self, memory: ChatMemory) -> None:
        """A key that is used twice for different messages would lose the second: an error."""
        chat = memory.session()
        chat.append(Message.user("q"), idempotency_key="k")
        with pytest.raises(IdempotencyMismatch):
            chat.append(Message.user("another"), idempotency_key="k")
        with pytest.raises(IdempotencyMismatch):
            chat.append(*numbered(1001), idempotency_key="k")
        assert texts(chat.messages()) == ["q"]

    def test_an_unusable_key_is_refused_at_once(self, memory: ChatMemory) -> None:
        """Empty, no text, or half of an emoji, in every mutation."""
        chat = _begun(memory)
        for mutation in MUTATIONS.values():
            for wrong in ("", 7, "\ud83d"):
                with pytest.raises(ConfigurationError):
                    mutation.call(chat, wrong)  # type: ignore[arg-type]
        assert texts(chat.messages()) == ["a", "b", "c"]

    def test_any_text_is_a_key(self, memory: ChatMemory) -> None:
        """Braces, spaces and 100 kB: all in the session's slot."""
        chat = memory.session("s")
        keys = ["{x}", "a b", "\x00", "😀", "k" * 100_000, "}", "{}"]
        for key in keys * 2:
            chat.append(Message.user(key[:3]), idempotency_key=key)
        assert chat.count() == len(keys)
