"""Messages that LangChain JS made of ``contentBlocks``: it stores those without their content."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import messages_from_dict

from redialog import Message
from tests.domain.tools import data_of, read, reread, write

BLOCKS: list[Any] = [{"type": "text", "text": "hello"}, {"type": "reasoning", "reasoning": "why"}]
V1 = {"output_version": "v1"}
WITHOUT = {"type": "ai", "data": {"content_blocks": BLOCKS, "response_metadata": V1}}
WITH = {"type": "ai", "data": {"content": BLOCKS, "content_blocks": BLOCKS}}


@pytest.mark.parametrize("lenient", [False, True])
def test_blocks_are_the_content_where_there_is_no_other(lenient: bool) -> None:
    """Also in an element that only the lenient reader takes."""
    odd = {"usage_metadata": {"cost": float("nan")}} if lenient else {}
    message = read({"type": "ai", "data": {**WITHOUT["data"], **odd}})  # type: ignore[dict-item]
    assert (message.content, message.text) == (BLOCKS, "hello")


@pytest.mark.parametrize("blocks", ["x", [1], {}, None])
def test_what_are_no_blocks_are_no_content(blocks: object) -> None:
    """Nor a reason to lose the message."""
    message = read({"type": "ai", "data": {"content_blocks": blocks}})
    assert (message.content, message.damage) == ("", None)


def test_it_is_written_again_with_its_content() -> None:
    """Some readers leave out what has none."""
    written = data_of(write(read(WITHOUT)))
    assert written["content"] == written["content_blocks"] == BLOCKS
    assert written["response_metadata"] == V1
    assert reread(read(WITHOUT)).content == BLOCKS


@pytest.mark.parametrize("element", [WITHOUT, WITH])
def test_a_changed_content_is_not_contradicted(element: dict[str, Any]) -> None:
    """LangChain in Python reads the blocks, where there are any, and not the content."""
    changed = write(read(element).replace(content="changed"))
    assert messages_from_dict([json.loads(changed)])[0].content == "changed"


def test_other_changes_leave_the_blocks() -> None:
    """What was not changed is what it was."""
    changed = data_of(write(read(WITH).replace(name="ada")))
    assert changed == {**WITH["data"], "name": "ada", "id": "new-id"}  # type: ignore[dict-item]
    assert read(WITH) == Message.assistant(BLOCKS).replace(id=read(WITH).id)
