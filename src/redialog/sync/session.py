"""`Session`: one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

from redialog import drive
from redialog.effect import Op, Transport
from redialog.messages import Message, MessageLike
from redialog.ops import read
from redialog.ops.session import SessionInfo
from redialog.plan import SessionPlan

T = TypeVar("T")


class Session:
    """One conversation; made by `ChatMemory.session`.

    Every method that asks the server raises `TransportError` where it does not answer and
    `ServerError` where it refuses. A write to another user's session raises `OwnerMismatch`; one
    under an ``idempotency_key`` that stood for something else raises `IdempotencyMismatch`. A key
    costs an edit 1 round trip more and a fork 2; an owner whom the handle does not name costs 1,
    and so does the beginning of a session in a shared layout.
    """

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
            idempotency_key: any text; a call with the key of an earlier one of the same session
                within 60 seconds does nothing again. An error that leaves the write in doubt
                carries such a key as its ``token``.

        Returns:
            The messages as stored: with ids and times.

        Raises:
            InvalidMessage: a message cannot be stored; none was.

        Cost: 1 round trip; grows with the messages, not with the session. About one append in 64
        takes 2 more, which free the catalogue of expired sessions; one at ``max_messages`` 1 more;
        more than 1,000 messages or 4 MB 1 for each 1,000 or 4 MB; a session whose owner this handle
        does not name 1 more.
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
        return self._run(self._plan.messages(strict=strict))

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
            page = self._run(self._plan.page(cursor, strict=strict))
            yield from page.messages
            cursor = page.next

    def count(self) -> int:
        """The number of messages; 0 where there is no such session.

        Cost: 1 round trip, constant.
        """
        return self._run(read.count(self._plan.keys.log))

    def get(self, message_id: str) -> Message | None:
        """The message with an id; None where there is none.

        Args:
            message_id: as in `Message.id`. A message that another library stored without one has
                an id of the form ``x-<digest>-<sequence>``, from its bytes and its place.

        Raises:
            Conflict: several messages have it; its ``ids`` are ids that each have one.

        Cost: as `messages`; 1 round trip for an id of that form, as long as no older message goes.
        """
        return self._run(self._plan.get(message_id))

    def replace(
        self, message_id: str, message: MessageLike, *, idempotency_key: str | None = None
    ) -> Message:
        """Puts a message in the place of another, under its id.

        Args:
            message_id: of the one to replace.
            message: the new one. Where it was made by `Message.replace` of the old one, the old
                one must be as it was read.
            idempotency_key: as in `append`.

        Returns:
            The message as stored, with the id and, where it has none, the time of the old one.

        Raises:
            NotFound: there is no such message.
            Conflict: the old one was changed meanwhile, or several have that id.
            InvalidMessage: the new one cannot be stored.

        Cost: 1 round trip besides finding it, as `get`.
        """
        return self._run(self._plan.replace(message_id, message, idempotency_key))

    def remove(self, message_id: str, *, idempotency_key: str | None = None) -> bool:
        """Takes a message out; the others stay, also a tool's results without their call.

        Args:
            message_id: of the message.
            idempotency_key: as in `append`.

        Returns:
            Whether there was such a message.

        Raises:
            Conflict: it was changed meanwhile, or several have that id.

        Cost: 1 round trip besides finding it, as `get`; grows with the session.
        """
        return self._run(self._plan.remove(message_id, idempotency_key))

    def rewind(self, message_id: str, *, idempotency_key: str | None = None) -> int:
        """Drops what came after a message, which stays.

        Args:
            message_id: of the message.
            idempotency_key: as in `append`; a second call with it drops nothing again.

        Returns:
            How many messages were dropped.

        Raises:
            NotFound: there is no such message.
            Conflict: it was changed meanwhile, or several have that id.

        Cost: 1 round trip besides finding it, as `get`.
        """
        return self._run(self._plan.rewind(message_id, idempotency_key))

    def fork(
        self,
        new_id: str | None = None,
        at: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Session:
        """Makes a new session of this one's messages, title and owner, all at once.

        Args:
            new_id: of the new session; None for a random one.
            at: id of the newest message to take over; None for all.
            idempotency_key: as in `append`.

        Returns:
            A handle of the new session, with the settings of this one. Where those have no TTL,
            it lives as long as this one does.

        Raises:
            NotFound: there is no such session or message.
            SessionExists: there is a session of the new id.
            Conflict: the message was changed meanwhile, or several have that id.
            ConfigurationError: an id is not usable.

        Cost: 2 round trips under a random id in the own layout, else 7 for up to 99 messages,
        then 3 for each 1,000 or 4 MB. Finding ``at`` comes on top. The server copies the messages
        in one go: some 25 ms for 100,000 of 400 bytes.
        """
        plan, op = self._plan.fork(new_id, at, idempotency_key)
        self._run(op)
        return Session(self._transport, plan)

    def set_title(self, title: str | None, *, idempotency_key: str | None = None) -> bool:
        """Gives the session a title, which `info` and listings show.

        Args:
            title: at most 1,000 characters; None or empty removes it.
            idempotency_key: as in `append`.

        Returns:
            Whether there is such a session.

        Raises:
            ConfigurationError: the title is not usable.

        Cost: 1 round trip.
        """
        return self._run(self._plan.set_title(title, idempotency_key))

    def clear(self, *, idempotency_key: str | None = None) -> int:
        """Deletes the session and all that belongs to it.

        Args:
            idempotency_key: as in `append`; a second call with it deletes nothing again.

        Returns:
            How many messages it had.

        Cost: 1 round trip; 2 in a shared layout, or where the session has an owner whom this
        handle does not name.
        """
        return self._run(self._plan.clear(idempotency_key))

    def expire(self, ttl: timedelta | float, *, idempotency_key: str | None = None) -> bool:
        """Sets the session's TTL.

        Args:
            ttl: a timedelta or seconds, from now.
            idempotency_key: as in `append`.

        Returns:
            Whether there is such a session.

        Raises:
            InvalidTTL: it is not a positive, finite duration.

        Cost: 1 round trip.
        """
        return self._run(self._plan.expire(ttl, idempotency_key))

    def persist(self, *, idempotency_key: str | None = None) -> bool:
        """Removes the session's TTL.

        Args:
            idempotency_key: as in `append`.

        Returns:
            Whether there is such a session.

        Cost: 1 round trip.
        """
        return self._run(self._plan.persist(idempotency_key))

    def touch(self, *, idempotency_key: str | None = None) -> bool:
        """Renews the session's TTL, where that is not fixed, and notes an activity.

        Args:
            idempotency_key: as in `append`.

        Returns:
            Whether there is such a session.

        Cost: 1 round trip.
        """
        return self._run(self._plan.touch(idempotency_key))

    def info(self) -> SessionInfo:
        """Count, owner, title, times and TTL.

        Raises:
            UnknownVersion: the session was written by a newer redialog.

        Cost: 1 round trip, constant but for the oldest message, whose time is wanted.
        """
        return self._run(self._plan.info())

    def _run(self, op: Op[T]) -> T:
        return drive.run(op, self._transport)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r} on {self._transport.address}>"
