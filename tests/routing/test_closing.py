"""Closing a memory over several nodes, and dropping a node, under those who are calling."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redialog import ChatMemory, Closed, Message
from tests.routing.connecting import Connect, Group, left_alone, options
from tests.support.servers import SentinelGroup, wait_until


def transport_of(memory: Any) -> Any:
    """What a memory of either facade sends over."""
    return getattr(memory, "_transport", None) or memory._inner._transport


def test_closing_under_threads_that_are_calling(group: Group) -> None:
    """Each call has ended well or says that the memory is closed; no connection is left."""
    memory = ChatMemory.from_url(group.url, **options(group))
    begun = threading.Barrier(9)
    ended: list[BaseException] = []
    stored: list[int] = []

    def run(number: int) -> None:
        chat = memory.session(f"s{number}")
        chat.append(Message.user("x"))
        begun.wait()
        count = 1
        try:
            while True:
                chat.append(Message.user("x"))
                count += 1
        except BaseException as error:
            ended.append(error)
            stored.append(count)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    memory.close()
    for thread in threads:
        thread.join()
    assert [type(error) for error in ended] == [Closed] * 8
    left_alone(group)
    with ChatMemory.from_url(group.url) as again:
        assert sum(again.session(f"s{number}").count() for number in range(8)) == sum(stored)


def test_after_close_every_call_says_so(connect: Connect, group: Group) -> None:
    """Closing twice is fine."""
    memory = connect(group.url)
    chat = memory.session("s")
    chat.append(Message.user("1"))
    memory.close()
    memory.close()
    for call in (memory.ping, chat.messages, chat.clear, lambda: list(memory.sessions())):
        with pytest.raises(Closed):
            call()


def test_a_write_to_a_stalled_node_outlives_the_close(sentinels: SentinelGroup) -> None:
    """While it waits, it asks whether to go on waiting: not even then is it broken off."""
    memory = ChatMemory.from_url(sentinels.url, socket_timeout=60)
    memory.session("s").append(Message.user("1"))
    node = sentinels.primary()
    sent = node.ask("CLIENT", "PAUSE", 1500, "WRITE")
    assert sent
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(memory.session("s").append, Message.user("2"))
        with node.client() as raw:
            wait_until(
                lambda: raw.info("clients")["blocked_clients"] > 0, what="the write is there"
            )
        memory.close()
        [stored] = writing.result()
    assert stored.text == "2"
    with ChatMemory.from_url(sentinels.url) as again:
        assert again.session("s").count() == 2


def test_a_call_that_is_closed_between_two_of_its_steps(
    connect: Connect, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes no connection any more that nobody would close."""
    memory = connect(group.url, **options(group))
    transport = transport_of(memory)
    take = transport._take
    steps = []

    def closing(step: Any, within: Any) -> Any:
        steps.append(step)
        found = take(step, within)
        transport.close()
        return found

    async def awaiting(step: Any, within: Any, **options: Any) -> Any:
        steps.append(step)
        found = await take(step, within, **options)
        await transport.close()
        return found

    monkeypatch.setattr(transport, "_take", closing if connect.facade == "sync" else awaiting)
    with pytest.raises(Closed):
        memory.session("s").append(Message.user("x"))
    assert len(steps) == 2
    left_alone(group)
    with ChatMemory.from_url(group.url) as again:
        assert again.session("s").count() == 0


class Dropping(dict[Any, Any]):
    """The transports to nodes, one of which is dropped by somebody else when it is looked up."""

    dropped: Any = None

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        if self.dropped is None and key[1] == "data":
            self.dropped = self.pop(key)
            found._closed = True
        return found


def test_a_node_that_is_dropped_by_another_call(connect: Connect, group: Group) -> None:
    """Nothing was sent to it: the call goes on over new connections."""
    memory = connect(group.url)
    memory.session("s").append(Message.user("1"))
    transport = transport_of(memory)
    nodes = transport._nodes = Dropping(transport._nodes)
    memory.session("s").append(Message.user("2"))
    assert [message.text for message in memory.session("s").messages()] == ["1", "2"]
    nodes.dropped._closed = False
    nodes["dropped", "data"] = nodes.dropped
