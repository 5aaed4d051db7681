"""`ChatMemory`: conversations on one Redis."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from redialog import drive
from redialog.diagnosis import Diagnosis
from redialog.effect import DEADLINE_S, Transport
from redialog.ops import catalogue, doctor
from redialog.ops import session as session_ops
from redialog.plan import ListingPlan, SessionPlan
from redialog.settings import (
    MAX_MESSAGE_BYTES,
    TTL,
    UNSET,
    Durability,
    Settings,
    TTLMode,
    Unset,
    settings,
)
from redialog.sync.listing import Sessions
from redialog.sync.session import Session

if TYPE_CHECKING:
    import redis
    import upstash_redis


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
        ttl_mode: TTLMode = "sliding",
        max_messages: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        token: str | None = None,
        deadline: float = DEADLINE_S,
        durability: Durability = "acknowledged",
        coalesce: bool = True,  # noqa: ARG003 - the facades take the same
        config: Mapping[str, object] | None = None,
        **client_options: object,
    ) -> Self:
        """A memory on the Redis that a URL names; it connects at its first use.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://``; ``redis+sentinel://h1,h2,h3/name/0``,
                ``redis+cluster://h1,h2``, also with ``rediss+``; ``https://NAME.upstash.io``;
                ``embedded:`` (a private server) or ``embedded:///folder``. None: ``$REDIALOG_URL``,
                else ``$UPSTASH_REDIS_REST_URL``, else ``$REDIS_URL``, else ``embedded:``.
            namespace: separates applications that share a database.
            key_prefix: share sessions with LangChain in Python (``"message_store:"``) or with
                LangChain in JavaScript, Flowise and n8n (``""``); None for the own layout.
            ttl: of the sessions: a timedelta or seconds; None for none.
            ttl_mode: ``sliding``: each write renews it; ``fixed``: nothing; ``on_read``: reads too.
            max_messages: how many messages a session holds: an append beyond removes the oldest,
                but not up to 16 system messages at the beginning (one fewer than ``max_messages``
                at most), and no tool call without its results.
            max_message_bytes: limit of one stored message.
            token: of an ``https://`` URL; None: as the environment says.
            deadline: how many seconds an operation loses at most to failures; at most 45.
            durability: when a write is done: ``acknowledged``: the primary has it, and a failover
                can lose it; ``replicated`` (Sentinel, Cluster): no failover can.
            coalesce: of `AsyncChatMemory`: what its tasks ask at once travels together.
            config: options of redis-py, passed on unchanged.
            **client_options: the same as keywords, such as ``socket_timeout`` or ``ssl_ca_certs``.

        Raises:
            ConfigurationError: an argument, the URL or an option is wrong.
            MissingExtra: the embedded server is wanted and there is none; raised at the first use.

        Cost: no I/O, but for the files of certificates.
        """
        from redialog.transports import opening, urls

        made = settings(
            namespace=namespace,
            key_prefix=key_prefix,
            ttl=ttl,
            ttl_mode=ttl_mode,
            max_messages=max_messages,
            max_message_bytes=max_message_bytes,
        )
        target, options = urls.resolve(url, os.environ, token), urls.merged(config, client_options)
        transport = opening.open_blocking(target, options, deadline=deadline, durability=durability)
        return cls(transport, made)

    @classmethod
    def from_client(
        cls,
        client: redis.Redis | redis.RedisCluster | upstash_redis.Redis,
        *,
        namespace: str = "default",
        key_prefix: str | None = None,
        ttl: TTL = None,
        ttl_mode: TTLMode = "sliding",
        max_messages: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        deadline: float = DEADLINE_S,
        coalesce: bool = True,  # noqa: ARG003 - the facades take the same
    ) -> Self:
        """A memory on an application's own client, which it never closes.

        Args:
            client: a ``redis.Redis`` with any settings, also one of ``Sentinel.master_for``; a
                ``redis.RedisCluster``; or an ``upstash_redis.Redis``. Of the last three the
                addresses, options and credentials are taken; the connections are this memory's own.
            namespace: as in `from_url`, like all further arguments.
            key_prefix: the same.
            ttl: the same.
            ttl_mode: the same.
            max_messages: the same.
            max_message_bytes: the same.
            deadline: the same.
            coalesce: the same.

        Raises:
            ConfigurationError: an argument is wrong.

        Cost: no I/O.
        """
        from redialog.transports import clients

        made = settings(
            namespace=namespace,
            key_prefix=key_prefix,
            ttl=ttl,
            ttl_mode=ttl_mode,
            max_messages=max_messages,
            max_message_bytes=max_message_bytes,
        )
        return cls(clients.adopt(client, deadline), made)

    def session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        ttl: TTL | Unset = UNSET,
        ttl_mode: TTLMode | Unset = UNSET,
        max_messages: int | Unset | None = UNSET,
    ) -> Session:
        """A handle of one session, which need not exist yet.

        Args:
            session_id: any text up to 16 KiB; None for a random id.
            user_id: whom the session belongs to; a write to another user's session is refused.
            ttl: of this session; not given: the memory's; None: this handle sets none.
            ttl_mode: the same.
            max_messages: the same; None: any number.

        Raises:
            InvalidSessionId: an id is not usable.
            InvalidTTL: the ttl is not.
            ConfigurationError: another argument is not.

        Cost: no I/O.
        """
        config = self._config.of_session(ttl, ttl_mode, max_messages)
        return Session(self._transport, SessionPlan(config, session_id, user_id))

    def sessions(self, user_id: str | None = None) -> Sessions:
        """The sessions there are, newest activity first: to iterate over, or a page at a time.

        Args:
            user_id: only sessions of this user.

        Raises:
            InvalidSessionId: the user id is not usable.

        Cost: no I/O; see `Sessions`.
        """
        return Sessions(self._transport, ListingPlan(self._config, user_id))

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
        return drive.run(catalogue.latest(self._config.layout, user_id), self._transport)

    def ping(self) -> None:
        """Checks that the server answers.

        Raises:
            TransportError: it does not.

        Cost: 1 round trip.
        """
        drive.run(session_ops.ping(), self._transport)

    def diagnose(self) -> Diagnosis:
        """What is wrong with the store, and what to do about it.

        Server and version, role, persistence, eviction, memory, clock, the user's permissions,
        replicas, Sentinel, Cluster; and of up to 1,000 sessions with the newest activity, which
        never expire and which have messages that cannot be read. What the server does not tell is
        ``not_checked``. It changes nothing.

        Raises:
            TransportError: nobody answers.

        Cost: 4 round trips, and 1 for each 100 of those sessions; a few more at times.
        """
        drive.run(doctor.reach(), self._transport)
        op = doctor.diagnose(self._config, self._transport.address, now_ms=time.time_ns() // 10**6)
        return drive.run(op, self._transport)

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
