"""The example in the suite's documentation is a whole test file, and runs as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from redialog.testing import conformance
from tests.support.servers import Server


def test_the_documented_test_file_runs(server: Server, tmp_path: Path) -> None:
    """On another address than the documented one; a part of the suite is enough to see it."""
    doc = conformance.__doc__ or ""
    example = textwrap.dedent(doc.partition("::\n\n")[2].partition("\n\nWhat ``store``")[0])
    documented = "redis://localhost:6379/15"
    assert documented in example
    file = tmp_path / "test_mine.py"
    file.write_text(example.replace(documented, f"{server.url.removesuffix('/0')}/15"))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-k", "TestMine and (forked or title)", str(file)],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(done.stdout.rpartition(" passed")[0].split()[-1])
    assert passed > 8
