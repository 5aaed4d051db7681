"""What holds for every test of operations and drivers: no attempt is preceded by a pause."""

from __future__ import annotations

import pytest

from redialog import drive


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once; a test of the pauses sets its own."""
    monkeypatch.setattr(drive, "PAUSES", tuple(0.0 for _ in drive.PAUSES))
