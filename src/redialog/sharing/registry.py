"""Which stores are open in this process, and who has a share in them."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from redialog.sharing.stores import Store

IDLE = 16
"""So many stores keep their connections for the next lease, where the last one asked for that."""

# What says where a memory without a URL leads, and its token.
_VARIABLES = (
    *("REDIALOG_URL", "REDIALOG_TOKEN", "REDIS_URL"),
    *("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
)


class Registry:
    """The stores of the process.

    A lease can be forgotten at any moment, also while this thread holds the lock; so what is given
    back goes into a queue, which whoever has the lock empties.
    """

    def __init__(self) -> None:
        self._stores: dict[Hashable, Store] = {}
        self._idle: OrderedDict[Hashable, None] = OrderedDict()
        self._returned: deque[tuple[Store, bool]] = deque()
        self._lock = threading.Lock()

    def take(self, key: Hashable, make: Callable[[Hashable], Store]) -> Store:
        """A share in a store, which is made where it is not open."""
        with self._lock:
            store = self._stores.get(key)
            if store is None:
                store = self._stores[key] = make(key)
            self._idle.pop(key, None)
            store.leases += 1
        self._settle()
        return store

    def give_back(self, store: Store, linger: bool) -> None:
        """Takes a share back, at whatever moment."""
        self._returned.append((store, linger))
        self._settle()

    def _settle(self) -> None:
        while self._returned and self._lock.acquire(blocking=False):
            try:
                done = self._settled()
            finally:
                self._lock.release()
            for store in done:
                store.close()

    def _settled(self) -> list[Store]:
        """Takes note of what was given back; returns what nobody has any more."""
        done: list[Store] = []
        while self._returned:
            store, linger = self._returned.popleft()
            store.leases -= 1
            if store.leases:
                continue
            if linger:
                self._idle[store.key] = None
            else:
                done.append(self._stores.pop(store.key))
        while len(self._idle) > IDLE:
            oldest, _ = self._idle.popitem(last=False)
            done.append(self._stores.pop(oldest))
        return done

    def after_fork(self) -> None:
        """In the child: another thread of the parent may have had the lock."""
        self._lock = threading.Lock()


class Itself:
    """Stands for an object in a key: it equals itself alone, whatever it says of that."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def key(url: str | None, named: Mapping[str, Any]) -> Hashable:
    """What identifies the store of a URL."""

    def known(value: object) -> Hashable:
        return value if isinstance(value, str | int | float | bool | None) else Itself(value)

    options = tuple(sorted((name, known(value)) for name, value in named["config"].items()))
    rest = tuple(known(named[name]) for name in ("token", "deadline", "durability"))
    return url, rest, options, tuple(os.environ.get(name) for name in _VARIABLES)


REGISTRY = Registry()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=REGISTRY.after_fork)
