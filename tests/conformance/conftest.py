"""The backend table's rows, on servers that run until the last of them is done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.support.backends import BACKENDS, Ground
from tests.support.servers import Server

_ROW = re.compile(rf"::TestBackends::\w+\[(?:.*-)?({'|'.join(map(str, BACKENDS))})\b")


@pytest.fixture(scope="session")
def ground(
    server_of: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """The servers of the table."""
    with Ground(server_of, tmp_path_factory.mktemp("embedded") / "chats") as found:
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each row of the backend table came to, where the suite ran."""
    counted: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            row = _ROW.search(report.nodeid)
            if row is not None:
                counted.setdefault(row[1], Counter())[outcome] += 1
    if not counted:
        return
    width = max(map(len, counted))
    terminalreporter.section("conformance")
    for name, found in counted.items():
        wrong = found["failed"] + found["error"]
        terminalreporter.line(f"{name:<{width}}  {found['passed']:>5} passed  {wrong:>5} failed")
