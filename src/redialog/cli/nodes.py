"""``redialog nodes``: the memory nodes of the visual builders, and flows that have them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

import click

from redialog.cli.console import Console

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from redialog.nodes import CredentialDescriptor, Descriptor, Field

T = TypeVar("T")

USAGE = 2
GAP = "  "
NOTHING = "-"


@click.group(invoke_without_command=True)
@click.pass_context
def nodes(context: click.Context) -> None:
    """Tell of the visual builders' memory nodes, and run a flow's."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(USAGE)


@nodes.command("list")
@click.option("--json", "as_json", is_flag=True, help="As one JSON array of the descriptors.")
@click.pass_obj
def list_(console: Console, /, *, as_json: bool) -> None:
    """List the nodes, and the credentials that they take."""
    from redialog.nodes import CREDENTIALS, NODES

    if as_json:
        console.write("[\n" + ",\n".join(map(_data_file, NODES)) + "\n]\n")
        return
    rows = [
        (name, f"{node.version:g}", _credentials(node), node.label) for name, node in NODES.items()
    ]
    _table(console, ("NODE", "VERSION", "CREDENTIAL", "LABEL"), rows)
    console.write("\n")
    kinds = [
        (name, ", ".join(field.name for field in kind.inputs)) for name, kind in CREDENTIALS.items()
    ]
    _table(console, ("CREDENTIAL", "FIELDS"), kinds)


def _names(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """What a shell can complete the name of a node or a credential to."""
    from click.shell_completion import CompletionItem

    from redialog.nodes import CREDENTIALS, NODES

    labels = {name: found.label for name, found in NODES.items()}
    labels |= {name: found.label for name, found in CREDENTIALS.items()}
    return [
        CompletionItem(name, help=label)
        for name, label in labels.items()
        if name.casefold().startswith(typed.casefold())
    ]


@nodes.command()
@click.argument("name", shell_complete=_names)
@click.option("--json", "as_json", is_flag=True, help="The descriptor, as its data file has it.")
@click.pass_obj
def describe(console: Console, /, *, name: str, as_json: bool) -> None:
    """Tell what the fields of the node or credential NAME are.

    In NAME, capital and small letters are the same. Fields marked with *
    are redialog's own: other builders ignore them.
    """
    from redialog.nodes import CREDENTIALS, NODES

    known: dict[str, Descriptor | CredentialDescriptor] = {**NODES, **CREDENTIALS}
    if (found := _same(name, known)) is None:
        raise click.UsageError(f"there is no node {name!r}; known are {', '.join(known)}")
    if as_json:
        console.write(_data_file(found.name) + "\n")
        return
    _describe(console, found)
    if found.name in NODES:
        credential = NODES[found.name].credential
        console.write(f"\ncredential: {_credentials(NODES[found.name])}\n")
        for kind in credential.credential_names:
            console.write("\n")
            _describe(console, CREDENTIALS[kind])


@nodes.command()
@click.argument("flow", metavar="FLOW.json")
@click.option(
    "--credential",
    "credentials",
    metavar="[ID=]FILE.json",
    multiple=True,
    help='What nodes connect with, as a JSON object such as {"name": "redisCacheUrlApi", '
    '"redisUrl": "$REDIS_URL"}. ID is that of a node, or what the flow calls a credential; '
    "without it, the credential is for each node that takes one of its kind. Can be repeated.",
)
@click.option(
    "--url",
    metavar="URL",
    help="The Redis of nodes that no --credential is for: redis://, rediss:// and the like, or "
    "$NAME for an environment variable.",
)
@click.option(
    "--session", "session_id", metavar="ID", help="This session, and not those of the flow."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, with all fields.")
@click.pass_obj
def run(
    console: Console,
    /,
    *,
    flow: str,
    credentials: tuple[str, ...],
    url: str | None,
    session_id: str | None,
    as_json: bool,
) -> None:
    """Print the memory that each memory node of a flow hands over.

    FLOW.json is a flow as the builder exports it, or - for standard input. All memory nodes in it
    are checked before the first one is read. Control characters are written out, as in \\x1b.

    Nothing is written to Redis: no TTL is renewed, and a node that summarises shows the summary
    that there is, without making a new one.
    """
    from redialog.cli import flows

    if session_id is not None and not session_id:
        raise click.UsageError("--session must not be empty")
    flows.run(
        console,
        flow,
        flows.Credentials(credentials, url),
        session_id=session_id,
        as_json=as_json,
    )


def _same(name: str, known: Mapping[str, T]) -> T | None:
    """What is known by a name in which the case does not matter."""
    return next((known[one] for one in known if one.casefold() == name.casefold()), None)


def _data_file(name: str) -> str:
    """The data file of a node or a credential, as it is."""
    folder = files("redialog.nodes") / "descriptors"
    return (folder / f"{name}.json").read_text("utf-8").rstrip("\n")


def _describe(console: Console, found: Descriptor | CredentialDescriptor) -> None:
    heading = f"{found.name} {found.version:g}: {found.label}"
    if console.fancy:
        heading = click.style(heading, bold=True)
    console.write(f"{heading}\n{found.description}\n\n")
    headings = ("FIELD", "TYPE", "DEFAULT", "WHAT")
    _table(console, headings, [_cells(field) for field in found.inputs])


def _cells(field: Field) -> tuple[str, str, str, str]:
    default = NOTHING if field.default in (None, "") else json.dumps(field.default)
    if default == NOTHING and not field.optional:
        default = "(needed)"
    kind = "|".join(option.name for option in field.options) or field.type
    return f"{field.name}{'*' if field.redialog else ''}", kind, default, field.description


def _credentials(node: Descriptor) -> str:
    names = " or ".join(node.credential.credential_names)
    return f"{names}, or none" if node.credential.optional else names


def _table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns; the last one takes the room that it needs."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        line = GAP.join(cells).rstrip()
        styled = row is headings and console.fancy
        console.write((click.style(line, bold=True) if styled else line) + "\n")
