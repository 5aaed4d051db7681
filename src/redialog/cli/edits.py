"""``redialog fork``, ``rewind``, ``ttl`` and ``title``: changing a session from outside a chat."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from redialog.cli.console import Console, visible
from redialog.cli.options import (
    NONE,
    come_back,
    counted,
    duration_or_none,
    missing,
    open_memory,
    session_argument,
    store_options,
)

if TYPE_CHECKING:
    from redialog import Session, SessionInfo


@click.command()
@session_argument
@click.argument("new_id", metavar="[NEW_ID]", required=False)
@click.option(
    "--at", metavar="MESSAGE_ID", help="Copy up to this message; redialog show --ids tells its id."
)
@store_options
@click.pass_obj
def fork(
    console: Console, /, *, session_id: str, new_id: str | None, at: str | None, **store: Any
) -> None:
    """Copy the session ID to a new one, which goes its own way.

    Prints the id of the new session: NEW_ID, or a random one. Title and owner come along, and it
    lives as long as the old one does.
    """
    with open_memory(**store) as memory:
        made = memory.session(session_id).fork(new_id, at)
        try:
            console.write(f"{visible(made.id, one_line=True)}\n")
        finally:
            # Also where standard output is lost: else nobody would know the id.
            console.note(f"to talk in the copy: {come_back(store, made.id)}")


@click.command()
@session_argument
@click.argument("message_id", metavar="MESSAGE_ID")
@store_options
@click.pass_obj
def rewind(console: Console, /, *, session_id: str, message_id: str, **store: Any) -> None:
    """Drop what came after a message of the session ID.

    The message itself stays. redialog show --ids tells the MESSAGE_ID; redialog fork --at makes a
    copy instead.
    """
    with open_memory(**store) as memory:
        dropped = memory.session(session_id).rewind(message_id)
    if dropped:
        console.note(f"dropped {counted(dropped)} of session {session_id}")
    else:
        console.note(f"nothing came after that message of session {session_id}")


@click.command()
@session_argument
@click.argument("duration", metavar="[DURATION]", required=False, type=duration_or_none)
@click.option("--persist", is_flag=True, help="The same as the DURATION 'none'.")
@store_options
@click.pass_obj
def ttl(
    console: Console,
    /,
    *,
    session_id: str,
    duration: timedelta | str | None,
    persist: bool,
    **store: Any,
) -> None:
    """Show or set how long the session ID lives on.

    DURATION is in seconds or has a unit, such as 90s, 15m, 24h or 7d; 'none' lets it live for ever.
    Without it, prints the seconds that are left, or 'none'.
    """
    if persist and duration is not None:
        raise click.UsageError("a duration and --persist exclude each other")
    with open_memory(**store) as memory:
        session = memory.session(session_id)
        if duration is None and not persist:
            left = _known(session).ttl
            console.write(f"{NONE if left is None else math.ceil(left.total_seconds())}\n")
        elif isinstance(duration, timedelta):
            if not session.expire(duration):
                raise missing(session_id)
            console.note(f"session {session_id} lives on for {duration.total_seconds():,.10g} s")
        else:
            if not session.persist():
                raise missing(session_id)
            console.note(f"session {session_id} lives for ever")


@click.command()
@session_argument
@click.argument("text", metavar="[TEXT]", required=False)
@store_options
@click.pass_obj
def title(console: Console, /, *, session_id: str, text: str | None, **store: Any) -> None:
    """Show or set the title of the session ID.

    An empty TEXT removes it. Without TEXT, prints it in one line; prints nothing where there is
    none.
    """
    with open_memory(**store) as memory:
        session = memory.session(session_id)
        if text is None:
            found = _known(session).title
            if found:
                console.write(f"{visible(found, one_line=True)}\n")
            else:
                console.note(f"session {session_id} has no title")
        elif not session.set_title(text):
            raise missing(session_id)
        else:
            console.note(f"session {session_id} has {'a new' if text else 'no'} title")


def _known(session: Session) -> SessionInfo:
    info = session.info()
    if not info.exists:
        raise missing(session.id)
    return info
