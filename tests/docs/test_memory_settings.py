"""The server's settings that the documentation recommends do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from redialog import ChatMemory, Message
from redialog.keys import OwnLayout, SessionKeys, bucket
from tests.support.servers import KINDS, Server

PAGE = (Path(__file__).parents[2] / "docs" / "deployments.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z-]+) (\d+)` \| (\d+) \|", re.MULTILINE)
SETTINGS = {name: (value, default) for name, value, default in ROW.findall(PAGE)}

NAMES = [name for name in (f"s{number}" for number in range(100_000)) if not bucket(name.encode())]
CROWD = 129
"""One more than a bucket of a catalogue holds in its compact form by default."""
TITLE = "Where to find the lockers that the desk on the first floor talked about today"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recommended", [True, False], ids=["recommended", "default"])
def test_long_titles_and_large_namespaces_stay_compact(kind: str, recommended: bool) -> None:
    """With the settings; without them, which are the defaults that the page names, they do not."""
    with Server(kind) as server, server.client() as raw:
        for name, (value, default) in SETTINGS.items():
            assert raw.config_get(name) == {name: default}
            if recommended:
                raw.config_set(name, value)
        with ChatMemory.from_url(server.url) as memory:
            for name in NAMES[:CROWD]:
                memory.session(name, user_id="ada").append(Message.user("hi"))
            memory.session(NAMES[0]).set_title(TITLE)
        keys: SessionKeys = OwnLayout("default").session(NAMES[0], "ada")
        found = [raw.object("encoding", key) for key in (keys.meta, *keys.catalogue())]
        large = [b"hashtable", b"skiplist", b"skiplist"]
        assert found == ([b"listpack"] * 3 if recommended else large)
