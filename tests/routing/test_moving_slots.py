"""Slots of a Cluster that move while they are written to, and that are left half-moved."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from redis.crc import key_slot

from redialog import ChatMemory, Message, Unavailable
from redialog.errors import TransportError
from tests.routing.connecting import Connect
from tests.support.servers import ClusterGroup
from tests.support.servers.cluster_node import ClusterNode

LAYOUTS = pytest.mark.parametrize("layout", [{}, {"key_prefix": "chat:"}], ids=str)


def elsewhere(cluster: ClusterGroup, slot: int) -> ClusterNode:
    """A primary that has not the slot."""
    return next(node for node in cluster.primaries() if node is not cluster.owner(slot))


def slot_of(cluster: ClusterGroup, session_id: str) -> int:
    """The slot of a session."""
    found = [key for node in cluster.primaries() for key in node.ask("KEYS", f"*:{session_id}")]
    [slot] = {key_slot(key) for key in found}
    return slot


def held(cluster: ClusterGroup, slot: int) -> dict[bytes, bytes]:
    """What all nodes have of a slot, but tokens: key to content."""
    found: dict[bytes, bytes] = {}
    for node in cluster.primaries():
        for key in node.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            if b":op:" not in key:
                assert key not in found
                # Of the other node, a key of an open slot must be asked for like this.
                with node.client() as raw:
                    pipe = raw.pipeline(transaction=False)
                    pipe.execute_command("ASKING")
                    pipe.dump(key)
                    found[key] = pipe.execute()[1]
    return found


@LAYOUTS
@pytest.mark.parametrize("moved", [0, 1, 2, None])
def test_a_slot_that_is_left_half_moved(
    connect: Connect, cluster: ClusterGroup, layout: dict[str, Any], moved: int | None
) -> None:
    """A write is done, or refused with an error to try again: nothing of it is anywhere."""
    memory = connect(cluster.url, deadline=0.5, **layout)
    chat = memory.session("s", user_id="u")
    chat.append(Message.user("1"))
    chat.set_title("t")
    slot = slot_of(cluster, "s")
    cluster.begin_move(slot, elsewhere(cluster, slot))
    cluster.move_keys(slot, count=moved)
    before = held(cluster, slot)
    with pytest.raises(Unavailable) as caught:
        chat.append(Message.user("2"), Message.assistant("3"))
    assert (caught.value.retryable, caught.value.maybe_applied) == (True, False)
    with pytest.raises(Unavailable):
        chat.clear()
    assert held(cluster, slot) == before
    cluster.move_keys(slot)
    cluster.end_move(slot)
    chat.append(Message.user("2"), Message.assistant("3"))
    assert [message.text for message in chat.messages()] == ["1", "2", "3"]
    assert chat.info().title == "t"


def test_single_keys_are_served_all_the_time(connect: Connect, cluster: ClusterGroup) -> None:
    """A conversation can be read while its slot moves: by whoever has it."""
    memory = connect(cluster.url, deadline=0.5)
    chat = memory.session("s")
    chat.append(Message.user("1"), Message.assistant("2"))
    slot = slot_of(cluster, "s")
    cluster.begin_move(slot, elsewhere(cluster, slot))
    for _ in range(2):
        assert [message.text for message in chat.messages()] == ["1", "2"]
        assert chat.count() == 2
        cluster.move_keys(slot)
    cluster.end_move(slot)
    assert chat.count() == 2


def talk(memory: ChatMemory, name: str, done: threading.Event, said: list[str]) -> None:
    """Appends turns until it is told to stop; what was acknowledged is noted."""
    chat = memory.session("shared")
    for number in range(100_000):
        if done.is_set():
            return
        turn = f"{name}.{number}"
        chat.append(Message.user(f"{turn}.q"), Message.assistant(f"{turn}.a"))
        said.append(turn)


@pytest.mark.parametrize("durability", ["acknowledged", "replicated"])
def test_a_slot_that_moves_under_load(cluster: ClusterGroup, durability: Any) -> None:
    """To and fro: every turn that was acknowledged is there once, in its order and whole."""
    done = threading.Event()
    said: dict[str, list[str]] = {name: [] for name in "abcd"}
    errors: list[TransportError] = []
    with ChatMemory.from_url(cluster.url, durability=durability) as memory:
        memory.session("shared").append(Message.user("q"), Message.assistant("a"))
        slot = slot_of(cluster, "shared")

        def run(name: str) -> None:
            try:
                talk(memory, name, done, said[name])
            except TransportError as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(name,)) for name in said]
        for thread in threads:
            thread.start()
        try:
            for _ in range(6):
                cluster.move_slot(slot, elsewhere(cluster, slot))
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert errors == []
        found = [message.text for message in memory.session("shared").messages()][2:]
    assert [answer.replace(".a", ".q") for answer in found[1::2]] == found[::2]
    turns = [question.removesuffix(".q") for question in found[::2]]
    assert set(Counter(turns).values()) == {1}
    for name, mine in said.items():
        assert [turn for turn in turns if turn.startswith(f"{name}.")] == mine
        assert mine
