"""``redialog doctor``: what is wrong with a store, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from redialog.cli.console import Console, visible
from redialog.cli.options import open_memory, store_options

if TYPE_CHECKING:
    from redialog.diagnosis import Diagnosis, Level

FAILED = 1

_STYLES: dict[Level, dict[str, Any]] = {
    "ok": {"fg": "green"},
    "info": {},
    "not_checked": {"dim": True},
    "warning": {"fg": "yellow"},
    "error": {"fg": "red", "bold": True},
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@store_options
@click.pass_obj
def doctor(console: Console, /, *, as_json: bool, **store: Any) -> int:
    """Tell what is wrong with the store, and what to do about it.

    Looks at the server and its version, its role, persistence, eviction policy, memory and clock;
    at what the user may do; at replicas, Sentinel or Cluster; and at up to 1,000 sessions with the
    newest activity: which of them never expire, which have messages that cannot be read. It
    changes nothing, and shows no secret and no message. What the server does not tell is "not
    checked".

    Exit codes: 0 where no error was found, 1 where one was, 4 where the store cannot be reached.
    """
    with open_memory(**store) as memory:
        found = memory.diagnose()
    if as_json:
        from redialog.cli.jsontext import json_text

        console.write(json_text(found.to_dict(), console) + "\n")
    else:
        _print(console, found)
    return FAILED if found.level == "error" else 0


def _print(console: Console, found: Diagnosis) -> None:
    """A line for each finding, between the address and the sum."""
    console.write(f"{visible(found.address, one_line=True)}\n\n")
    for one, line in zip(found.findings, found.lines(), strict=True):
        shown = visible(line, one_line=True)
        console.write((click.style(shown, **_STYLES[one.level]) if console.fancy else shown) + "\n")
    console.write(f"\n{found.summary}\n")
