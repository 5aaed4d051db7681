"""``max_messages``: the oldest go, in whole groups, and what must stay does."""

from __future__ import annotations

import random

import pytest

from redialog.errors import ConfigurationError
from redialog.messages import Message
from redialog.sync import ChatMemory
from redialog.testing.conformance._tools import LAYOUTS, Part, Store, element, numbered, texts
from redialog.toolcalls import ToolCall

LEADING = 16


def _group(name: str, results: int) -> list[Message]:
    """A call with so many results."""
    calls = [ToolCall("f", {}, f"{name}.{number}") for number in range(results)]
    answers = [Message.tool(f"{name}.{n}", tool_call_id=f"{name}.{n}") for n in range(results)]
    return [Message.assistant(name, tool_calls=calls), *answers]


def _kept(messages: list[Message], cap: int) -> list[Message]:
    """What an append leaves of these, by the rule as it is documented."""
    if len(messages) <= cap:
        return messages
    leading = 0
    while leading < LEADING and messages[leading].role == "system":
        leading += 1
    leading = min(leading, cap - 1)
    start = len(messages) - (cap - leading)
    first = start
    while first < len(messages) and messages[first].role == "tool":
        first += 1
    if first == len(messages):
        first = start
        while messages[first].role == "tool" and first > 0:
            first -= 1
        if not messages[first].tool_calls:
            first = start
    return messages[:leading] + messages[max(first, leading) :]


