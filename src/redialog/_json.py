"""Values as JSON holds them.

They are checked before they are written: the encoder would turn NaN into null, bytes and dates
into text and integer keys into text ones, and what is read back would not be what was given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from redialog.errors import InvalidMessage

# Deeper than any real message, and far from the depth at which the decoders give up
# (msgspec 0.22 and the standard library's both raise RecursionError near 1,000).
MAX_DEPTH = 200
# The range of a float. Python's own reader refuses numbers of more than 4,300 digits.
_MAX_INT = 1 << 1024


def whole_text(text: str) -> str:
    """The text with lone surrogates replaced, which can be neither stored nor sent."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def json_value(value: object, where: str, depth: int = 0, *, loose: bool = False) -> object:
    """A copy of ``value`` in JSON's own types, which reads back equal to it.

    Args:
        value: text, numbers, None, and mappings, lists and tuples of such.
        where: what to call it in the error, such as ``metadata``.
        depth: how deeply ``value`` is nested already.
        loose: whether what JSON has no form for becomes what is next to it: keys that are no text
            their text, as Python's json writes them, and numbers such as NaN null, as JavaScript
            does.

    Raises:
        InvalidMessage: JSON cannot hold it as it is.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, Mapping | list | tuple):
        return None if loose and _is_endless(value) else _number(value, where)
    if depth > MAX_DEPTH:
        raise InvalidMessage(f"{where} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if loose:
            value = _with_text_keys(value, where)
        elif not all(isinstance(key, str) for key in value):
            raise InvalidMessage(f"{where} has a key that is no text; JSON has no other keys")
        return {
            str.__str__(key): json_value(item, where, depth + 1, loose=loose)
            for key, item in value.items()
        }
    return [json_value(item, where, depth + 1, loose=loose) for item in value]


def _is_endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _with_text_keys(value: Mapping[object, object], where: str) -> Mapping[str, object]:
    made = {_key(key, where): item for key, item in value.items()}
    if len(made) < len(value):
        raise InvalidMessage(f"{where} has two keys that are the same as text; JSON has no others")
    return made


def _key(key: object, where: str) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return repr(_number(key, where))
    raise InvalidMessage(f"{where} has a key of type {type(key).__name__}; JSON has only text")


def _number(value: object, where: str) -> int | float:
    if isinstance(value, int) and -_MAX_INT < value < _MAX_INT:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, int | float):
        raise InvalidMessage(
            f"{where} holds a number that JSON cannot hold (NaN, infinity, or beyond a float)"
        )
    raise InvalidMessage(
        f"{where} holds a value of type {type(value).__name__}, which JSON cannot hold; "
        "convert it to text, numbers, lists and mappings first"
    )


def mapping(value: object, where: str, *, loose: bool = False) -> dict[str, object]:
    """A mapping that JSON can hold, ``loose`` as in `json_value`; empty for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidMessage(f"{where} must be a mapping, not {type(value).__name__}")
    made = json_value(value, where, loose=loose)
    return made if isinstance(made, dict) else {}
