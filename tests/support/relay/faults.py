"""What a proxy does to the requests that come by: lose one, lose its reply, delay it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(eq=False)
class Fault:
    """A fault that was armed; keep it to see whether it has struck.

    Attributes:
        kind: What it does.
        match: Only requests with these bytes in them count; None is any request.
        nth: The first matching request that it strikes, counted from 1.
        times: How many it strikes in a row from there on.
        after_bytes: For a cut, how much of the reply still arrives.
        hits: How often it has struck.

    Raises:
        ValueError: It could never strike.
    """

    kind: Literal["cut", "drop"]
    match: bytes | None
    nth: int
    times: int
    after_bytes: int = 0
    hits: int = 0
    _seen: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never strike."""
        if self.nth < 1 or self.times < 1 or self.after_bytes < 0:
            msg = "nth and times count from 1, after_bytes from 0"
            raise ValueError(msg)

    def strikes(self, request: bytes) -> bool:
        """Count `request` if it matches, and say whether it is struck."""
        if self.hits >= self.times or (self.match is not None and self.match not in request):
            return False
        self._seen += 1
        if self._seen < self.nth:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults and delays that are armed. Used in the proxy's thread only."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._delays: list[tuple[bytes | None, float]] = []

    def arm(self, fault: Fault) -> None:
        """Let `fault` strike; of two that match, the one armed first does."""
        self._armed.append(fault)

    def disarm(self) -> None:
        """Let no fault strike any more; delays stay."""
        self._armed.clear()

    def set_delay(self, seconds: float, match: bytes | None) -> None:
        """Delay the replies to requests with `match` in them; see `FaultProxy.delay`."""
        keep = [] if match is None and not seconds else self._delays
        rest = [pair for pair in keep if pair[0] != match]
        rest += [(match, seconds)] if seconds else []
        self._delays = sorted(rest, key=lambda pair: pair[0] is None)

    def strike(self, request: bytes) -> Fault | None:
        """Count `request` for the armed faults; the one that strikes it, if any."""
        struck = next((fault for fault in self._armed if fault.strikes(request)), None)
        if struck is not None and struck.hits >= struck.times:
            self._armed.remove(struck)
        return struck

    def delay_of(self, request: bytes) -> float:
        """How many seconds the reply to `request` is held back."""
        hits = (wait for match, wait in self._delays if match is None or match in request)
        return next(hits, 0.0)
