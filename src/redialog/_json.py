"""What JSON can hold, checked before it is written.

The encoder would turn NaN into null, bytes and dates into text and integer keys into text ones:
what is read back would not be what was given, and nobody would have been told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from redialog.errors import InvalidMessage

# Deeper than any real message, and far from the depth at which the decoders give up
# (msgspec 0.22 and the standard library's both raise RecursionError near 1,000).
MAX_DEPTH = 200


def check_json(value: object, where: str, depth: int = 0) -> None:
    """Raises InvalidMessage where ``value`` would not come back from JSON as it is.

    Args:
        value: anything.
        where: what to call it in the error, such as ``metadata``.
        depth: how deeply ``value`` is nested already.
    """
    if value is None or isinstance(value, str | bool | int):
        return
    if depth > MAX_DEPTH:
        raise InvalidMessage(f"{where} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidMessage(f"{where} holds a number that JSON cannot hold (NaN or infinity)")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidMessage(
                    f"{where} has a key of type {type(key).__name__}; JSON keys are text"
                )
            check_json(item, where, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            check_json(item, where, depth + 1)
    else:
        raise InvalidMessage(
            f"{where} holds a value of type {type(value).__name__}, which JSON cannot hold; "
            "convert it to text, numbers, lists and mappings first"
        )
