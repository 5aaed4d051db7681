"""Every kind of message that one of the libraries can write, in plain fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.interop.messages import Told, normal

Family: TypeAlias = Literal["redialog", "adapter", "node", "python", "javascript", "flowise"]
"""Of libraries: those of one family have the same classes of messages."""

LANGCHAIN: frozenset[Family] = frozenset({"adapter", "node", "python", "javascript"})
MOST: frozenset[Family] = LANGCHAIN | {"redialog"}
ALL: frozenset[Family] = MOST | {"flowise"}
ONLY_OURS: frozenset[Family] = frozenset({"redialog"})
ONLY_JS: frozenset[Family] = frozenset({"javascript"})
ONLY_PYTHON: frozenset[Family] = frozenset({"python"})

ODD = (
    "NUL \x00, separators \u2028 \u2029 \x1e, quotes \" \\ ', emoji 🌦 👩\u200d👩\u200d👧, é e\u0301"
)
BIG = 2**60 + 1


@dataclass(frozen=True)
class Kind:
    """One kind of message.

    Args:
        name: as the table calls it.
        type: LangChain's name of the class; ``ai chunk`` is a piece of a streamed answer.
        fields: what is given to the class; an application of this library gives the same.
        by: which families can make one.
        more: what the class says besides, by itself.
        before: other messages that it stands behind: a result needs its call.
        after: other messages that stand behind it.
    """

    name: str
    type: str
    fields: Mapping[str, Any]
    by: frozenset[Family] = field(default=MOST)
    more: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Kind, ...] = ()
    after: tuple[Kind, ...] = ()

    @property
    def session(self) -> list[Kind]:
        """All messages of a session that has it."""
        return [*self.before, self, *self.after]

    @property
    def together(self) -> int:
        """How many they are."""
        return len(self.before) + 1 + len(self.after)

    @property
    def said(self) -> Told:
        """What a reader that loses nothing sees."""
        return normal(self.type.removesuffix(" chunk"), {**self.fields, **self.more})

    @property
    def plain(self) -> dict[str, Any]:
        """Type and fields, for another process."""
        return {"type": self.type, "fields": dict(self.fields)}


def _call(name: str, args: object, call_id: str) -> dict[str, Any]:
    return {"name": name, "args": args, "id": call_id, "type": "tool_call"}


def _malformed(name: str, args: str, call_id: str, error: str) -> dict[str, Any]:
    call = {"name": name, "args": args, "id": call_id, "error": error}
    return call | {"type": "invalid_tool_call"}


def _results(*call_ids: str) -> tuple[Kind, ...]:
    return tuple(Kind("", "tool", {"content": "21C", "tool_call_id": one}) for one in call_ids)


CALL = Kind("", "ai", {"content": "", "tool_calls": [_call("f", {}, "c1")]})
BLOCKS = [
    {"type": "text", "text": "What is this?"},
    {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
    },
]
THOUGHTS = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
    {"type": "text", "text": "A cat.", "annotations": [{"start": 0, "url": "https://x.test/"}]},
]
USAGE = {
    "input_tokens": 12,
    "output_tokens": 5,
    "total_tokens": 17,
    "input_token_details": {"cache_read": 4},
    "output_token_details": {"reasoning": 2},
}
RESPONSE = {"model_name": "m-1", "finish_reason": "stop", "logprobs": {"content": [-0.25]}}
FURTHER = {"reasoning_content": "Let me see.", "citations": [{"n": 1}]}

KINDS = [
    Kind("text of the user", "human", {"content": ODD}, ALL),
    Kind("text of the model", "ai", {"content": ODD}, ALL),
    Kind("empty text", "ai", {"content": ""}),
    Kind("name and id", "human", {"content": "hi", "name": "ada", "id": "m-1"}),
    Kind("blocks: text and image", "human", {"content": BLOCKS}),
    Kind("blocks of the model", "ai", {"content": THOUGHTS}),
    Kind("system", "system", {"content": "Be brief.", "name": "rules"}),
    Kind(
        "developer",
        "system",
        {"content": "Be brief.", "additional_kwargs": {"__openai_role__": "developer"}},
    ),
    Kind(
        "usage and metadata of the model",
        "ai",
        {
            "content": "hi",
            "id": "run-1",
            "name": "bot",
            "usage_metadata": USAGE,
            "response_metadata": RESPONSE,
            "additional_kwargs": FURTHER,
        },
    ),
    Kind(
        "tool calls",
        "ai",
        {
            "content": "",
            "tool_calls": [
                _call("f", {"city": "Zürich", "n": [1, None]}, "c1"),
                _call("g", {}, "c2"),
            ],
        },
        after=_results("c1", "c2"),
    ),
    Kind(
        "malformed tool calls",
        "ai",
        {
            "content": "",
            "tool_calls": [_call("f", {"a": 0.5}, "c1")],
            "invalid_tool_calls": [_malformed("g", '{"a": ', "c2", "cut off")],
        },
        after=_results("c1", "c2"),
    ),
    Kind(
        "result of a tool",
        "tool",
        {
            "content": "21C",
            "tool_call_id": "c1",
            "name": "f",
            "status": "error",
            "artifact": {"rows": [[1, "a"], [2, None]]},
        },
        before=(CALL,),
    ),
    Kind("function", "function", {"content": "21C", "name": "f"}),
    Kind("a free role", "chat", {"content": "No.", "role": "critic"}, LANGCHAIN),
    Kind(
        "piece of a streamed answer",
        "ai chunk",
        {
            "content": "hi",
            "id": "run-2",
            "usage_metadata": USAGE,
            "tool_call_chunks": [
                {
                    "name": "f",
                    "args": '{"a": 1}',
                    "id": "c1",
                    "index": 0,
                    "type": "tool_call_chunk",
                }
            ],
        },
        LANGCHAIN,
        {"tool_calls": [_call("f", {"a": 1}, "c1")]},
        after=_results("c1"),
    ),
    Kind(
        "integers above 2^53",
        "ai",
        {
            "content": "",
            "tool_calls": [_call("f", {"n": BIG}, "c1")],
            "additional_kwargs": {"n": BIG},
        },
        after=_results("c1"),
    ),
    Kind("decimals such as 1.0", "ai", {"content": "hi", "additional_kwargs": {"n": [1.0, 0.5]}}),
    Kind("half of an emoji", "human", {"content": "x\ud83d"}, LANGCHAIN - {"node"} | {"flowise"}),
    Kind("NaN", "ai", {"content": "hi", "additional_kwargs": {"n": float("nan")}}, ONLY_PYTHON),
    Kind(
        "contentBlocks",
        "ai",
        {
            "contentBlocks": [
                {"type": "text", "text": "hi"},
                {"type": "reasoning", "reasoning": "x"},
            ]
        },
        ONLY_JS,
        {"response_metadata": {"output_version": "v1"}},
    ),
    Kind(
        "output version v1",
        "ai",
        {
            "content": [{"type": "text", "text": "hi"}],
            "response_metadata": {"output_version": "v1"},
        },
        LANGCHAIN,
    ),
    Kind(
        "metadata of a tool's result",
        "tool",
        {"content": "21C", "tool_call_id": "c1", "metadata": {"a": 1}},
        ONLY_JS,
        before=(CALL,),
    ),
    Kind("request to remove", "remove", {"id": "m-1"}, ONLY_PYTHON | ONLY_JS),
    Kind(
        "metadata of the application",
        "human",
        {"content": "hi", "our metadata": {"channel": "web"}},
        ONLY_OURS,
    ),
    Kind("result without a call", "tool", {"content": "21C"}, ONLY_OURS),
    Kind(
        "calls in another order, with more fields",
        "ai",
        {
            "content": "",
            "tool_calls": [_call("f", {}, "c2") | {"further": {"index": 1}}],
            "invalid_tool_calls": [
                _malformed("g", "{", "c1", "cut off") | {"further": {"index": 0}}
            ],
            "order": ["c1", "c2"],
        },
        ONLY_OURS,
        after=_results("c1", "c2"),
    ),
    Kind(
        "fields of an OpenAI message",
        "ai",
        {"content": "", "openai": {"refusal": "No."}},
        ONLY_OURS,
    ),
]
