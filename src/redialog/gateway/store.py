"""Runs commands on the Redis behind the gateway, each at most once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from redialog.effect import AsyncTransport, CommandError, Reply
from redialog.errors import ConfigurationError, TransportError
from redialog.gateway.policy import Flags, Policy
from redialog.gateway.replies import error_text
from redialog.gateway.requests import Command
from redialog.gateway.sending import Sender
from redialog.transports.opening import open_asyncio
from redialog.transports.urls import merged, resolve

Outcome: TypeAlias = list[Reply] | CommandError
"""The replies of a transaction, or why nothing of it was done."""


class Store:
    """The Redis behind the gateway.

    Nothing here is sent again: whether a command may be repeated is for the client to know. What
    goes into one batch travels over one connection in one piece, so a transaction is either begun
    and ended there, or the connection is closed with it.

    Args:
        url: as for `redialog.gateway.asgi_app`.
        allowed: commands that are refused otherwise.
        config: options for the client library.

    Raises:
        ConfigurationError: one of them is wrong.
    """

    def __init__(
        self,
        url: str | None,
        allowed: Iterable[str] = (),
        config: Mapping[str, object] | None = None,
    ) -> None:
        if url is None:
            # Upstash's variables name what clients ask, which is this gateway, and not its Redis.
            url = os.environ.get("REDIALOG_URL") or os.environ.get("REDIS_URL") or "embedded:"
        # No token is asked for where none would be used.
        target = resolve(url, {"REDIALOG_TOKEN": "none"})
        if target.kind == "rest":
            raise ConfigurationError(
                "the gateway needs a Redis behind it, not another REST service"
            )
        self.address = target.address
        """Where it leads, without secrets."""
        target = msgspec.structs.replace(target, url=_without_protocol(target.url))
        options = {**merged(config, {}), "protocol": 2}
        self._transport: AsyncTransport = open_asyncio(target, options)
        self._sender = Sender(self._transport)
        self._policy = Policy(allowed, cluster=target.kind == "cluster")
        self._many = target.kind in ("sentinel", "cluster")
        self._flags: Flags | None = None
        self._transactions = False

    async def run(self, commands: Sequence[Command], *, read_only: bool) -> list[Reply]:
        """Runs commands one after the other; others may come between them.

        Args:
            commands: in their order.
            read_only: whether they came with the read-only token.

        Returns:
            A reply for each; a `CommandError` for each that failed or is refused.

        Raises:
            TransportError: no complete answer.
        """
        refusals = await self._refusals(commands, read_only=read_only)
        wanted = [one for one, why in zip(commands, refusals, strict=True) if why is None]
        try:
            replies = iter(await self._sender.send(wanted) if wanted else ())
        except TransportError as error:
            if self._many and len(wanted) > 1 and not error.maybe_applied:
                # One node failed, and others may have had their part before.
                raise error.in_doubt(None) from error
            raise
        return [next(replies) if why is None else why for why in refusals]

    async def transaction(self, commands: Sequence[Command], *, read_only: bool) -> Outcome:
        """Runs commands as one, between MULTI and EXEC.

        Args:
            commands: as for `run`.
            read_only: the same.

        Returns:
            A reply for each. Where one is refused, by the gateway or when it is queued, none has
            been done.

        Raises:
            TransportError: no complete answer.
        """
        for why in await self._refusals(commands, read_only=read_only):
            if why is not None:
                return _aborted(why)
        if not self._transactions:
            # To a user who may not call MULTI, the commands would be single ones.
            for reply in await self._sender.alone([(b"MULTI",), (b"DISCARD",)], writes=False):
                if isinstance(reply, CommandError):
                    return reply
            self._transactions = True
        _, *queued, done = await self._sender.alone([(b"MULTI",), *commands, (b"EXEC",)])
        for reply in queued:
            if isinstance(reply, CommandError):
                return _aborted(reply)
        if isinstance(done, CommandError):
            return done
        return list(done)

    async def _refusals(
        self, commands: Sequence[Command], *, read_only: bool
    ) -> list[CommandError | None]:
        flags = self._flags or await self._learn()
        return [self._policy.refusal(one, flags, read_only=read_only) for one in commands]

    async def _learn(self) -> Flags:
        [reply] = await self._sender.alone([(b"COMMAND",)], writes=False)
        found = Flags(reply)
        if not isinstance(reply, CommandError) or reply.code == "NOPERM":
            self._flags = found
        return found

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()


def _without_protocol(url: str) -> str:
    """The URL without a wish for RESP3: the replies of the REST protocol are those of RESP2."""
    url, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("protocol=")]
    return "?".join((url, "&".join(kept))) if kept else url


def _aborted(why: CommandError) -> CommandError:
    return CommandError("EXECABORT", f"Transaction discarded because of: {error_text(why)}")
