"""``redialog show``: prints a conversation, for people or as JSON, a page of it at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from redialog.cli.console import Console, visible
from redialog.cli.jsontext import json_text
from redialog.cli.options import missing
from redialog.conversation import INTERRUPTED
from redialog.messages import Message
from redialog.sync import Session
from redialog.toolcalls import ToolCall

INDENT = 4
_STYLES = {"user": "cyan", "assistant": "green", "system": "yellow", "tool": "magenta"}


def run(console: Console, session: Session, *, as_json: bool, ids: bool = False) -> None:
    """Prints a session.

    Args:
        console: where to.
        session: which.
        as_json: as one JSON object.
        ids: with the ids of the messages, where it is for people; JSON always has them.

    Raises:
        NotFound: there is no such session.
        RedialogError: it could not be read.
        OutputLost: standard output takes no more.
    """
    messages = session.iter_messages()
    first = next(messages, None)
    if first is None:
        raise missing(session.id)
    messages = chain((first,), messages)
    if as_json:
        _print_json(console, session.id, messages)
    else:
        print_messages(console, messages, ids=ids)


def _print_json(console: Console, session_id: str, messages: Iterator[Message]) -> None:
    """One object; the count comes last, since only then it is known."""
    console.write(f'{{"session": {json_text(session_id, console)}, "messages": [')
    count = 0
    for message in messages:
        console.write(f"{',' if count else ''}\n{json_text(fields(message), console)}")
        count += 1
    console.write(f'\n], "count": {count}}}\n')


def fields(message: Message) -> dict[str, object]:
    """All public fields of a message, as JSON has them."""
    damage, at = message.damage, message.created_at
    return {
        "id": message.id,
        "role": message.role,
        "original_role": message.original_role,
        "name": message.name,
        "content": message.content,
        "tool_calls": [
            {"id": call.id, "name": call.name, "args": call.args, "extra": call.extra}
            for call in message.tool_calls
        ],
        "tool_call_id": message.tool_call_id,
        "created_at": None if at is None else at.isoformat(timespec="milliseconds"),
        "metadata": message.metadata,
        "extra": {} if damage else message.extra,
        "damage": damage
        and {"key": damage.key, "position": damage.position, "reason": damage.reason},
    }


def print_messages(console: Console, messages: Iterable[Message], *, ids: bool = False) -> None:
    """A heading for each message; its text stands further in, so that none can pose as one."""
    put = _fancy(console) if console.fancy else _plain(console)
    for message in messages:
        heading = _heading(message)
        if ids:
            # Last, since it can hold whatever somebody gave.
            heading += f" id={message.id}"
        put(message.role, visible(heading, one_line=True), visible(_body(message)))


Put: TypeAlias = Callable[[str, str, str], None]
"""Prints a role's heading and body."""


def _plain(console: Console) -> Put:
    def put(_role: str, heading: str, body: str) -> None:
        indented = "".join(f"{' ' * INDENT}{line}\n" for line in body.split("\n"))
        console.write(f"{heading}\n{indented}\n")

    return put


def _fancy(console: Console) -> Put:
    from rich.console import Console as Terminal
    from rich.padding import Padding
    from rich.text import Text

    terminal = Terminal(force_terminal=True, highlight=False, markup=False, emoji=False)

    def put(role: str, heading: str, body: str) -> None:
        # As Text, in which nothing is taken for markup.
        with terminal.capture() as captured:
            terminal.print(Text(heading, style=f"bold {_STYLES.get(role, 'red')}"))
            terminal.print(Padding(Text(body), (0, 0, 1, INDENT)))
        console.write(captured.get())

    return put


def _heading(message: Message) -> str:
    parts: list[str] = [message.role]
    if message.original_role is not None:
        parts.append(f"({message.original_role})")
    if message.name is not None:
        parts.append(message.name)
    if message.tool_call_id is not None:
        parts.append(f"[{message.tool_call_id}]")
    if message.created_at is not None:
        parts.append(f"{message.created_at:%Y-%m-%d %H:%M:%S} UTC")
    if INTERRUPTED.items() <= message.metadata.items():
        parts.append("(interrupted)")
    return " ".join(parts)


def _body(message: Message) -> str:
    if message.damage is not None:
        return str(message.damage)
    lines = [message.text] if message.text else []
    if not isinstance(message.content, str):
        kinds = (block.get("type") for block in message.content)
        # A picture is a megabyte of base64.
        lines += [f"[{kind}]" for kind in kinds if kind != "text"]
    lines += [_call(call) for call in message.tool_calls]
    return "\n".join(lines) or "(empty)"


def _call(call: ToolCall) -> str:
    args = call.args
    shown = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    return f"calls {call.name} {shown}" + ("" if call.id is None else f" [{call.id}]")
