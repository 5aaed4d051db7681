"""The inputs of a node, as a flow file has them, and as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from redialog.nodes.credentials import Credential, resolved
from redialog.nodes.describing import CREDENTIALS, Descriptor
from redialog.nodes.errors import NodeError
from redialog.nodes.reading import Reader, is_set, kind_of
from redialog.nodes.secret import MASK, masked_url
from redialog.settings import TTLMode

MODES = ("sliding", "fixed", "on_read")
_MOST = (1 << 31) - 1
_LONGEST_S = (1 << 47) // 1000
"""The longest TTL, as `redialog.settings` has it."""

_KEPT_SECRET = {
    field.name: field.type
    for descriptor in CREDENTIALS.values()
    for field in descriptor.inputs
    if field.type in ("password", "url")
}
"""Fields of credentials, which a builder also takes from among the inputs."""


_OF_CREDENTIALS = {"plainDataObj", *CREDENTIALS, *_KEPT_SECRET}


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is told.

    Attributes:
        session_id: empty for a random one.
        session_ttl: in seconds.
        memory_key: the variable of the prompt.
        window_size: so many of the newest exchanges.
        max_tokens: so many tokens.
        summarize: whether a summary stands for what is older.
        key_prefix: what keys begin with.
        user_id: whom the session belongs to.
        ttl_mode: what renews the TTL.
        base_url: of the REST service.
    """

    session_id: str
    session_ttl: int | None
    memory_key: str
    window_size: int | None
    max_tokens: int | None
    summarize: bool
    key_prefix: str
    user_id: str | None
    ttl_mode: TTLMode
    base_url: str


def inputs_of(values: object, descriptor: Descriptor) -> Inputs:
    """The inputs of a node, checked.

    Args:
        values: as a flow file has them.
        descriptor: of the node; fields that it does not have are not looked at.

    Raises:
        NodeError: one of them is of a wrong type.
    """
    node = descriptor.name
    if not isinstance(values, Mapping):
        raise NodeError(
            node=node, field="inputs", reason=f"must be a mapping, not {kind_of(values)}"
        )
    names = {field.name for field in descriptor.inputs}
    known = {name: value for name, value in values.items() if name in names}
    reader = Reader(node, known, templates=True)
    return Inputs(
        session_id=reader.text("sessionId"),
        session_ttl=reader.whole("sessionTTL", _LONGEST_S),
        memory_key=reader.text("memoryKey", "chat_history"),
        window_size=reader.whole("windowSize", _MOST),
        max_tokens=reader.whole("maxTokens", _MOST),
        summarize=reader.flag("summarize"),
        key_prefix=reader.text("keyPrefix"),
        user_id=reader.text("userId") or None,
        ttl_mode=cast(TTLMode, reader.choice("ttlMode", MODES)),
        base_url=str(resolved(reader.text("baseURL").strip(), "baseURL", node)[0]),
    )


def exported(
    descriptor: Descriptor, values: Mapping[str, object], credential: Credential | None
) -> dict[str, Any]:
    """A node as a flow file has it, without secrets.

    The fields of the original are always there; this library's own where they are set; what the
    descriptor does not know is as it was given.
    """
    made: dict[str, object] = {}
    for field in descriptor.inputs:
        value = values.get(field.name)
        if is_set(value) or not field.redialog:
            default = "" if field.default is None else field.default
            made[field.name] = value if is_set(value) else default
    for name, value in values.items():
        if name not in {field.name for field in descriptor.inputs} and not _is_credential(value):
            made[name] = _safe(value, _KEPT_SECRET.get(name, ""))
    return {
        "name": descriptor.name,
        "version": descriptor.version,
        "inputs": made,
        "credential": None if credential is None else credential.export(),
    }


def _is_credential(value: object) -> bool:
    """Whether somebody has put a whole credential among the inputs."""
    return isinstance(value, Mapping) and any(name in _OF_CREDENTIALS for name in value)


def _safe(value: object, kind: str) -> object:
    if not kind or not is_set(value):
        return value
    return masked_url(value) if kind == "url" and isinstance(value, str) else MASK
