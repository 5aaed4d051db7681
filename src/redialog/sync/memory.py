"""The blocking facade: `ChatMemory` and `Session`.

What the methods do is in `redialog.plan` (arguments) and `redialog.ops` (Redis); here are their
names and documentation. `redialog.aio` has the same for asyncio, and a test holds the two equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from redialog import drive
from redialog.effect import Op, Transport
from redialog.messages import Message, MessageLike
from redialog.ops import read
from redialog.ops import session as session_ops
from redialog.ops.session import SessionInfo
from redialog.plan import MAX_MESSAGE_BYTES, TTL, UNSET, SessionPlan, Settings, Unset, settings

if TYPE_CHECKING:
    import redis

T = TypeVar("T")


class ChatMemory:
    """Conversations on one Redis; made by `from_url` or `from_client`.

    It is thread-safe, survives a fork, and is meant to live as long as the application.

    Args:
        transport: where the operations go.
        config: what the sessions are made with.
    """

    def __init__(self, transport: Transport, config: Settings) -> None:
        self._transport = transport
        self._config = config

    @classmethod
    def from_url(
        cls,
        url: str | None = None,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        config: Mapping[str, object] | None = None,
        **client_options: object,
    ) -> Self:
        """A memory on the Redis that a URL names; it connects at its first use.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://``, ``embedded:`` (a private server with its
                data in ``$REDIALOG_HOME`` or the user's data folder) or ``embedded:///folder``.
                None: ``$REDIALOG_URL``, else ``$REDIS_URL``, else ``embedded:``.
            namespace: separates applications that share a database.
            key_prefix: share sessions with LangChain in Python (``"message_store:"``) or with
                LangChain in JavaScript, Flowise and n8n (``""``); None for the own layout.
            ttl: of the sessions, renewed by each write: a timedelta or seconds; None for none.
            max_message_bytes: limit of one stored message.
            config: options of redis-py, passed on unchanged.
            **client_options: the same as keywords, such as ``socket_timeout`` or ``ssl_ca_certs``.

        Raises:
            ConfigurationError: an argument, the URL or an option is wrong.
            MissingExtra: the embedded server is wanted and there is none; raised at the first use.

        Cost: no I/O.
        """
        from redialog.transports import urls

        made = settings(namespace, key_prefix, ttl, max_message_bytes)
        target = urls.resolve(url, os.environ)
        return cls(urls.open_redis(target, urls.merged(config, client_options)), made)

    @classmethod
    def from_client(
        cls,
        client: redis.Redis,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> Self:
        """A memory on an application's own client, which it never closes.

        Args:
            client: a ``redis.Redis`` with any settings.
            namespace: as in `from_url`, like all further arguments.
            key_prefix: the same.
            ttl: the same.
            max_message_bytes: the same.

        Raises:
            ConfigurationError: an argument is wrong.

        Cost: no I/O.
        """
        from redialog.transports import clients

        made = settings(namespace, key_prefix, ttl, max_message_bytes)
        return cls(clients.adopt_redis(client), made)

    def session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        ttl: TTL | Unset = UNSET,
    ) -> Session:
        """A handle of one session, which need not exist yet.

        Args:
            session_id: any text up to 16 KiB; None for a random id.
            user_id: whom the session belongs to; a write to another user's session is refused.
            ttl: of this session; not given: the memory's; None: this handle sets none.

        Raises:
            InvalidSessionId: an id is not usable.
            InvalidTTL: the ttl is not.

        Cost: no I/O.
        """
        return Session(self._transport, SessionPlan(self._config, session_id, user_id, ttl))

    def latest_session_id(self, *, user_id: str | None = None) -> str | None:
        """The id of the session with the newest activity that is still there.

        Args:
            user_id: only sessions of this user.

        Returns:
            The id, or None where there is no session.

        Raises:
            RedialogError: the server could not be asked.

        Cost: 2 round trips with 256 short reads; more where the newest sessions have expired.
        """
        return drive.run(session_ops.latest(self._config.layout, user_id), self._transport)

    def ping(self) -> None:
        """Checks that the server answers.

        Raises:
            TransportError: it does not.

        Cost: 1 round trip.
        """
        drive.run(session_ops.ping(), self._transport)

    def close(self) -> None:
        """Closes the connections that `from_url` made; further use raises `Closed`."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._transport.address}>"


