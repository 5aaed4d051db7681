"""Exported chatflows: which memory nodes are in one, and how each of them is set.

::

    from redialog.nodes import flows

    for found in flows.read("support.json"):
        with found.node({"name": "redisCacheUrlApi", "redisUrl": "$REDIS_URL"}) as node:
            node.get_chat_messages()

What can be read: the file that a builder exports for a chatflow or an agentflow, a template of its
marketplace, what its API answers for a flow (``flowData`` is JSON in a text), and the file with all
flows of a workspace. None of them holds credentials.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from redialog.errors import ConfigurationError
from redialog.nodes import NODES
from redialog.nodes.flows import documents
from redialog.nodes.flows.found import FlowNode, named, of_data, shown, shown_type, wrong

__all__ = ["FlowNode", "memory_nodes", "read"]

_KINDS = ("ChatFlow", "AgentFlow", "AgentFlowV2", "AssistantFlow")
"""The lists of flows in the file with all of a workspace."""

_KNOWN = {name.casefold(): name for name in NODES}

_MOST_NAMED = 12


class _Flow(NamedTuple):
    """One flow of a document; its name where the document has several."""

    name: str | None
    nodes: list[object]

    def at(self, index: int) -> str:
        """Where a node stands."""
        flow = "" if self.name is None else f"flow {shown(self.name)}, "
        return f"{flow}nodes[{index}]"


def read(path: str | os.PathLike[str]) -> list[FlowNode]:
    """The memory nodes of the chatflow in a file.

    Args:
        path: of the file.

    Raises:
        NodeError: one of them is of another version, or its inputs or credential are none.
        ConfigurationError: the file cannot be read, is damaged, or has no such node.
    """
    return memory_nodes(_mapping(documents.read(path, "the flow")))


def memory_nodes(flow: str | bytes | Mapping[str, object]) -> list[FlowNode]:
    """The memory nodes of a chatflow, as they stand in it.

    Args:
        flow: as the builder exports it: as a JSON text, or parsed.

    Raises:
        NodeError: one of them is of another version, or its inputs or credential are none. What
            the inputs hold is checked by `FlowNode.node`.
        ConfigurationError: the flow is damaged, or has no such node.
    """
    if isinstance(flow, str | bytes):
        document = documents.parsed(flow, "the flow")
    else:
        document = documents.checked(flow, "the flow")
    found: list[FlowNode] = []
    others: dict[str, bool] = {}
    for one in _flows(_mapping(document)):
        of_flow: set[str] = set()
        for index, node in enumerate(one.nodes):
            place = one.at(index)
            name, data = _named(node, place)
            known = _KNOWN.get(name.casefold())
            if known is None:
                others[name] = others.get(name, False) or _remembers(name, data)
                continue
            made = of_data(known, node, data, flow=one.name, place=place)
            if made.id in of_flow:
                raise wrong(
                    named(made.id, one.name),
                    "id",
                    "another memory node of the flow has the same id",
                )
            of_flow.add(made.id)
            found.append(made)
    if not found:
        raise ConfigurationError(_none(others))
    return found


def _flows(document: Mapping[str, object]) -> Iterator[_Flow]:
    """The flows of a document, without what the formats wrap around them."""
    if "nodes" in document or "flowData" in document:
        yield _flow(document, None)
        return
    kinds = [kind for kind in _KINDS if document.get(kind)]
    if not kinds:
        raise ConfigurationError("the flow has no nodes: it is no exported chatflow")
    for kind in kinds:
        flows = document[kind]
        if not isinstance(flows, list):
            raise ConfigurationError(f"{kind} must be a list of flows, not {shown_type(flows)}")
        for index, one in enumerate(flows):
            if not isinstance(one, Mapping):
                raise ConfigurationError(f"{kind}[{index}] must be a flow, not {shown_type(one)}")
            name = one.get("name")
            yield _flow(one, name if isinstance(name, str) and name else f"{kind}[{index}]")


def _flow(document: Mapping[str, object], name: str | None) -> _Flow:
    what = "the flow" if name is None else f"the flow {shown(name)}"
    inner: object = document
    if "nodes" not in document:
        inner = document.get("flowData")
        if isinstance(inner, str):
            inner = documents.parsed(inner, f"flowData of {what}")
    nodes = inner.get("nodes") if isinstance(inner, Mapping) else None
    if not isinstance(nodes, list):
        raise ConfigurationError(f"{what} has no list of nodes: it is no exported chatflow")
    return _Flow(name, nodes)


def _named(node: object, place: str) -> tuple[str, Mapping[str, object]]:
    """A node's name, that of its kind, and its data."""
    data = node.get("data") if isinstance(node, Mapping) else None
    name = data.get("name") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(name, str):
        raise ConfigurationError(f"{place} is no node of a chatflow: it has no data with a name")
    return name, data


def _remembers(name: str, data: Mapping[str, object]) -> bool:
    """Whether it is a memory node of another kind."""
    return data.get("category") == "Memory" or "memory" in name.casefold()


def _none(others: Mapping[str, bool]) -> str:
    """What is said of a flow without any of the nodes."""
    text = "the flow has no memory node that keeps its messages in Redis"
    if not others:
        return f"{text}: it has no nodes at all"
    names = list(others)
    more = "" if len(names) <= _MOST_NAMED else f" and {len(names) - _MOST_NAMED} more"
    text += f", only {', '.join(map(shown, names[:_MOST_NAMED]))}{more}"
    if memories := [shown(name) for name, remembers in others.items() if remembers]:
        text += f"; {', '.join(memories[:_MOST_NAMED])} would have to be replaced"
    return f"{text}; known are {' and '.join(NODES)}"


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise ConfigurationError(f"the flow must be an object with nodes, not {shown_type(value)}")
