"""`Session`: one conversation."""

from __future__ import annotations

from datetime import timedelta

from redialog.messages import Message, MessageLike
from redialog.sync.reads import SessionReads


class Session(SessionReads):
    """One conversation; made by `ChatMemory.session`.

    Every method that asks the server raises `TransportError` where it does not answer and
    `ServerError` where it refuses. A write to another user's session raises `OwnerMismatch`; one
    under an ``idempotency_key`` that stood for something else raises `IdempotencyMismatch`. A key
    costs an edit 1 round trip more and a fork 2; an owner whom the handle does not name costs 1,
    and so does the beginning of a session in a shared layout.
    """

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
