"""The packages are the ones that are named, and the log of a run says which they were."""

from __future__ import annotations

import sys

import pytest

from tests.interop.installing import installed, installed_in_python, packages, pinned


def test_the_versions(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is the pinned one, there once, and printed also where a run is quiet."""
    folder = packages()
    found = installed()
    with capsys.disabled():
        for where, names in (("npm", found), ("PyPI", installed_in_python())):
            told = ", ".join(f"{name} {version}" for name, version in names.items())
            print(f"\nreal packages from {where}: {told}", file=sys.stderr)
    assert found == pinned()
    # Two of them would not know each other's messages.
    assert len(list(folder.glob("node_modules/**/@langchain/core/package.json"))) == 1
