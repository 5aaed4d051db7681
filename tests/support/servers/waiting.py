"""Waiting without sleeping longer than it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S = 0.005


def wait_until(
    condition: Callable[[], object], *, what: str, timeout: float = 5.0, every: float = POLL_S
) -> None:
    """Poll `condition` until it is true.

    Args:
        condition: Called again and again.
        what: Named by the error.
        timeout: Seconds.
        every: Seconds between two calls; more where each asks several servers.

    Raises:
        TimeoutError: It was still false after `timeout`.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            msg = f"not within {timeout:g} s: {what}"
            raise TimeoutError(msg)
        time.sleep(every)
