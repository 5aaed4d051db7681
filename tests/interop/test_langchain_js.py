"""LangChain in JavaScript, the real package on Node, loads what is written here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from redialog import Message, ToolCall, codec

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "interop"

KINDS = {
    "human": Message.user("hi \x00\u2028 😀", name="ada", metadata={"a": 1}),
    "blocks": Message.user([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {}}]),
    "system": Message.system("be brief"),
    "developer": Message.parse({"role": "developer", "content": "be brief"}),
    "ai": Message.assistant("hello"),
    "calls": Message.assistant(
        tool_calls=[ToolCall("f", {"a": [1, None]}, "c1"), ToolCall("g", "{bad", "c2")]
    ),
    "custom call": Message.from_openai(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "z"}}],
        }
    ),
    "tool": Message.tool("21", tool_call_id="c1", name="f"),
    "tool without a call": Message.tool("21"),
    "function": Message.from_openai({"role": "function", "name": "f", "content": "21"}),
    "extra": Message.assistant("x").replace(extra={"usage_metadata": {"input_tokens": 1}}),
}


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the pinned packages of package.json, installed once."""
    npm = shutil.which("npm")
    assert npm, "the tests need node and npm: apt-get install nodejs npm"
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    installed = CACHE / "package.json"
    if not (CACHE / "node_modules").exists() or installed.read_text() != wanted:
        installed.write_text(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(command, cwd=CACHE, check=True, env={**os.environ, "CI": "true"})
    shutil.copy(HERE / "read.mjs", CACHE / "read.mjs")
    return CACHE


def test_langchain_js_loads_every_kind(packages: Path) -> None:
    """Each kind of message is one that mapStoredMessagesToChatMessages loads, with its fields."""
    stored = [codec.stored(message, f"id-{name}", 1) for name, message in KINDS.items()]
    elements = [codec.element(message).decode() for message in stored]
    answer = subprocess.run(
        ["node", "read.mjs"],
        cwd=packages,
        input=json.dumps(elements),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    types = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
    for message, loaded in zip(stored, found, strict=True):
        assert loaded["type"] == types[message.role]
        assert loaded["content"] == message.content
        assert loaded["id"] == message.id
        assert loaded.get("name") == message.name
        calls = [*(loaded.get("tool_calls") or ()), *(loaded.get("invalid_tool_calls") or ())]
        assert [(c["name"], c["args"], c["id"]) for c in calls] == [
            (call.name, call.args, call.id) for call in message.tool_calls
        ]
        if message.role == "tool":
            assert loaded["tool_call_id"] == (message.tool_call_id or "")