class Retention(Part):
    """Sessions that hold only so many messages."""

    @LAYOUTS
    def test_the_newest_stay_and_the_others_are_counted(
        self, store: Store, prefix: str | None
    ) -> None:
        """One at a time, many at once, and more at once than the session may hold."""
        chat = store.memory(key_prefix=prefix, max_messages=5).session("s")
        total = 0
        for count in (3, 2, 1, 1, 4, 5, 6, 12, 1001, 1, 2500):
            stored = chat.append(*numbered(count, total))
            total += count
            assert len(stored) == count
            expected = [str(number) for number in range(max(0, total - 5), total)]
            assert texts(chat.messages()) == expected
            info = chat.info()
            assert (info.count, info.trimmed) == (min(total, 5), max(0, total - 5))

    @LAYOUTS
    def test_no_result_is_left_without_its_call(self, store: Store, prefix: str | None) -> None:
        """A cut into a group takes the rest of it; the newest group stays whole, however long."""
        memory = store.memory(key_prefix=prefix, max_messages=4)
        chat = memory.session("s")
        chat.append(Message.user("q"), *_group("g", 2))
        chat.append(Message.assistant("a"))
        assert texts(chat.messages()) == ["g", "g.0", "g.1", "a"]
        chat.append(Message.user("q2"))
        assert texts(chat.messages()) == ["a", "q2"]
        chat.append(*_group("long", 6))
        assert texts(chat.messages()) == ["long", *(f"long.{n}" for n in range(6))]
        chat.append(Message.assistant("b"))
        assert texts(chat.messages()) == ["b"]

    @LAYOUTS
    def test_instructions_at_the_beginning_stay(self, store: Store, prefix: str | None) -> None:
        """At most 16 system messages, and always room for one message more."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("few", max_messages=4)
        chat.append(Message.system("s1"), Message.system("s2"), *numbered(5))
        assert texts(chat.messages()) == ["s1", "s2", "3", "4"]
        chat.append(Message.system("later"), *numbered(2, 5))
        assert texts(chat.messages()) == ["s1", "s2", "5", "6"]
        chat = memory.session("only", max_messages=3)
        chat.append(*(Message.system(f"s{n}") for n in range(5)))
        chat.append(Message.user("q"))
        assert texts(chat.messages()) == ["s0", "s1", "q"]
        chat = memory.session("many", max_messages=20)
        chat.append(*(Message.system(f"s{n}") for n in range(20)), *numbered(10))
        assert texts(chat.messages()) == [f"s{n}" for n in range(16)] + ["6", "7", "8", "9"]

    @LAYOUTS
    @pytest.mark.parametrize("cap", [1, 7, 40])
    def test_any_conversation_is_cut_by_the_rule(
        self, store: Store, prefix: str | None, cap: int
    ) -> None:
        """Appends of all kinds of messages, against the rule in plain Python."""
        chance = random.Random(cap)  # noqa: S311 - a conversation, not a secret
        chat = store.memory(key_prefix=prefix, max_messages=cap).session("s")
        expected: list[Message] = []
        trimmed = 0
        for turn in range(15):
            batch: list[Message] = []
            if turn == 0:
                batch += [Message.system(f"s{n}") for n in range(chance.randrange(4))]
            for _ in range(chance.randint(1, 6)):
                kind = chance.randrange(4)
                if kind == 0:
                    batch += _group(f"{turn}", chance.choice((1, 2, 5, 60)))
                elif kind == 1:
                    batch.append(Message.tool("late", tool_call_id="gone"))
                else:
                    batch.append(chance.choice((Message.user, Message.assistant))(f"{turn}"))
            whole = expected + chat.append(*batch)
            expected = _kept(whole, cap)
            trimmed += len(whole) - len(expected)
            assert chat.messages() == expected
            assert chat.info().trimmed == trimmed

    @LAYOUTS
    def test_owner_and_title_outlive_the_oldest_messages(
        self, store: Store, prefix: str | None
    ) -> None:
        """They are anchored anew when the messages that they were anchored in go."""
        memory = store.memory(key_prefix=prefix, max_messages=2)
        chat = memory.session("s", user_id="ada", ttl=100)
        chat.append(Message.user("x"))
        chat.set_title("t")
        for start in range(0, 12, 3):
            chat.append(*numbered(3, start))
            info = memory.session("s").info()
            assert (info.user_id, info.title, info.count) == ("ada", "t", 2)
        assert [one.session_id for one in memory.sessions("ada")] == ["s"]

    def test_a_resend_trims_once(self, store: Store) -> None:
        """The same append again under its key takes nothing more away."""
        for count in (2, 1001):
            chat = store.memory(max_messages=3).session(f"s{count}")
            chat.append(*numbered(3))
            for _ in range(3):
                chat.append(*numbered(count, 3), idempotency_key="k")
            assert texts(chat.messages()) == [str(n) for n in range(count, count + 3)]
            assert chat.info().trimmed == count

    def test_each_handle_has_its_own_limit(self, memory: ChatMemory) -> None:
        """One without a limit removes nothing; one with it brings the session down."""
        memory.session("s").append(*numbered(10))
        memory.session("s", max_messages=None).append(Message.user("10"))
        assert memory.session("s").count() == 11
        memory.session("s", max_messages=4).append(Message.user("11"))
        assert texts(memory.session("s").messages()) == ["8", "9", "10", "11"]
        memory.session("s", max_messages=4).set_title("t")
        memory.session("s").append(*numbered(5))
        assert memory.session("s").count() == 9

    def test_foreign_elements_are_trimmed_too(self, store: Store) -> None:
        """Another library's messages go like any, damaged ones as well."""
        store.raw.lpush("s", *(element(f"f{n}") for n in range(5)), b"{broken", element("f6"))
        chat = store.memory(key_prefix="", max_messages=3).session("s")
        chat.append(Message.user("mine"))
        assert [message.role for message in chat.messages()] == ["damaged", "user", "user"]
        chat.append(Message.user("more"))
        assert texts(chat.messages()) == ["f6", "mine", "more"]
        assert chat.info().trimmed == 6

    def test_an_unusable_limit_is_refused_at_once(self, memory: ChatMemory) -> None:
        """Zero, negative, fractional, boolean and text."""
        for wrong in (0, -1, 1.5, True, "3"):
            with pytest.raises(ConfigurationError):
                memory.session("s", max_messages=wrong)  # type: ignore[arg-type]
