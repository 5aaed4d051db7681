"""Over REST: each call gets its own replies, whoever else asks, is cancelled or makes a mistake."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from redialog import AsyncChatMemory, Message
from redialog.effect import Batch, CommandError
from tests.lanes.test_order import SEED, Talker
from tests.lanes.tools import echo, execute, outcomes, rest_lane_of, run, turned
from tests.rest.front import Front
from tests.support.gateways import Gateway
from tests.support.servers import Server

Connected = Callable[..., AsyncChatMemory]
TALKERS = 24


def test_each_reply_belongs_to_its_request(gateway: Gateway, server: Server) -> None:
    """Many sessions, of whose calls a third is cancelled at any moment; each in its order."""

    async def scenario() -> None:
        async with AsyncChatMemory.from_url(gateway.url, token=gateway.token) as memory:
            talkers = [Talker(memory.session(f"<{n}>"), SEED + n) for n in range(TALKERS)]
            await asyncio.gather(*(one.talk() for one in talkers))
            for one in talkers:
                found = [message.text for message in await one._chat.messages()]
                assert max(Counter(found).values(), default=1) == 1
                assert set(one.kept) <= set(found) <= set(one.tried)
                # One that was cancelled may still be on its way when the next is asked.
                assert [text for text in found if text in one.kept] == one.kept
            assert rest_lane_of(memory)._under_way == 0

    run(scenario)


def test_replies_are_told_apart_where_others_are_cancelled(
    gateway: Gateway, server: Server
) -> None:
    """Batches of several commands, of which some are cancelled at any moment."""

    async def scenario() -> None:
        chance = random.Random(SEED)
        async with AsyncChatMemory.from_url(gateway.url, token=gateway.token) as memory:
            for _ in range(40):
                said = [[f"{n}.{m}" for m in range(chance.randrange(1, 5))] for n in range(40)]
                calls = [execute(memory, echo(*words)) for words in said]
                await turned(chance.randrange(40))
                for one in chance.sample(calls, 12):
                    one.cancel()
                for words, found in zip(said, await outcomes(calls), strict=True):
                    if not isinstance(found, asyncio.CancelledError):
                        assert found == [word.encode() for word in words]

    run(scenario)


def test_the_error_of_one_command_is_its_own(front: Front, connected: Connected) -> None:
    """A mistake, and a command that the gateway refuses: those beside it have their replies."""

    async def scenario() -> None:
        async with connected() as memory:
            wrong = Batch(((b"ECHO", b"1"), (b"LPUSH", b"only-a-name"), (b"ECHO", b"3")))
            refused = Batch(((b"KEYS", b"*"),))
            calls = [execute(memory, one) for one in (echo("a"), wrong, refused, echo("b"))]
            found = await outcomes(calls)
            assert len(front.seen) == 1
            assert (found[0], found[3]) == ([b"a"], [b"b"])
            first, error, last = found[1]
            assert (first, last) == (b"1", b"3")
            assert isinstance(error, CommandError)
            [refusal] = found[2]
            assert (type(refusal), refusal.code) == (CommandError, "NOPERM")

    run(scenario)


def test_a_script_that_is_not_known_is_taught_by_each(
    front: Front, connected: Connected, server: Server
) -> None:
    """Also where all find out in one request."""
    with server.client() as raw:
        raw.script_flush()

    async def scenario() -> None:
        async with connected() as memory:
            chats = [memory.session(str(n)) for n in range(10)]
            stored = await asyncio.gather(*(one.append(Message.user(one.id)) for one in chats))
            assert len(front.seen) == 2
            for chat, messages in zip(chats, stored, strict=True):
                assert await chat.messages() == messages
                assert [message.text for message in messages] == [chat.id]

    run(scenario)
