"""``python -m tests.interop``: who reads what of whom, printed, or put into the page."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.interop.running import place
from tests.interop.tables import markdown, matrix, put, shown
from tests.support.servers import Server


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--page", type=Path, help="put the tables between the markers of this file")
    options = parser.parse_args()
    with Server("redis") as server, place(server.url) as everything:
        tables = markdown(matrix(everything), shown(everything))
    if options.page:
        put(options.page, tables)
    else:
        print(tables)


if __name__ == "__main__":
    main()
