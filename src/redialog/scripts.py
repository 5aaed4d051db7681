"""The Lua scripts: one file per mutation, loaded once, called by digest."""

from __future__ import annotations

import hashlib
import pkgutil
from functools import cache

import msgspec


class Script(msgspec.Struct, frozen=True):
    """A script's text, and the digest that EVALSHA names it by."""

    name: str
    body: bytes
    sha: bytes


@cache
def get(name: str) -> Script:
    """The script ``scripts/NAME.lua``."""
    body = pkgutil.get_data("redialog", f"scripts/{name}.lua")
    if body is None:  # a packaging fault
        raise FileNotFoundError(f"redialog/scripts/{name}.lua")
    return Script(name, body, hashlib.sha1(body, usedforsecurity=False).hexdigest().encode())
