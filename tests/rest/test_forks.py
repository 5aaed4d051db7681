"""Forked processes: a child has connections of its own, and takes none away."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from redialog import AsyncChatMemory, ChatMemory, Message, WrongEventLoop
from tests.faults.test_forks import CALLS, forked, talk
from tests.rest.front import Front, held
from tests.rest.test_sharing import left_alone
from tests.support.gateways import Gateway
from tests.support.servers import wait_until


def test_parent_and_child_talk_at_once(front: Front, gateway: Gateway) -> None:
    """Over a memory that the child inherited, each gets its own replies, on its own connections."""
    with ChatMemory.from_url(front.url, token=gateway.token) as memory:
        memory.ping()
        with forked(lambda: talk(memory, "child")):
            talk(memory, "parent")
        assert memory.session("child").count() == CALLS
        assert front.accepted == 2
        wait_until(lambda: front.connected == 1, what="the child's connection is gone")


@pytest.mark.parametrize("use", ["nothing", "close", "exit"])
def test_what_a_child_ends_goes_on_in_the_parent(use: str, front: Front, gateway: Gateway) -> None:
    """It takes nothing away."""
    with ChatMemory.from_url(front.url, token=gateway.token) as memory:
        memory.ping()

        def child() -> None:
            if use == "close":
                memory.close()
                memory.close()
            elif use == "exit":
                with memory:
                    memory.ping()

        with forked(child):
            pass
        talk(memory, "parent")
        assert front.accepted == (2 if use == "exit" else 1)
    left_alone(front)


def test_a_child_holds_no_connection_of_its_parent(front: Front, gateway: Gateway) -> None:
    """Or the service would not see that the parent closed it."""
    told, tell = os.pipe()
    with ChatMemory.from_url(front.url, token=gateway.token) as memory:
        memory.ping()

        def child() -> None:
            memory.ping()
            os.read(told, 1)

        with forked(child):
            wait_until(lambda: front.connected == 2, what="the child has one of its own")
            memory.close()
            wait_until(lambda: front.connected == 1, what="the parent's is closed")
            os.write(tell, b"x")
    os.close(told)
    os.close(tell)


def test_a_fork_while_another_thread_waits_for_its_reply(front: Front, gateway: Gateway) -> None:
    """The reply goes to the thread in the parent; nothing that it holds stops the child."""
    with ChatMemory.from_url(front.url, token=gateway.token, max_connections=1) as memory:
        memory.session("parent").append(Message.user("0"))
        fault = front.on(held, match=b"LLEN")
        with ThreadPoolExecutor(2) as threads:
            calls = [threads.submit(memory.session("parent").count) for _ in range(2)]
            wait_until(lambda: fault.hits, what="the request is on its way")
            with forked(lambda: talk(memory, "child")):
                pass
            front.released.set()
            assert [call.result() for call in calls] == [1, 1]
        assert memory.session("child").count() == CALLS


async def used_once(memory: AsyncChatMemory) -> None:
    async with memory:
        await memory.ping()


def test_an_asynchronous_memory_does_not_go_into_a_child(front: Front, gateway: Gateway) -> None:
    """A used one raises a typed error there; one that was never used is the child's own."""
    with asyncio.Runner() as runner:
        memory = AsyncChatMemory.from_url(front.url, token=gateway.token)
        fresh = AsyncChatMemory.from_url(front.url, token=gateway.token)
        runner.run(memory.ping())

        def child() -> None:
            for run in (asyncio.run, runner.get_loop().run_until_complete):
                for call in (memory.ping, memory.close):
                    with pytest.raises(WrongEventLoop):
                        run(call())
            asyncio.run(used_once(fresh))

        accepted = front.accepted
        with forked(child):
            pass
        assert front.accepted == accepted + 1
        runner.run(memory.ping())
        assert front.accepted == accepted + 1
        runner.run(used_once(fresh))
        runner.run(memory.close())
    left_alone(front)
