"""Chat models that know what they are told, and nothing else."""

from __future__ import annotations

import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core._api import LangChainDeprecationWarning
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    convert_to_openai_messages,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

CALL = {"name": "weather", "args": {"city": "Bern"}, "id": "call_1", "type": "tool_call"}


@contextmanager
def deprecated() -> Iterator[None]:
    """Where a class is made that LangChain will take away: its warning of that, and no other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainDeprecationWarning)
        yield


def refused(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """What a strict provider has against these messages, in OpenAI's format."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a result without its call"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return "a call without its results"
        open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
    return "a call without its results" if open_calls else None


def answer_to(messages: Sequence[Mapping[str, Any]], *, tools: bool = False) -> dict[str, Any]:
    """The answer to messages in OpenAI's format, in that format."""
    said = " ".join(str(one["content"]) for one in messages if one["role"] != "assistant")
    asked = str(messages[-1]["content"])
    if messages[-1]["role"] == "tool":
        return {"role": "assistant", "content": f"The tool says {asked}."}
    if tools and "weather" in asked:
        function = {"name": CALL["name"], "arguments": '{"city": "Bern"}'}
        call = {"id": CALL["id"], "type": "function", "function": function}
        return {"role": "assistant", "content": "", "tool_calls": [call]}
    if "name" not in asked:
        return {"role": "assistant", "content": f"You said: {asked[-40:]}"}
    found = re.search(r"I'm (\w+)", said)
    return {
        "role": "assistant",
        "content": f"Your name is {found[1]}." if found else "You have not told me.",
    }


class Recaller(BaseChatModel):
    """Answers as `answer_to` says, word by word where it is asked for that.

    Attributes:
        seen: what it was given, each time.
        before: called before it answers; raises what the model shall raise.
        abefore: awaited in asyncio.
    """

    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it
    before: Callable[[list[BaseMessage]], Any] | None = None
    abefore: Callable[[list[BaseMessage]], Any] | None = None
    has_tools: bool = False

    @property
    def _llm_type(self) -> str:
        return "recaller"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        """The same, with tools."""
        made = self.model_copy(update={"has_tools": bool(tools)})
        made.seen = self.seen
        return made

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        self.seen.append(messages)
        told = convert_to_openai_messages(messages)
        assert isinstance(told, list)
        assert (wrong := refused(told)) is None, wrong
        said = answer_to(told, tools=self.has_tools)
        calls: list[Any] = [CALL] if "tool_calls" in said else []
        return AIMessage(
            said["content"],
            tool_calls=calls,
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        )

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        if self.before is not None:
            self.before(messages)
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        if self.abefore is not None:
            await self.abefore(messages)
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    def _stream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        if self.before is not None:
            self.before(messages)
        yield from self._pieces(messages)

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        if self.abefore is not None:
            await self.abefore(messages)
        for piece in self._pieces(messages):
            yield piece

    def _pieces(self, messages: list[BaseMessage]) -> Iterator[ChatGenerationChunk]:
        reply = self._reply(messages)
        for word in str(reply.content).split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word + " "))
        last = AIMessageChunk(
            content="", tool_calls=reply.tool_calls, usage_metadata=reply.usage_metadata
        )
        yield ChatGenerationChunk(message=last)
