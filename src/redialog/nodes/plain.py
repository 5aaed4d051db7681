"""Messages in the form of the visual builders, and what is made of them.

They write ``{"text": ..., "type": "userMessage"}``, read ``{"message": ..., "type": ...}`` and have
``{"content": ..., "role": ...}`` in between; of each, all three are taken here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from redialog import stored
from redialog.errors import InvalidMessage
from redialog.messages import Message
from redialog.nodes.errors import NodeError
from redialog.nodes.reading import kind_of
from redialog.toolcalls import ToolCall

USER, API = "userMessage", "apiMessage"
_TYPES = {"user": USER, "assistant": API, "system": API}
_TEXTS = ("text", "message", "content")


def shown(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The messages as ``{"message", "type"}``.

    A tool's result has no such form, and a call of a tool without a word beside it neither.
    """
    return [
        {"message": message.content, "type": _TYPES[message.role]}
        for message in messages
        if message.role in _TYPES and (message.content or not message.tool_calls)
    ]


def given(messages: object, field: str, node: str) -> list[Message]:
    """The messages that somebody hands in.

    Args:
        messages: a list of them, oldest first: in the form of the builders, dicts in OpenAI's
            format, this library's and LangChain's messages.
        field: what an error calls the list.
        node: whom it names.

    Raises:
        NodeError: one of them is no message.
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Iterable):
        raise NodeError(
            node=node, field=field, reason=f"must be a list of messages, not {kind_of(messages)}"
        )
    found: list[Message] = []
    for index, value in enumerate(messages):
        place = f"{field}[{index}]"
        try:
            for message in _of_one(value):
                if message.role in ("damaged", "remove"):
                    raise InvalidMessage(f"a {message.role} message cannot be stored")
                found.append(message)
        except InvalidMessage as error:
            raise NodeError(node=node, field=place, reason=str(error)) from None
    return found


def _of_one(value: object) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif isinstance(value, Mapping):
        kind = value.get("type") if value.get("type") in (USER, API) else value.get("role")
        if kind == USER:
            yield Message.user(_with_uploads(_text(value), value.get("fileUploads")))
        elif kind == API:
            yield from _of_api(value)
        elif "data" in value and "role" not in value:
            yield stored.loaded(value)
        elif "role" in value:
            yield Message.from_openai(_with_content(value))
        else:
            raise InvalidMessage(f"needs a type: {USER} or {API}")
    elif hasattr(value, "content") and hasattr(value, "type"):
        from redialog.integrations.langchain import from_langchain

        yield from_langchain(value)
    else:
        raise InvalidMessage(f"must be a message or a dict of one, not {kind_of(value)}")


def _of_api(value: Mapping[str, Any]) -> Iterator[Message]:
    used, calls = value.get("usedTools") or [], value.get("tool_calls") or ()
    if not isinstance(used, list | tuple):
        raise InvalidMessage(f"usedTools must be a list, not {kind_of(used)}")
    for one in used:
        # A list of the builders can have holes.
        if one is not None:
            yield from _of_used(one)
    yield Message.assistant(_text(value, needed=not (used or calls)), tool_calls=calls)


def _of_used(value: object) -> Iterator[Message]:
    """The call of a tool and its result, of which the builders make one entry."""
    if not isinstance(value, Mapping) or not isinstance(value.get("tool"), str):
        raise InvalidMessage("an entry of usedTools needs the name of a tool, as text")
    args = value.get("toolInput")
    if not isinstance(args, Mapping):
        args = {} if args is None else {"input": args}
    call = ToolCall(value["tool"], args, f"call_{secrets.token_hex(12)}")
    output = value.get("toolOutput") or value.get("error") or ""
    yield Message.assistant(tool_calls=[call])
    yield Message.tool(_told(output), tool_call_id=call.id, name=call.name)


def _told(output: object) -> str:
    if isinstance(output, str):
        return output
    try:
        return msgspec.json.encode(output).decode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidMessage("the toolOutput of an entry of usedTools must be JSON") from None


def _text(value: Mapping[str, Any], *, needed: bool = True) -> Any:
    # Whether it is text or blocks, `Message` checks.
    said = [value[name] for name in _TEXTS if value.get(name) is not None]
    if said:
        return next(filter(None, said), said[0])
    if needed:
        raise InvalidMessage("needs a text")
    return ""


def _with_content(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dict with a role of OpenAI's, whose text can stand where the builders have it."""
    if value.get("content") or not any(value.get(name) for name in _TEXTS):
        return value
    others = {name: item for name, item in value.items() if name not in _TEXTS}
    return {**others, "content": _text(value)}


def _with_uploads(text: Any, uploads: object) -> Any:
    """The text with the images that came with it, as far as they can be seen from here.

    Of what lies in the builder's own storage only the builder knows more than the name.
    """
    if isinstance(uploads, str):
        try:
            uploads = msgspec.json.decode(uploads)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return text
    if not isinstance(uploads, list) or not isinstance(text, str):
        return text
    images = [
        {"type": "image_url", "image_url": {"url": upload["data"]}}
        for upload in uploads
        if isinstance(upload, Mapping)
        and upload.get("type") == "url"
        and str(upload.get("mime")).startswith("image")
        and isinstance(upload.get("data"), str)
    ]
    return [{"type": "text", "text": text}, *images] if images else text
