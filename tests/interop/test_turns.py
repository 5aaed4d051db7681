"""All libraries append to one session in turn, and all of them see one order."""

from __future__ import annotations

import random

import pytest

from tests.interop.kinds import Kind
from tests.interop.libraries import LIBRARIES, Library, Place, name_of
from tests.interop.messages import Told

ROUNDS = 3


def said(author: str, number: int) -> list[Kind]:
    """A turn: a question and an answer."""
    return [
        Kind("", "human", {"content": f"{author} asks {number}"}),
        Kind("", "ai", {"content": f"{author} answers {number}"}),
    ]


def texts(found: list[Told]) -> list[tuple[str, str]]:
    """What is compared: who says what, in order."""
    return [(one["type"], one["content"]) for one in found]


@pytest.mark.parametrize("prefix", ["", "message_store:"])
@pytest.mark.parametrize("seed", [1, 2])
def test_one_order_for_all(place: Place, prefix: str, seed: int) -> None:
    """Whoever wrote before whom, message by message."""
    order = random.Random(seed)
    key = f"{prefix}session {seed}"
    expected: list[tuple[str, str]] = []
    for number in range(ROUNDS):
        for writer in order.sample(LIBRARIES, len(LIBRARIES)):
            turn = said(name_of(writer), number)
            writer.write(place, key, turn)
            expected += [(kind.type, kind.fields["content"]) for kind in turn]
        for reader in LIBRARIES:
            assert texts(reader.read(place, key)) == expected, name_of(reader)


@pytest.mark.parametrize("clearer", LIBRARIES, ids=name_of)
def test_whoever_clears_it_clears_it_for_all(place: Place, clearer: Library) -> None:
    """What is written afterwards begins a new conversation."""

    for writer in LIBRARIES:
        writer.write(place, "s", said("before", 1))
    clearer.clear(place, "s")
    for reader in LIBRARIES:
        assert reader.read(place, "s") == [], name_of(reader)
    clearer.write(place, "s", said("after", 2))
    for reader in LIBRARIES:
        seen = texts(reader.read(place, "s"))
        assert seen == [("human", "after asks 2"), ("ai", "after answers 2")], name_of(reader)
