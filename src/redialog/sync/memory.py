"""`ChatMemory`: conversations on one Redis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from redialog import drive
from redialog.effect import Transport
from redialog.ops import catalogue
from redialog.ops import session as session_ops
from redialog.plan import ListingPlan, SessionPlan
from redialog.settings import MAX_MESSAGE_BYTES, TTL, UNSET, Settings, TTLMode, Unset, settings
from redialog.sync.listing import Sessions
from redialog.sync.session import Session

if TYPE_CHECKING:
    import redis


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
            ttl: of the sessions: a timedelta or seconds; None for none.
            ttl_mode: what renews it: ``sliding`` each write, ``fixed`` nothing, ``on_read`` each
                write and each reading of messages.
            max_messages: how many messages a session holds: an append beyond removes the oldest,
                but not up to 16 system messages at the beginning (one fewer than ``max_messages``
                at most), and no tool call without its results.
            max_message_bytes: limit of one stored message.
            config: options of redis-py, passed on unchanged.
            **client_options: the same as keywords, such as ``socket_timeout`` or ``ssl_ca_certs``.

        Raises:
            ConfigurationError: an argument, the URL or an option is wrong.
            MissingExtra: the embedded server is wanted and there is none; raised at the first use.

        Cost: no I/O.
        """
        from redialog.transports import urls

        made = settings(
            namespace=namespace,
            key_prefix=key_prefix,
            ttl=ttl,
            ttl_mode=ttl_mode,
            max_messages=max_messages,
            max_message_bytes=max_message_bytes,
        )
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
        ttl_mode: TTLMode = "sliding",
        max_messages: int | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> Self:
        """A memory on an application's own client, which it never closes.

        Args:
            client: a ``redis.Redis`` with any settings.
            namespace: as in `from_url`, like all further arguments.
            key_prefix: the same.
            ttl: the same.
            ttl_mode: the same.
            max_messages: the same.
            max_message_bytes: the same.

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
        return cls(clients.adopt_redis(client), made)

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
