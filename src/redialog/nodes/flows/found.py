"""A memory node of a flow: its place, its version, what it is set to, which credential it names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redialog import nodes
from redialog.nodes import NODES, NodeError

VERSION = 2
"""Of the nodes; what a version after the point changes can be read."""

_FIRST: dict[str, dict[str, object]] = {"upstashRedisBackedChatMemory": {"memoryKey": "history"}}
"""Nodes whose version 1 had only fields of today, and what it did without the others."""

_ID_INPUT = "FLOWISE_CREDENTIAL_ID"
"""An input in which Flowise repeats what the node's credential is called."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_SHOWN = 60


@dataclass(frozen=True)
class FlowNode:
    """A memory node as it stands in a flow; what its inputs hold is checked by `node`.

    Attributes:
        id: in the flow, such as ``RedisBackedChatMemory_0``.
        name: of the node's kind, a key of `redialog.nodes.NODES`.
        label: what the builder shows above it.
        version: of the node, as the flow says.
        inputs: what its fields are set to, unknown ones as well.
        credential_id: what the builder calls its credential; None where the flow names none.
        credential: the credential itself, where somebody has put it into the flow.
        flow: the name of its flow, where a file has several.
        place: where it stands in the file.
    """

    id: str
    name: str
    label: str
    version: float
    # Whatever is in them is not shown by accident.
    inputs: Mapping[str, object] = field(repr=False)
    credential_id: str | None = field(repr=False)
    credential: Mapping[str, object] | None = field(repr=False)
    flow: str | None
    place: str

    def node(self, credential: Mapping[str, object] | None = None, **options: Any) -> nodes.Node:
        """The node itself.

        Args:
            credential: what it connects with, as `redialog.nodes` takes it; before one of the flow.
            **options: more of the node's class, such as ``summarizer``.

        Raises:
            NodeError: an input or the credential is wrong; or there is none, and the node needs
                one, or the flow names one. Names the node by its id.

        Cost: no I/O.
        """
        given = credential or self.credential
        if given is None and self.needs_credential:
            raise wrong(self._who, "credential", self._missing())
        try:
            return nodes.made(self.name, self.inputs, given, **options)
        except NodeError as error:
            raise wrong(self._who, error.field, error.reason) from None

    @property
    def needs_credential(self) -> bool:
        """Whether the node needs one, or the flow names one."""
        return self.credential_id is not None or not NODES[self.name].credential.optional

    @property
    def _who(self) -> str:
        return named(self.id, self.flow)

    def _missing(self) -> str:
        if self.credential_id is None:
            kinds = " or ".join(NODES[self.name].credential.credential_names)
            which = f"the node needs one ({kinds})"
        else:
            # What looks like no id could be a secret that somebody has put there.
            name = f" {self.credential_id}" if _UUID.fullmatch(self.credential_id) else ""
            which = f"the flow names one{name}"
        return (
            f"{which}, and what is in it is not exported; give it to node(), or on the command "
            f"line with --credential {named(self.id)}=FILE.json"
        )


def of_data(
    name: str,
    node: object,
    data: Mapping[str, object],
    *,
    flow: str | None,
    place: str,
) -> FlowNode:
    """A memory node of a flow.

    Args:
        name: of its kind, as `redialog.nodes.NODES` writes it.
        node: the entry of the flow.
        data: of that entry.
        flow: the name of the flow, where a file has several.
        place: of the entry.

    Raises:
        NodeError: it is of another version, or has inputs or a credential of a wrong type.
    """
    outer = node.get("id") if isinstance(node, Mapping) else None
    node_id = outer or data.get("id")
    if not isinstance(node_id, str) or not node_id:
        raise wrong(place, "id", f"must be text that is not empty, not {shown_type(node_id)}")
    who = named(node_id, flow)
    version = _version(who, data.get("version"))
    inputs = data.get("inputs")
    if inputs is None:
        inputs = {}
    if not isinstance(inputs, Mapping):
        raise wrong(who, "inputs", f"must be an object, not {shown_type(inputs)}")
    inputs = dict(inputs)
    if version < VERSION:
        inputs = _of_version_1(who, name, inputs)
    credential_id, credential = _credential(who, data, inputs)
    label = data.get("label")
    return FlowNode(
        id=node_id,
        name=name,
        label=label if isinstance(label, str) and label else NODES[name].label,
        version=version,
        inputs=inputs,
        credential_id=credential_id,
        credential=credential,
        flow=flow,
        place=place,
    )


def _version(who: str, value: object) -> float:
    """The version of a node: 1 where there is none, as it was before they were counted."""
    if value is None:
        return 1
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < math.inf:
        raise wrong(who, "version", f"must be a number such as {VERSION}")
    if value >= VERSION + 1:
        raise wrong(
            who,
            "version",
            f"is {str(value)[:_MOST_SHOWN]}, and this redialog knows {VERSION}; update redialog",
        )
    return value


def _of_version_1(who: str, name: str, inputs: dict[str, object]) -> dict[str, object]:
    if name in _FIRST:
        return {**_FIRST[name], **inputs}
    raise wrong(
        who,
        "version",
        f"is 1, or not there, and this redialog knows {VERSION}: in the first version the address "
        "was an input, baseURL, and now it is a credential; replace the node in the builder",
    )


def _credential(
    who: str, data: Mapping[str, object], inputs: dict[str, object]
) -> tuple[str | None, Mapping[str, object] | None]:
    """What the builder calls the node's credential, and the credential, if it is in the flow."""
    ids: list[str] = []
    for value in (data.get("credential"), inputs.get("credential"), inputs.get(_ID_INPUT)):
        if isinstance(value, Mapping):
            # It is no input: an export of the node would show it as one.
            inputs.pop("credential", None)
            inputs.pop(_ID_INPUT, None)
            if value:
                return None, value
        elif isinstance(value, str):
            ids.append(value)
        elif value is not None:
            raise wrong(who, "credential", f"must be an id or an object, not {shown_type(value)}")
    return next(filter(None, ids), None), None


def wrong(who: str, field_name: str | None, reason: str) -> NodeError:
    """The error about a field of a node."""
    return NodeError(node=who, field=field_name, reason=reason)


def named(node: str, flow: str | None = None) -> str:
    """An id of a node, as an error has it.

    Args:
        node: the id.
        flow: the name of its flow, where a file has several: each counts its nodes from 0.
    """
    name = node if node.isprintable() and len(node) <= _MOST_SHOWN else shown(node)
    return name if flow is None else f"{name} of the flow {shown(flow)}"


def shown(text: str) -> str:
    """A name from a flow, short enough for an error."""
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")


def shown_type(value: object) -> str:
    """What JSON calls a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case Mapping():
            return "an object"
        case _:
            return "a list"
