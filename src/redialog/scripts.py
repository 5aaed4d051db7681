"""The Lua scripts: one file per mutation, loaded once, called by digest.

A line ``-- include include/NAME.lua`` stands for that file: Redis' scripts cannot load one another.
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
from functools import cache

import msgspec

_INCLUDE = re.compile(rb"^-- include (include/\w+\.lua)$", re.MULTILINE)


class Script(msgspec.Struct, frozen=True):
    """A script's text, and the digest that EVALSHA names it by."""

    name: str
    body: bytes
    sha: bytes


@cache
def get(name: str) -> Script:
    """The script ``scripts/NAME.lua``."""
    body = _INCLUDE.sub(lambda found: _file(found[1].decode()), _file(f"{name}.lua"))
    return Script(name, body, hashlib.sha1(body, usedforsecurity=False).hexdigest().encode())


def _file(name: str) -> bytes:
    body = pkgutil.get_data("redialog", f"scripts/{name}")
    if body is None:  # a packaging fault
        raise FileNotFoundError(f"redialog/scripts/{name}")
    return body
