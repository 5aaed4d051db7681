"""JSON that others made: read whole, or refused in a sentence that shows nothing of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from redialog._json import json_value
from redialog.errors import ConfigurationError, InvalidMessage

_CUT_OFF = "it ends in the middle, so a part of it is missing"


def read(path: str | os.PathLike[str], what: str) -> object:
    """The value in a JSON file.

    Args:
        path: of the file.
        what: to call it in an error.

    Raises:
        ConfigurationError: the file cannot be read, or holds something else.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except ValueError:
        reason = "that is no name of a file"
    else:
        return parsed(data, what)
    raise ConfigurationError(f"{what} cannot be read: {reason}")


def parsed(text: str | bytes, what: str) -> object:
    """The value of a JSON text.

    Args:
        text: as text, or in UTF-8 with or without a byte order mark.
        what: to call it in an error.

    Raises:
        ConfigurationError: it is damaged, nested too deeply, or holds what JSON cannot hold.
    """
    # Nothing is chained: the parser's errors keep the text, and it can hold a secret.
    try:
        if isinstance(text, bytes):
            text = text.decode()
        return checked(json.loads(text.removeprefix("\ufeff")), what)
    except UnicodeDecodeError as error:
        at_end = error.reason == "unexpected end of data"
        reason = _CUT_OFF if at_end else f"it is not UTF-8 (byte {error.start + 1:,})"
    except json.JSONDecodeError as error:
        reason = _damage(error)
    except RecursionError:
        reason = "it is nested too deeply"
    except ConfigurationError:
        raise
    except ValueError:
        # Python's own limit of digits.
        reason = "it holds a number that is too long"
    raise ConfigurationError(f"{what} is damaged: {reason}")


def checked(value: object, what: str) -> object:
    """A copy of a value in JSON's own types.

    Args:
        value: of mappings, lists, text, numbers and None.
        what: to call it in an error.

    Raises:
        ConfigurationError: JSON cannot hold it, or it is nested too deeply.
    """
    try:
        return json_value(value, what)
    except InvalidMessage as error:
        reason = str(error)
    raise ConfigurationError(reason)


def _damage(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "it is empty"
    at_end = error.pos >= len(error.doc.rstrip())
    if at_end or error.msg.startswith("Unterminated string"):
        return _CUT_OFF
    return f"it is not JSON from line {error.lineno:,}, column {error.colno:,} on"
