"""`Recent`: values that are remembered, the ones that were used last."""

from __future__ import annotations

from collections.abc import Sized
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Sized)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was used last; less than twice as much as is asked for.

    Without a lock: a race of two threads costs no more than a value that is forgotten early.

    Args:
        most: how many values.
        length: the length of their keys together, where that is reached first; None for any.

    Attributes:
        new: the newer ones: what is in there needs no `get`.
    """

    def __init__(self, most: int, length: int | None = None) -> None:
        self.new: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}
        self._most = most
        self._length = length
        self._taken = 0

    def get(self, key: Key) -> Value | None:
        """The value; None where there is none."""
        found = self.new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remembers a value, and forgets some that were not used for long."""
        if len(self.new) >= self._most or (self._length and self._taken >= self._length):
            self._old, self.new, self._taken = self.new, {}, 0
        self._taken += 0 if key in self.new else len(key)
        self.new[key] = value
