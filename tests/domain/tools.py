"""What the tests of the domain share: the recordings, and ways into and out of the codec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redialog import Message, codec

FIXTURES = Path(__file__).parent.parent / "fixtures"


def recording(name: str) -> Any:
    """A recording of what another library left in Redis."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def recorded(name: str) -> list[bytes]:
    """The elements of a recording's list, newest first, as they lie in Redis."""
    return [text.encode() for text in recording(name)["elements"]]


def recorded_by_flowise() -> list[bytes]:
    """Every element that any step of Flowise's recording left, once each."""
    steps = recording("flowise_redis.demo")["steps"]
    texts = (text for step in steps for key in step["redis"] for text in key["elements"])
    return [text.encode() for text in dict.fromkeys(texts)]


def write(message: Message, new_id: str = "new-id", at: int | None = 1_700_000_000_000) -> bytes:
    """The element that is stored for a message."""
    return codec.element(codec.stored(message, new_id, at))


def read(raw: bytes | dict[str, Any], *, strict: bool = True) -> Message:
    """The message of an element."""
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return codec.decode(data, key="chat:1", position=0, strict=strict)


def reread(message: Message) -> Message:
    """The message after it was stored and read back."""
    return read(write(message))


def data_of(raw: bytes) -> dict[str, Any]:
    """The ``data`` of an element."""
    found = json.loads(raw)["data"]
    assert isinstance(found, dict)
    return found
