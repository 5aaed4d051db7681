"""The command line: ``redialog chat``, ``redialog ls``, ... It is a thin skin over `ChatMemory`."""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Runs the command line and ends the process with its exit code.

    Raises:
        SystemExit: always.
    """
    # Looked for, not imported: --help must not wait for rich.
    if find_spec("click") is None or find_spec("rich") is None:
        from redialog.errors import MissingExtra

        missing = MissingExtra(extra="cli", purpose="the command line")
        sys.stderr.write(f"redialog: {missing}\n")
        sys.exit(1)
    try:
        from redialog.cli.app import run

        code = run()
    except KeyboardInterrupt:
        code = 130
    # One Ctrl-C too many, while the interpreter ends, would leave a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)
