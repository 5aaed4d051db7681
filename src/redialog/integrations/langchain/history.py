"""`RedisChatMessageHistory` and `UpstashRedisChatMessageHistory`, as LangChain's, on sessions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from redialog import sharing
from redialog.aio import AsyncSession
from redialog.errors import ConfigurationError, InvalidSessionId
from redialog.integrations.langchain import runs
from redialog.integrations.langchain.messages import Content, presented, read, said, taken
from redialog.memory.sources import OfSession
from redialog.settings import TTL
from redialog.sync import Session

if TYPE_CHECKING:
    import redis
    import redis.asyncio
    import upstash_redis
    import upstash_redis.asyncio
    from langchain_core.chat_history import BaseChatMessageHistory

    RedisClient: TypeAlias = (
        redis.Redis | redis.RedisCluster | redis.asyncio.Redis | redis.asyncio.RedisCluster
    )
    UpstashClient: TypeAlias = upstash_redis.Redis | upstash_redis.asyncio.Redis
else:
    try:
        from langchain_core.chat_history import BaseChatMessageHistory
    except ImportError:
        # LangChain takes it out in 2.0; whoever asks for one asks for its methods.
        BaseChatMessageHistory = object


_FIXED = frozenset({"session_id", "key_prefix", "ttl"})


class _History(BaseChatMessageHistory):
    """What both have: a session, in LangChain's methods."""

    def __init__(
        self,
        session_id: str,
        lease: sharing.Lease,
        *,
        key_prefix: str,
        ttl: TTL,
        session_ttl: TTL,
        window: int | None,
    ) -> None:
        if session_ttl is not None:
            if ttl not in (None, session_ttl):
                raise ConfigurationError("ttl and session_ttl are the same option: give one")
            ttl = session_ttl
        for name, value in (("session_id", session_id), ("key_prefix", key_prefix)):
            if not isinstance(value, str):
                # Elsewhere None stands for a random id, or for another layout.
                raise InvalidSessionId(f"the {name} must be text, not {type(value).__name__}")
        if window is not None and (type(window) is not int or window < 0):
            raise ConfigurationError("window must be a whole number of turns, or None for all")
        self.session_id = session_id
        self.key_prefix = key_prefix
        self.ttl = ttl
        self.window = window
        self._lease = lease
        self._handed = runs.Handed()
        lease.check(session_id, ttl)
        self._blocking: Session | None = None
        if not lease.awaited_only:
            self._blocking = lease.memory().session(session_id, ttl=ttl)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and name in vars(self):
            # The session would stay the old one, and what is awaited would go to the new one.
            raise ConfigurationError(f"{name} cannot be changed: make another history")
        super().__setattr__(name, value)

    @property
    def key(self) -> str:
        """The key in Redis."""
        return self.key_prefix + self.session_id

    @property
    def session(self) -> Session:
        """The session beneath: windows, contexts with a token budget, summaries, edits, forks.

        Raises:
            ConfigurationError: the history has an asyncio client.
        """
        if self._blocking is None:
            raise ConfigurationError("this has an asyncio client: use the awaited methods")
        return self._blocking

    def asession(self) -> AsyncSession:
        """The same for asyncio; in a running event loop, and not awaited itself.

        Raises:
            ConfigurationError: the history has a blocking client.
        """
        return self._lease.amemory().session(self.session_id, ttl=self.ttl)

    @property
    def messages(self) -> list[BaseMessage]:
        """All messages, or those of the newest ``window`` turns, oldest first.

        Damaged elements are left out; `session` shows them.

        Raises:
            RedialogError: they cannot be read.

        Cost: as `Session.messages`; with a window as `Session.window`.
        """
        run = runs.ending()
        if run is not None:
            return self._handed.begun_with(run)
        return self._given(self._read(self.session))

    @messages.setter
    def messages(self, value: object) -> None:  # noqa: ARG002 - a setter has one
        raise ConfigurationError("messages cannot be set: use add_messages, or clear")

    async def aget_messages(self) -> list[BaseMessage]:
        """As `messages`; an application's blocking client runs in a thread."""
        run = runs.ending()
        if run is not None:
            return self._handed.begun_with(run)
        if self._lease.blocking_only:
            return self._given(await asyncio.to_thread(self._read, self.session))
        chat = self.asession()
        if self.window is None:
            return self._given(await chat._made(read))
        return self._given(presented(await chat.window(turns=self.window)))

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Adds messages: all of them or none, one after the other and exactly once.

        Args:
            messages: oldest first. A piece of a streamed answer is stored as a message.

        Raises:
            InvalidMessage: one cannot be stored; none was.

        Cost: as `Session.append`: 1 round trip.
        """
        self.session.append(*taken(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """As `add_messages`."""
        made = taken(messages)
        if self._lease.blocking_only:
            await asyncio.to_thread(self.session.append, *made)
        else:
            await self.asession().append(*made)

    def add_message(self, message: BaseMessage) -> None:
        """Adds one message; see `add_messages`."""
        self.add_messages([message])

    def add_user_message(self, message: HumanMessage | Content) -> None:
        """Adds what the user said, a message or its content; see `add_messages`."""
        self.add_messages([said(HumanMessage, message)])

    def add_ai_message(self, message: AIMessage | Content) -> None:
        """Adds what the model said, a message or its content; see `add_messages`."""
        self.add_messages([said(AIMessage, message)])

    def clear(self) -> None:
        """Deletes the conversation, with its summary.

        Cost: as `Session.clear`.
        """
        self.session.clear()

    async def aclear(self) -> None:
        """As `clear`."""
        if self._lease.blocking_only:
            await asyncio.to_thread(self.session.clear)
        else:
            await self.asession().clear()

    def close(self) -> None:
        """Gives the connections back, which histories of one store share; not needed.

        They stay open for the next history of this store, and close with the process or, in
        asyncio, with the event loop.
        """
        self._lease.close()

    async def aclose(self) -> None:
        """As `close`."""
        await self._lease.aclose()

    def _redialog_source(self) -> OfSession:
        """The session, for memory objects over this history: they read no more than they give."""
        awaited = None if self._lease.blocking_only else self.asession
        return OfSession(self._blocking, presented, awaited, self.window)

    def __str__(self) -> str:
        # The inherited one gives the whole conversation.
        return repr(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session_id!r}>"

    def _read(self, chat: Session) -> list[BaseMessage]:
        if self.window is None:
            return chat._made(read)
        return presented(chat.window(turns=self.window))

    def _given(self, found: list[BaseMessage]) -> list[BaseMessage]:
        self._handed.note(found)
        return found


class RedisChatMessageHistory(_History):
    """A chat history in Redis: LangChain's class of that name, on the same data.

    Args:
        session_id: names the conversation; the key is ``key_prefix`` and this.
        url: of a server, Sentinel, Cluster, or the embedded one: as `ChatMemory.from_url`. It
            connects at the first use; histories of one URL share their connections.
        key_prefix: ``"message_store:"`` as LangChain in Python, ``""`` as in JavaScript.
        ttl: of the conversation: seconds or a timedelta, renewed by each write; None sets none and
            leaves a running one alone.
        session_ttl: the same option under its name in LangChain's JavaScript.
        client: an application's own client, blocking or asyncio, in the place of the URL.
        config: options of redis-py, passed on unchanged.
        window: so many of the newest turns are all that is read; None: all messages.
        **client_options: as ``config``.

    Raises:
        ConfigurationError: an argument is wrong.

    Other than LangChain's own: what one call adds is stored together and once; awaited methods do
    not block the event loop; a damaged element does not make the rest unreadable.
    """

    def __init__(
        self,
        session_id: str,
        url: str = "redis://localhost:6379/0",
        key_prefix: str = "message_store:",
        ttl: TTL = None,
        *,
        session_ttl: TTL = None,
        client: RedisClient | None = None,
        config: Mapping[str, object] | None = None,
        window: int | None = None,
        **client_options: object,
    ) -> None:
        if client is None and not isinstance(url, str):
            # Elsewhere None stands for the environment; here it is a variable that was not set.
            raise ConfigurationError(f"the url must be text, not {type(url).__name__}")
        super().__init__(
            session_id,
            _lease(url, None, key_prefix, client, {**_mapping(config), **client_options}),
            key_prefix=key_prefix,
            ttl=ttl,
            session_ttl=session_ttl,
            window=window,
        )


class UpstashRedisChatMessageHistory(_History):
    """A chat history on Upstash, over REST: LangChain's class of that name, on the same data.

    Args:
        session_id: names the conversation.
        url: ``https://NAME.upstash.io``; empty: ``$UPSTASH_REDIS_REST_URL``.
        token: empty: ``$UPSTASH_REDIS_REST_TOKEN``.
        key_prefix: as for `RedisChatMessageHistory`, like all further arguments.
        ttl: the same.
        session_ttl: the same.
        client: an ``upstash_redis`` client, in the place of URL and token.
        config: options of httpx.
        window: the same.
        **client_options: as ``config``.

    Raises:
        ConfigurationError: an argument is wrong or missing.
        MissingExtra: httpx is not installed.
    """

    def __init__(
        self,
        session_id: str,
        url: str = "",
        token: str = "",
        key_prefix: str = "message_store:",
        ttl: TTL = None,
        *,
        session_ttl: TTL = None,
        client: UpstashClient | None = None,
        config: Mapping[str, object] | None = None,
        window: int | None = None,
        **client_options: object,
    ) -> None:
        if client is None:
            url = url or os.environ.get("UPSTASH_REDIS_REST_URL", "")
            if not isinstance(url, str) or not url.startswith(("https://", "http://")):
                raise ConfigurationError(
                    "this history needs url=, such as https://NAME.upstash.io, or "
                    "UPSTASH_REDIS_REST_URL in the environment"
                )
        super().__init__(
            session_id,
            _lease(url, token or None, key_prefix, client, {**_mapping(config), **client_options}),
            key_prefix=key_prefix,
            ttl=ttl,
            session_ttl=session_ttl,
            window=window,
        )


def _lease(
    url: str, token: str | None, key_prefix: str, client: object, options: Mapping[str, object]
) -> sharing.Lease:
    if client is not None and options:
        raise ConfigurationError("a ready client has its options already: leave config out")
    return sharing.lease(
        url,
        token=token,
        key_prefix=key_prefix,
        options=options,
        # A client has connections of its own, and may go when its last history does.
        linger=client is None,
        ids=False,
        client=client,
    )


def _mapping(config: object) -> Mapping[str, object]:
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a mapping, not {type(config).__name__}")
    return config or {}
