"""Values as JSON that every parser takes and no terminal obeys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from redialog.cli.console import Console, visible_json


def json_text(value: object, console: Console) -> str:
    """The value as one line of JSON, in the encoding of standard output."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False)
    return visible_json(text, console.encoding)


def _finite(value: object) -> object:
    """The value with null for NaN and infinity: Python's writers store them, JSON lacks them."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
