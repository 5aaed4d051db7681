"""Derived ids: messages that another library stored without one can be addressed all the same."""

from __future__ import annotations

import re

import pytest

from redialog.errors import Conflict
from redialog.messages import Message
from redialog.testing.conformance._tools import Part, Store, element, texts

DERIVED = re.compile(r"x-[0-9a-f]{16}-(\d+)")
PREFIXES = pytest.mark.parametrize("prefix", ["", "message_store:"])


def _ids(messages: list[Message]) -> list[str]:
    """The ids, which all messages have."""
    return [message.id for message in messages if message.id is not None]


class DerivedIds(Part):
    """The life of an id of the form ``x-<digest>-<sequence>``."""

    @PREFIXES
    def test_every_message_has_an_id(self, store: Store, prefix: str) -> None:
        """Also those of the same bytes; each way to read gives the same; appends leave them."""
        chat = store.memory(key_prefix=prefix).session("s")
        for number in range(230):
            store.raw.lpush(prefix + "s", element("hi" if number % 2 else f"n{number}"))
        ids = _ids(chat.messages())
        assert len(set(ids)) == 230
        numbers = [place[1] for one in ids if (place := DERIVED.fullmatch(one))]
        assert numbers == [str(number) for number in range(230)]
        assert _ids(list(chat.iter_messages())) == ids
        assert _ids(chat.window(messages=3)) == ids[-3:]
        assert _ids(chat.window(messages=200)) == ids[-200:]
        assert _ids(chat.window(turns=1)) == ids
        chat.append(Message.user("later"))
        store.raw.lpush(prefix + "s", element("later"))
        assert _ids(chat.messages())[:230] == ids
        for number in (0, 1, 2, 101, 229):
            found = chat.get(ids[number])
            assert found is not None
            assert (found.id, found.text) == (ids[number], "hi" if number % 2 else f"n{number}")

    @PREFIXES
    def test_a_replaced_message_keeps_its_id(self, store: Store, prefix: str) -> None:
        """From then on the id is its own, wherever it comes to stand."""
        chat = store.memory(key_prefix=prefix).session("s")
        store.raw.lpush(prefix + "s", *(element(text) for text in "abcd"))
        ids = _ids(chat.messages())
        for text in ("B", "BB"):
            stored = chat.replace(ids[1], Message.user(text))
            assert (stored.id, stored.text) == (ids[1], text)
            assert chat.get(ids[1]) == stored
            assert _ids(chat.messages()) == ids
        assert b"example" not in store.raw.lindex(prefix + "s", -2)
        chat.remove(ids[0])
        assert texts(chat.messages()) == ["BB", "c", "d"]
        assert chat.get(ids[1]) == stored
        assert chat.rewind(ids[1]) == 2
        assert _ids(chat.messages()) == [ids[1]]

    @PREFIXES
    def test_messages_of_the_same_bytes_are_told_apart(self, store: Store, prefix: str) -> None:
        """Each by its place: replacing, removing and rewinding meet the one that was meant."""
        chat = store.memory(key_prefix=prefix).session("s")
        store.raw.lpush(prefix + "s", *[element("hi")] * 5)
        ids = _ids(chat.messages())
        chat.replace(ids[1], Message.user("one"))
        assert texts(chat.messages()) == ["hi", "one", "hi", "hi", "hi"]
        assert _ids(chat.messages()) == ids
        # The id is one message's own; those of its old bytes have others.
        found = chat.get(ids[1])
        assert found is not None
        assert found.text == "one"
        chat.replace(ids[1], Message.user("uno"))
        chat.remove(ids[2])
        assert texts(chat.messages()) == ["hi", "uno", "hi", "hi"]
        assert chat.rewind(ids[2]) == 1
        assert texts(chat.messages()) == ["hi", "uno", "hi"]
        assert chat.remove(ids[1]) is True
        assert texts(chat.messages()) == ["hi", "hi"]

    @PREFIXES
    def test_a_change_derived_from_a_message_meets_that_one(
        self, store: Store, prefix: str
    ) -> None:
        """What was read is changed with all that its writer stored; a changed one is a conflict."""
        chat = store.memory(key_prefix=prefix).session("s")
        odd = element("hi", additional_kwargs={"odd": [1, {}]})
        store.raw.lpush(prefix + "s", odd, element("next"))
        first, _ = chat.messages()
        assert first.id is not None
        stored = chat.replace(first.id, first.replace(content="ho"))
        assert (stored.id, stored.text) == (first.id, "ho")
        assert b'"odd"' in store.raw.lindex(prefix + "s", -1)
        with pytest.raises(Conflict):
            chat.replace(first.id, first.replace(content="hu"))
        assert texts(chat.messages()) == ["ho", "next"]

    @PREFIXES
    def test_an_id_outlives_the_messages_before_it(self, store: Store, prefix: str) -> None:
        """Where its place has changed, its bytes find it, unless another message has the same."""
        chat = store.memory(key_prefix=prefix).session("s")
        key = prefix + "s"
        store.raw.lpush(key, *(element(text) for text in ("a", "b", "twin", "c", "twin", "d")))
        ids = _ids(chat.messages())
        store.raw.ltrim(key, 0, -2)  # the oldest goes
        assert chat.get(ids[0]) is None
        assert chat.remove(ids[0]) is False
        for number, text in ((1, "b"), (3, "c"), (5, "d")):
            found = chat.get(ids[number])
            assert found is not None
            assert found.text == text
            assert found.id != ids[number]
        for twin in (ids[2], ids[4]):
            with pytest.raises(Conflict) as caught:
                chat.remove(twin)
            assert len(vars(caught.value)["ids"]) == 2
        assert chat.replace(ids[3], Message.user("C")).id == ids[3]
        assert chat.rewind(ids[3]) == 2
        assert texts(chat.messages()) == ["b", "twin", "C"]

    @PREFIXES
    def test_a_session_is_rewound_and_forked_at_such_an_id(self, store: Store, prefix: str) -> None:
        """The fork's messages have the ids of those they were copied from."""
        memory = store.memory(key_prefix=prefix)
        chat = memory.session("s")
        store.raw.lpush(prefix + "s", *[element("hi")] * 3, element("last"))
        ids = _ids(chat.messages())
        copy = chat.fork("copy", at=ids[1])
        assert (texts(copy.messages()), _ids(copy.messages())) == (["hi", "hi"], ids[:2])
        assert chat.rewind(ids[1]) == 2
        assert texts(chat.messages()) == ["hi", "hi"]
        assert chat.count() == copy.count() == store.raw.llen(prefix + "copy") == 2

    @PREFIXES
    def test_a_copy_of_a_message_gets_an_id_of_its_own(self, store: Store, prefix: str) -> None:
        """An id that says a place is not taken along to another place."""
        chat = store.memory(key_prefix=prefix).session("s")
        store.raw.lpush(prefix + "s", element("hi"))
        [first] = chat.messages()
        [again] = chat.append(first)
        assert again.id is not None
        assert DERIVED.fullmatch(again.id) is None
        assert chat.get(again.id) == again
        found = chat.get(first.id or "")
        assert found is not None
        assert found.text == "hi"

    def test_a_damaged_element_can_be_taken_out(self, store: Store) -> None:
        """It has an id as well, by which it is removed, or replaced."""
        chat = store.memory(key_prefix="").session("s")
        store.raw.lpush("s", element("a"), b"{broken", element("b"), b"", element("c"))
        _, first, _, second, _ = chat.messages()
        assert (first.role, second.role) == ("damaged", "damaged")
        assert first.id is not None
        assert second.id is not None
        assert chat.remove(first.id) is True
        assert [message.role for message in chat.messages()] == ["user", "user", "damaged", "user"]
        chat.replace(second.id, Message.user("mended"))
        assert texts(chat.messages()) == ["a", "b", "mended", "c"]
