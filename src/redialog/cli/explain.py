"""``redialog explain``: what a model sees of a session, and why it does not see the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from redialog.cli.console import Console, visible
from redialog.cli.options import (
    limit_options,
    missing,
    open_memory,
    session_argument,
    store_options,
    window_of,
)

if TYPE_CHECKING:
    from redialog.context import Entry, Explanation
    from redialog.messages import Message

HEADINGS = ("MESSAGES", "ROLE", "STATUS", "TOKENS", "TEXT")
GAP = "  "
NOT_READ = "not read"

PREVIEW = 60
"""Columns of text in a pipe or a file."""

_LEAST_PREVIEW = 10
_LOOKED_AT = 1000
"""Characters of a message that a preview is made of."""

_AT_ONCE = 1000
_TOKENS = 3
"""The column that ends where its numbers do."""


@click.command()
@session_argument
@limit_options
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, without any text.")
@click.option(
    "--preview/--no-preview", default=True, help="With the beginning of each message.  [preview]"
)
@store_options
@click.pass_obj
def explain(
    console: Console,
    /,
    *,
    session_id: str,
    max_tokens: int | None,
    window_turns: int | None,
    as_json: bool,
    preview: bool,
    **store: Any,
) -> None:
    """Tell what a model sees of the session ID.

    For each message, whether it is in, summarised, dropped (the window or the budget was full, it
    belongs to a tool call that is not complete, it asks to remove another) or damaged. Messages
    that need not be read to know are shown as a range.
    """
    with open_memory(**store) as memory:
        window = window_of(window_turns, max_tokens)
        context = memory.session(session_id).context(window_turns=window, max_tokens=max_tokens)
    found = context.explain()
    if not found.total:
        raise missing(session_id)
    if as_json:
        _print_json(console, session_id, found)
    else:
        _print(console, found, preview=preview)


def _print_json(console: Console, session_id: str, found: Explanation) -> None:
    """One object, with an entry in each line."""
    from redialog.cli.jsontext import json_text

    made = {"session": session_id, **found.to_dict()}
    del made["entries"]
    console.write(f'{json_text(made, console)[:-1]}, "entries": [')
    between = "\n"
    for entries in _pages(found.entries):
        console.write(between + ",\n".join(json_text(one.to_dict(), console) for one in entries))
        between = ",\n"
    console.write("\n]}\n")


def _print(console: Console, found: Explanation, *, preview: bool) -> None:
    lines = [visible(line, one_line=True) for line in found.heading()]
    console.write("".join(f"{line}\n" for line in (*lines, "")))
    for rows in _pages(_table(found.entries, console.width, preview=preview)):
        console.write("".join(f"{_styled(line, entry, console)}\n" for line, entry in rows))


def _pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items in lists that are not long."""
    iterator = iter(items)
    while page := list(islice(iterator, _AT_ONCE)):
        yield page


def _styled(line: str, entry: Entry | None, console: Console) -> str:
    if not console.fancy:
        return line
    if entry is None:
        return click.style(line, bold=True)
    if entry.status == "damaged":
        return click.style(line, fg="red")
    return line if entry.status == "in" else click.style(line, dim=True)


def _table(
    entries: Iterable[Entry], width: int | None, *, preview: bool
) -> Iterator[tuple[str, Entry | None]]:
    """The lines of a table, each with what it is about; the first line with nothing.

    Args:
        entries: what became of the messages.
        width: of the terminal, in columns; None for a pipe or a file.
        preview: whether there is a column with text.
    """
    from redialog.cli.table import clipped

    entries = list(entries)
    widths = [
        max(map(len, column))
        for column in zip(HEADINGS[: _TOKENS + 1], *map(_cells, entries), strict=True)
    ]
    taken = sum(widths) + len(GAP) * len(widths)
    room = PREVIEW if width is None else width - taken
    shows = preview and room >= _LEAST_PREVIEW
    for entry in chain((None,), entries):
        cells = HEADINGS[: _TOKENS + 1] if entry is None else _cells(entry)
        line = GAP.join(
            cell.rjust(size) if column == _TOKENS else cell.ljust(size)
            for column, (cell, size) in enumerate(zip(cells, widths, strict=True))
        )
        if shows:
            text = HEADINGS[-1] if entry is None else _preview(entry.message)
            line += GAP + clipped(text, room)
        yield line.rstrip(" "), entry


def _cells(entry: Entry) -> tuple[str, str, str, str]:
    place = f"{entry.first:,}"
    if entry.last > entry.first:
        place += f"-{entry.last:,}"
    tokens = NOT_READ if entry.tokens is None else f"{entry.tokens:,}"
    return place, entry.role or "", entry.fate, tokens


def _preview(message: Message | None) -> str:
    """The beginning of a message in one line, harmless to a terminal; nothing for several."""
    if message is None:
        return ""
    if message.damage is not None:
        return visible(message.damage.reason, one_line=True)
    text = message.text[:_LOOKED_AT]
    if not isinstance(message.content, str):
        kinds = (block.get("type") for block in message.content)
        text += "".join(f" [{kind}]" for kind in kinds if kind != "text")
    text += "".join(f" calls {call.name}" for call in message.tool_calls)
    return visible(" ".join(text[:_LOOKED_AT].split()), one_line=True)
