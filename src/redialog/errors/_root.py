"""The root of all errors."""

from __future__ import annotations

import copy
from typing import TypeVar

E = TypeVar("E", bound="RedialogError")


class RedialogError(Exception):
    """The root of all errors of this library.

    Args:
        text: what happened and what to do about it; never message text, never a secret.
        **fields: what the text was composed from; each becomes an attribute.
    """

    retryable: bool = False
    """Whether the same call can succeed later without a change on the caller's side."""

    def __init__(self, text: str, **fields: object) -> None:
        super().__init__(text)
        self._fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self._fields)


def _rebuild(cls: type[RedialogError], text: str, fields: dict[str, object]) -> RedialogError:
    error = cls.__new__(cls)
    RedialogError.__init__(error, text, **fields)
    return error


def alike(error: E) -> E:
    """The same error for somebody else, who raises it for himself."""
    found = copy.copy(error)
    found.__cause__ = error.__cause__
    return found
