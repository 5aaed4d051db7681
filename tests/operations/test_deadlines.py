"""What an operation loses to an attempt that fails, from the moment that it was sent."""

from __future__ import annotations

import pytest

from redialog import ConnectionLost, drive
from redialog.effect import Batch, Patience, Replies
from tests.operations.driving import WRITE, Driver, both, lost, once
from tests.operations.scripted import Scripted

PATIENT = Patience(deadline_s=10.0, attempts=None, connect_s=2.0)


@both
@pytest.mark.parametrize(("took", "attempts"), [(9.9, 2), (10.1, 1)])
def test_what_the_first_attempt_took_counts(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, took: float, attempts: int
) -> None:
    """From when it was sent: a resend after the deadline could miss the token."""
    now = [100.0]

    class Slow(Scripted):
        def execute(self, batch: Batch, within: float | None = None) -> Replies:
            now[0] += took
            return super().execute(batch, within)

    class Watch:
        def sleep(self, _: float) -> None:
            pass

        def monotonic(self) -> float:
            return now[0]

    monkeypatch.setattr(drive, "PAUSES", (0.0,))
    monkeypatch.setattr(drive, "time", Watch())
    transport = Slow(lost(), lost(), patience=PATIENT)
    with pytest.raises(ConnectionLost):
        driver(once(WRITE), transport)
    assert len(transport.sent) == attempts
    assert transport.within[0] is None
