"""``redialog ls`` and ``redialog rm``: which sessions there are, and fewer of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from redialog.cli.console import Console, visible
from redialog.cli.options import counted, missing, open_memory, session_argument, store_options

if TYPE_CHECKING:
    from redialog import SessionInfo, Sessions

FAILED = 1
FIRST, MORE = 100, 1000
"""How many sessions a page has: the first is on the screen soon, the others cost less each."""


@click.command()
@click.option("--user", "user_id", metavar="ID", help="Only sessions of this user.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON array, with all fields.")
@store_options
@click.pass_obj
def ls(
    console: Console,
    /,
    *,
    user_id: str | None,
    limit: int | None,
    as_json: bool,
    **store: Any,
) -> None:
    """List the sessions, newest activity first.

    On a terminal long texts are shortened; in a pipe or a file each session is one line with all
    there is, times in UTC. Control characters are written out, as in \\x1b.

    With --key-prefix these are the sessions that redialog has written to: other libraries keep no
    list of theirs.
    """
    with open_memory(**store) as memory:
        pages = _pages(memory.sessions(user_id), limit)
        if as_json:
            _print_json(console, pages)
        elif not _print(console, pages):
            console.note(_none(user_id, store["key_prefix"]))


def _none(user_id: str | None, key_prefix: str | None) -> str:
    whose = "" if user_id is None else " of this user"
    if key_prefix is None:
        return f"there are no sessions{whose}"
    return (
        f"there are no sessions{whose} that redialog has written to; other libraries keep no list "
        "of theirs, but with their ids all commands find them"
    )


def _pages(listing: Sessions, limit: int | None) -> Iterator[Sequence[SessionInfo]]:
    """The sessions a page at a time; none of them is empty."""
    cursor, size = None, FIRST
    while True:
        page = listing.page(limit=size if limit is None else min(size, limit), cursor=cursor)
        if page.sessions:
            yield page.sessions
        if limit is not None:
            limit -= len(page.sessions)
        if page.cursor is None or limit == 0:
            return
        cursor, size = page.cursor, MORE


def _print_json(console: Console, pages: Iterator[Sequence[SessionInfo]]) -> None:
    from redialog.cli.jsontext import json_text

    console.write("[")
    between = "\n"
    for page in pages:
        console.write(between + ",\n".join(json_text(fields(info), console) for info in page))
        between = ",\n"
    console.write("\n]\n")


def fields(info: SessionInfo) -> dict[str, object]:
    """What is known of a session, as JSON has it; times in UTC, the TTL in seconds."""
    created, updated = info.created_at, info.updated_at
    return {
        "session": info.session_id,
        "count": info.count,
        "user_id": info.user_id,
        "title": info.title,
        "created_at": None if created is None else created.isoformat(timespec="milliseconds"),
        "updated_at": None if updated is None else updated.isoformat(timespec="milliseconds"),
        "ttl": None if info.ttl is None else info.ttl.total_seconds(),
        "trimmed": info.trimmed,
    }


def _print(console: Console, pages: Iterator[Sequence[SessionInfo]]) -> bool:
    """Prints a table; whether there is anything in it."""
    from redialog.cli.table import Plain, Screen

    width = console.width
    table = Plain() if width is None else Screen(width, datetime.now(UTC))
    empty = True
    for page in pages:
        if empty and isinstance(table, Screen):
            heading = table.heading(page)
            console.write((click.style(heading, bold=True) if console.fancy else heading) + "\n")
        empty = False
        console.write("".join(f"{line}\n" for line in table.lines(page)))
    return not empty


@click.command()
@session_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@store_options
@click.pass_obj
def rm(console: Console, /, *, session_id: str, yes: bool, **store: Any) -> int:
    """Delete the session ID with all its messages.

    Asks before it does; where standard input is no terminal, it wants --yes.
    """
    if not yes and not console.interactive:
        raise click.UsageError(
            "nothing was deleted: standard input is no terminal, so nobody can be asked; "
            "--yes deletes without asking"
        )
    with open_memory(**store) as memory:
        session = memory.session(session_id)
        if not yes:
            info = session.info()
            if not info.exists:
                raise missing(session_id)
            if not _sure(console, session_id, info.count):
                console.note("nothing was deleted")
                return FAILED
        deleted = session.clear()
        if not deleted:
            raise missing(session_id)
    console.note(f"deleted session {session_id} ({counted(deleted)})")
    return 0


def _sure(console: Console, session_id: str, count: int) -> bool:
    shown = visible(session_id, one_line=True)
    answer = console.ask(f"Delete session {shown} with {counted(count)}? [y/N] ")
    return answer is not None and answer.strip().lower() in ("y", "yes")
