"""`Node`: what the chat memory nodes have in common."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from redialog import sharing
from redialog.aio import AsyncSession
from redialog.errors import ConfigurationError, InvalidMessage, InvalidSessionId, MessageTooLarge
from redialog.memory import selecting
from redialog.memory.steps import Steps, arun, run
from redialog.messages import Message
from redialog.nodes import plain
from redialog.nodes.credentials import Credential, credential_of
from redialog.nodes.describing import Descriptor
from redialog.nodes.errors import NodeError
from redialog.nodes.handing import handing_of, read
from redialog.nodes.inputs import Inputs, exported, inputs_of
from redialog.nodes.reading import kind_of
from redialog.sync import Session


class Node:
    """A chat memory node of a flow.

    Args:
        inputs: what its fields are set to, under the names of the descriptor: as a flow file has
            them, numbers also as text, and empty text for what is not set. Unknown ones are kept.
        credential: what it connects with: ``{"name": ..., ...}`` with the fields of its kind.
        summarizer: writes the summary, where ``summarize`` asks for one: a function, see
            `redialog.summarizers`, a chat model of LangChain's, or a `RollingSummary`, which says
            when. None for `KeySentences`, which needs no model.

    Attributes:
        descriptor: what the node looks like.
        session_id: of its session; where the inputs name none, a random one, the same for the
            node's life.
        memory_key: the variable of the prompt that takes the messages.

    Raises:
        NodeError: an input or the credential is wrong.

    All nodes of a process that connect to the same place in the same way share their connections,
    which close with the last of them: by `close`, at the end of a ``with``, or when it is
    forgotten. Each method that asks the server has a twin to be awaited, with an ``a`` before its
    name.

    Cost: no I/O.
    """

    descriptor: ClassVar[Descriptor]

    def __init__(
        self,
        inputs: Mapping[str, object],
        credential: Mapping[str, object] | Credential | None = None,
        *,
        summarizer: Any = None,
    ) -> None:
        name = self.descriptor.name
        self._told: Inputs = inputs_of(inputs, self.descriptor)
        self._inputs = dict(inputs)
        self._credential = credential_of(
            credential, self.descriptor.credential.credential_names, name
        )
        self._handing = handing_of(self._told, summarizer, name)
        self.session_id = self._told.session_id or str(uuid.uuid4())
        self.memory_key = self._told.memory_key
        self._lease = self._leased()
        self._check_ids()

    @property
    def label(self) -> str:
        """What the node is called in a palette."""
        return self.descriptor.label

    def get_chat_messages(
        self,
        override_session_id: str = "",
        return_base_messages: bool | Literal["langchain"] = False,
        prepend_messages: Iterable[object] | None = None,
    ) -> list[Any]:
        """The conversation, as far as the node hands it over, oldest first.

        Args:
            override_session_id: of another session; empty for the node's own.
            return_base_messages: give `redialog.Message` objects, with ``"langchain"``
                LangChain's; else dicts ``{"message", "type"}``, the type ``userMessage`` or
                ``apiMessage``.
            prepend_messages: come first and count for no limit; in any form that
                `add_chat_messages` takes.

        Returns:
            The messages. As dicts they are what can be shown: system messages as ``apiMessage``,
            no results of tools, no calls of tools that came without text. As messages they are
            what a model can be given: no calls without all of their results, no results without
            their call. What is damaged is in neither; `session` shows it.

        Raises:
            NodeError: an argument is wrong.
            WrongType: the key holds something else.

        ``windowSize`` exchanges at most, the newest, whole; ``maxTokens`` at most, of all that is
        given but for what is prepended: where the newest exchange alone has more, there is the
        summary, or nothing. With ``summarize`` a summary comes first, a system message; without
        either limit some 2,000 tokens follow it word for word.

        Cost: that of `Session.messages`; of `Session.window` with ``windowSize``, of
        `Session.context` with ``maxTokens`` or ``summarize``.
        """
        self._check_form(return_base_messages)
        before = self._before(prepend_messages)
        found = run(read(self.session(override_session_id), self._handing))
        return self._given([*before, *found], return_base_messages)

    async def aget_chat_messages(
        self,
        override_session_id: str = "",
        return_base_messages: bool | Literal["langchain"] = False,
        prepend_messages: Iterable[object] | None = None,
    ) -> list[Any]:
        """As `get_chat_messages`."""
        self._check_form(return_base_messages)
        before = self._before(prepend_messages)
        found = await arun(read(self.asession(override_session_id), self._handing))
        return self._given([*before, *found], return_base_messages)

    def add_chat_messages(self, messages: Iterable[object], override_session_id: str = "") -> None:
        """Stores messages, all of them or none, in the order given.

        Args:
            messages: oldest first. A dict of a builder has a ``type`` (or ``role``),
                ``userMessage`` or ``apiMessage``, and a ``text`` (or ``message``, ``content``); an
                ``apiMessage`` may have ``tool_calls``, or ``usedTools``, which are stored before it
                as calls and results; a ``userMessage`` ``fileUploads``, of which the images with a
                URL are stored. Others are dicts in OpenAI's format, `redialog.Message` objects, and
                messages of LangChain's, also in their stored form.
            override_session_id: of another session; empty for the node's own.

        Raises:
            NodeError: one of them is no message, or cannot be stored, or another argument is wrong;
                nothing was stored.
            MessageTooLarge: one of them is too large; nothing was stored.
            OwnerMismatch: the session belongs to another user than ``userId``.

        ``sessionTTL`` begins anew; without it a running one is left alone.

        Cost: 1 round trip, or as `Session.append` says.
        """
        given = plain.given(messages, "messages", self.descriptor.name)
        run(self._adding(self.session(override_session_id), given))

    async def aadd_chat_messages(
        self, messages: Iterable[object], override_session_id: str = ""
    ) -> None:
        """As `add_chat_messages`."""
        given = plain.given(messages, "messages", self.descriptor.name)
        await arun(self._adding(self.asession(override_session_id), given))

    def clear_chat_messages(self, override_session_id: str = "") -> None:
        """Deletes a session, with its summary; of two only the one that is named.

        Args:
            override_session_id: of another session; empty for the node's own.

        Raises:
            NodeError: the id is not usable.

        Cost: 2 round trips.
        """
        run(_clearing(self.session(override_session_id)))

    async def aclear_chat_messages(self, override_session_id: str = "") -> None:
        """As `clear_chat_messages`."""
        await arun(_clearing(self.asession(override_session_id)))

    def session(self, override_session_id: str = "") -> Session:
        """The session beneath, for all else: the damaged elements, TTL, owner, fork, explain.

        Args:
            override_session_id: of another session; empty for the node's own.

        Raises:
            NodeError: the id is not usable.
            Closed: the node was closed.

        Cost: no I/O.
        """
        session: Session = self._session(self._lease.memory(), override_session_id)
        return session

    def asession(self, override_session_id: str = "") -> AsyncSession:
        """As `session`, for the running event loop; not awaited itself."""
        session: AsyncSession = self._session(self._lease.amemory(), override_session_id)
        return session

    def export(self) -> dict[str, Any]:
        """The node as a flow file has it: ``name``, ``version``, ``inputs``, ``credential``.

        This library's own fields are there where they are set, unknown ones as they were given. Of
        a credential the secrets are masked, and so are fields that it does not know; what names a
        variable of the environment is as it was given.
        """
        return exported(self.descriptor, self._inputs, self._credential)

    def close(self) -> None:
        """Gives up the connections, which the last node that shares them closes."""
        self._lease.close()

    async def aclose(self) -> None:
        """As `close`; those of the running event loop are closed when it returns."""
        await self._lease.aclose()

    def _leased(self) -> sharing.Lease:
        """A share in the connections to where the node leads."""
        raise NotImplementedError

    def _lease_of(self, field: str, url: str, token: str | None = None) -> sharing.Lease:
        try:
            return sharing.lease(url, token=token, key_prefix=self._told.key_prefix, linger=False)
        except ConfigurationError as error:
            raise self._wrong(field, str(error)) from None

    def _check_ids(self) -> None:
        memory = self._lease.memory()
        # With a prefix that no id goes with, the id is not what is wrong.
        for field, session_id, user_id in (
            ("keyPrefix", "any", None),
            ("sessionId", self.session_id, None),
            ("userId", self.session_id, self._told.user_id),
        ):
            try:
                memory.session(session_id, user_id=user_id)
            except InvalidSessionId as error:
                raise self._wrong(field, str(error)) from None

    def _session(self, memory: Any, override_session_id: str) -> Any:
        field = "override_session_id"
        if override_session_id is not None and not isinstance(override_session_id, str):
            raise self._wrong(field, f"must be text, not {kind_of(override_session_id)}")
        try:
            return memory.session(
                override_session_id or self.session_id,
                user_id=self._told.user_id,
                ttl=self._told.session_ttl,
                ttl_mode=self._told.ttl_mode,
            )
        except InvalidSessionId as error:
            raise self._wrong(field, str(error)) from None

    def _adding(self, session: Any, messages: Sequence[Message]) -> Steps[None]:
        try:
            yield session.append(*messages)
        except MessageTooLarge:
            raise
        except InvalidMessage as error:
            raise self._wrong("messages", str(error)) from None

    def _before(self, messages: Iterable[object] | None) -> list[Message]:
        if messages is None:
            return []
        return plain.given(messages, "prepend_messages", self.descriptor.name)

    def _check_form(self, form: bool | Literal["langchain"]) -> None:
        if form not in (True, False, "langchain"):
            raise self._wrong("return_base_messages", 'must be True, False or "langchain"')

    def _given(self, messages: Sequence[Message], form: bool | Literal["langchain"]) -> list[Any]:
        if not form:
            return plain.shown(messages)
        base = list(selecting.usable(messages))
        if form == "langchain":
            from redialog.integrations.langchain import to_langchain

            return [to_langchain(message) for message in base]
        return base

    def _wrong(self, field: str, reason: str) -> NodeError:
        return NodeError(node=self.descriptor.name, field=field, reason=reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the session {self.session_id!r}>"


def _clearing(session: Any) -> Steps[None]:
    yield session.clear()