class Session:
    """One conversation; made by `ChatMemory.session`."""

    def __init__(self, transport: Transport, plan: SessionPlan) -> None:
        self._transport = transport
        self._plan = plan

    @property
    def id(self) -> str:
        """The session's id."""
        return self._plan.session_id

    @property
    def user_id(self) -> str | None:
        """The user that the handle names."""
        return self._plan.user_id

    def append(self, *messages: MessageLike, idempotency_key: str | None = None) -> list[Message]:
        """Adds messages, all of them or none, one after the other and exactly once.

        Args:
            *messages: oldest first; a dict in OpenAI's format is a message too.
            idempotency_key: any text; an append with the key of an earlier one of the same session
                within 60 seconds stores nothing again. An error that leaves the write in doubt
                carries such a key as its ``token``.

        Returns:
            The messages as stored: with ids and times.

        Raises:
            InvalidMessage: a message cannot be stored; none was.
            IdempotencyMismatch: the key was used for other messages.
            OwnerMismatch: the session belongs to another user.
            TransportError: the server did not answer; see its ``maybe_applied``.
            ServerError: the server refused it; nothing was stored.

        Cost: 1 round trip; grows with the messages, not with the session.
        """
        return self._run(self._plan.append(messages, idempotency_key))

    def messages(self, *, strict: bool = False) -> list[Message]:
        """The whole conversation, oldest first.

        Args:
            strict: raise where an element is damaged; else a message with the role ``damaged``
                and the error in `Message.damage` stands in its place.

        Raises:
            CorruptElement: ``strict``, and an element is damaged.
            WrongType: the key holds something else.

        Cost: 1 round trip for up to 99 messages, then 1 for each 1,000 or 4 MB.
        """
        return self._run(read.everything(self._plan.keys.log, strict=strict))

    def window(
        self, *, turns: int | None = None, messages: int | None = None, strict: bool = False
    ) -> list[Message]:
        """The newest part of the conversation, oldest first; no tool call is cut from its results.

        Args:
            turns: so many whole turns: a user's messages and all that follows until the next.
            messages: or at most so many messages; where the newest tool call with its results
                alone is longer, just that.
            strict: as in `messages`.

        Raises:
            ConfigurationError: not exactly one of ``turns`` and ``messages``, or it is no whole
                number of at least 0.

        Cost: 1 round trip for usual windows; grows with the window, not with the session.
        """
        return self._run(self._plan.window(turns, messages, strict=strict))

    def iter_messages(self, *, strict: bool = False) -> Iterator[Message]:
        """The conversation, oldest first, a page at a time: for those too long to hold.

        Args:
            strict: as in `messages`.

        Raises:
            Conflict: the session was cleared or cut in between.

        Cost: 1 round trip for each 1,000 messages or 4 MB.
        """
        cursor: read.Cursor | None = read.Cursor()
        while cursor is not None:
            page = self._run(read.page(self._plan.keys.log, cursor, strict=strict))
            yield from page.messages
            cursor = page.next

    def count(self) -> int:
        """The number of messages; 0 where there is no such session.

        Cost: 1 round trip, constant.
        """
        return self._run(read.count(self._plan.keys.log))

    def clear(self) -> int:
        """Deletes the session and all that belongs to it.

        Returns:
            How many messages it had.

        Cost: 1 round trip.
        """
        return self._run(self._plan.clear())

    def expire(self, ttl: timedelta | float) -> bool:
        """Sets the session's TTL.

        Args:
            ttl: a timedelta or seconds, from now.

        Returns:
            Whether there is such a session.

        Raises:
            InvalidTTL: it is not a positive, finite duration.

        Cost: 1 round trip.
        """
        return self._run(self._plan.expire(ttl))

    def persist(self) -> bool:
        """Removes the session's TTL.

        Returns:
            Whether there is such a session.

        Cost: 1 round trip.
        """
        return self._run(self._plan.persist())

    def touch(self) -> bool:
        """Renews the session's TTL and notes an activity, without a message.

        Returns:
            Whether there is such a session.

        Cost: 1 round trip.
        """
        return self._run(self._plan.touch())

    def info(self) -> SessionInfo:
        """Count, owner, times and TTL.

        Raises:
            UnknownVersion: the session was written by a newer redialog.

        Cost: 1 round trip, constant.
        """
        return self._run(self._plan.info())

    def _run(self, op: Op[T]) -> T:
        return drive.run(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
