"""Chatflows for tests, of the form in which the builders export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redialog.nodes import NODES

REDIS, UPSTASH = "RedisBackedChatMemory", "upstashRedisBackedChatMemory"
CREDENTIAL_ID = "3f0c8a52-6a1e-4f27-9d0b-1c2d3e4f5a6b"


def memory_node(
    name: str = REDIS, inputs: dict[str, Any] | None = None, at: int = 0, **data: Any
) -> dict[str, Any]:
    """A memory node on the canvas.

    Args:
        name: of its kind.
        inputs: what is set, beside what the builder writes for fields that are not.
        at: its number among the nodes of its kind.
        **data: more of its data, or other; `Ellipsis` takes a key out.
    """
    descriptor = NODES[name]
    node_id = f"{name}_{at}"
    original = [field for field in descriptor.inputs if not field.redialog]
    made = {
        "id": node_id,
        "label": descriptor.label,
        "version": 2,
        "name": name,
        "type": descriptor.type,
        "baseClasses": [descriptor.type, "BaseChatMemory", "BaseMemory"],
        "category": "Memory",
        "description": "Keeps the conversation",
        "inputParams": [
            {"label": field.label, "name": field.name, "type": field.type, "optional": True}
            for field in original
        ],
        "inputAnchors": [],
        "inputs": {
            **{field.name: field.default or "" for field in original},
            **(inputs or {}),
        },
        "outputAnchors": [{"id": f"{node_id}-output", "name": name, "label": descriptor.type}],
        "outputs": {},
        "selected": False,
        **data,
    }
    return {
        "width": 300,
        "height": 328,
        "id": made["id"],
        "position": {"x": 121.5, "y": -40},
        "type": "customNode",
        "data": {key: value for key, value in made.items() if value is not ...},
        "selected": False,
    }


def other_node(name: str, category: str, **inputs: Any) -> dict[str, Any]:
    """Any other node on the canvas."""
    data = {
        "id": f"{name}_0",
        "label": name,
        "version": 3,
        "name": name,
        "category": category,
        "inputParams": [],
        "inputs": inputs,
        "outputs": {},
    }
    return {"id": f"{name}_0", "position": {"x": 0, "y": 0}, "type": "customNode", "data": data}


def flow(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A conversation chain with a model, a note, and these nodes."""
    return {
        "nodes": [
            other_node("chatOpenAI", "Chat Models", modelName="gpt-4o-mini", temperature=0.9),
            other_node("conversationChain", "Chains", memory="{{memory.data.instance}}"),
            {**other_node("stickyNote", "Utilities", note="hello"), "type": "stickyNote"},
            *nodes,
        ],
        "edges": [{"source": node["id"], "target": "conversationChain_0"} for node in nodes],
    }


def written(folder: Path, document: Any, name: str = "flow.json") -> str:
    """The path of a file with the document as JSON, as the builders write it."""
    path = folder / name
    path.write_text(json.dumps(document, indent=2), "utf-8")
    return str(path)
