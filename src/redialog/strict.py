"""A context in the form that the strictest of the providers with OpenAI's API take.

What is done to the messages:

- all system messages, wherever they stand, become one at the very beginning, their texts in order;
- the results of a call directly follow it, in the order of its calls, also where the user spoke in
  between; a call without an id gets one, and so does one with an id that an earlier call has; a
  result without text says so; arguments that are no JSON object become one with an ``input``;
- empty messages and empty texts among blocks are left out;
- messages of the user in a row become one: their texts with a blank line between, their blocks one
  after the other; so do messages of the assistant in a row, unless results stand between;
- what the assistant says before the user's first message is left out, with its tool calls;
- only the fields of the format's core are there: role, content (blocks for the user, else text),
  name (where joined messages agree on it), tool calls and their ids.

No text of a user is lost, and nothing is left of a ``developer`` or ``function`` role.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import msgspec
from msgspec import structs

from redialog.groups import OUT, units
from redialog.messages import Content, Message
from redialog.toolcalls import ToolCall

NO_TEXT = "(no text)"
"""The content of a result that has none: some providers refuse an empty one."""

_BLANK_LINE = "\n\n"
_CALL_FIELDS = frozenset({"id", "type", "function", "custom"})


class _Sent(msgspec.Struct):
    """A message to be sent."""

    role: str
    content: Content
    name: str | None = None
    calls: Sequence[dict[str, object]] = ()
    call_id: str | None = None

    def to_openai(self) -> dict[str, object]:
        content = self.content or None if self.calls else self.content
        made: dict[str, object] = {"role": self.role, "content": content}
        if self.name is not None:
            made["name"] = self.name
        if self.calls:
            made["tool_calls"] = self.calls
        if self.call_id is not None:
            made["tool_call_id"] = self.call_id
        return made


def to_openai(messages: Sequence[Message]) -> list[dict[str, object]]:
    """The messages of a context in that form.

    Args:
        messages: oldest first; of a tool call and its results all are there or none.
    """
    systems = [message.text for message in messages if message.role == "system"]
    sent = _joined([_Sent("system", text) for text in systems if text.strip()])
    others = _joined(_in_order(messages))
    first = next((index for index, one in enumerate(others) if one.role == "user"), 0)
    return [one.to_openai() for one in (*sent, *others[first:])]


def _in_order(messages: Sequence[Message]) -> list[_Sent]:
    """The messages but the system ones, results where they belong."""
    belongs = units(messages, begins=True)
    results: dict[int, list[Message]] = {}
    for message, unit in zip(messages, belongs, strict=True):
        if message.role == "tool":
            results.setdefault(unit, []).append(message)
    sent: list[_Sent] = []
    ids: dict[str, int] = {}
    for index, message in enumerate(messages):
        if message.role in ("system", "tool") or belongs[index] == OUT:
            continue
        content = _user(message.content) if message.role == "user" else _spoken(message)
        one = _Sent(message.role, content, message.name)
        if index in results:
            answers = _answers(message.tool_calls, results[index], ids)
            one.calls = [_call(*call) for call in zip(message.tool_calls, answers, strict=True)]
            sent += [one, *answers]
        elif content:
            sent.append(one)
    return sent


def _answers(
    calls: Iterable[ToolCall], results: Iterable[Message], ids: dict[str, int]
) -> list[_Sent]:
    """The result of each call, under an id that no call before has."""
    found: dict[str | None, deque[Message]] = {}
    for result in results:
        found.setdefault(result.tool_call_id, deque()).append(result)
    answers: list[_Sent] = []
    for call in calls:
        result = found[call.id].popleft()
        text = result.text if result.text.strip() else NO_TEXT
        answers.append(_Sent("tool", text, result.name, call_id=_own(call.id, ids)))
    return answers


def _own(wanted: str | None, ids: dict[str, int]) -> str:
    """An id like the one wanted; ``ids`` has those that are taken, and what to try next."""
    own, like = wanted, wanted or "call"
    number = ids.get(like, 1)
    while own is None or own in ids:
        own, number = f"{like}_{number}", number + 1
    ids[like] = number
    ids.setdefault(own, 1)
    return own


def _call(call: ToolCall, answer: _Sent) -> dict[str, object]:
    if isinstance(call.args, str):
        call = structs.replace(call, args={"input": call.args} if call.args.strip() else {})
    form = {key: value for key, value in call.to_openai().items() if key in _CALL_FIELDS}
    return {"id": answer.call_id} | form | {"id": answer.call_id}


def _joined(sent: Iterable[_Sent]) -> list[_Sent]:
    """The same, where what has the same role and stands in a row is one message."""
    joined: list[_Sent] = []
    for role, run in groupby(sent, lambda one: one.role):
        same = list(run)
        if role == "tool" or len(same) == 1:
            joined += same
            continue
        names = {one.name for one in same}
        name = names.pop() if len(names) == 1 else None
        # Only the last can have calls: their results end the run.
        joined.append(_Sent(role, _content([one.content for one in same]), name, same[-1].calls))
    return joined


def _content(contents: Sequence[Content]) -> Content:
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return _BLANK_LINE.join(text for text in texts if text)
    blocks: list[Mapping[str, object]] = []
    for content in contents:
        blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return blocks


def _spoken(message: Message) -> str:
    """The assistant's text, or its refusal."""
    if message.text.strip():
        return message.text
    refusal = (message._openai or {}).get("refusal")
    return refusal if isinstance(refusal, str) else ""


def _user(content: Content) -> Content:
    """What the user sent, without what is empty."""
    if isinstance(content, str):
        return content if content.strip() else ""
    return [dict(block) for block in content if not _is_empty(block)]


def _is_empty(block: Mapping[str, object]) -> bool:
    text = block.get("text") or ""
    return block.get("type", "text") == "text" and isinstance(text, str) and not text.strip()
