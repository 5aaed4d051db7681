"""``redialog nodes run``: the memory that the nodes of a chatflow hand over."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import click

from redialog.cli import show
from redialog.cli.console import Console, visible
from redialog.cli.jsontext import json_text
from redialog.cli.options import counted
from redialog.errors import ConfigurationError
from redialog.nodes import CREDENTIALS, NODES, flows
from redialog.nodes.flows import documents
from redialog.nodes.flows.looking import Look

STANDARD_INPUT = "-"
URL_KIND = "redisCacheUrlApi"


class Credentials:
    """What the command line says that nodes connect with.

    Args:
        options: each a file, or an id and a file.
        url: of a Redis.

    Raises:
        ConfigurationError: a file cannot be read, is no credential, or two are for the same.
    """

    def __init__(self, options: Sequence[str], url: str | None) -> None:
        self._by_id: dict[str, Mapping[str, object]] = {}
        self._by_kind: dict[str, Mapping[str, object]] = {}
        self._url = None if url is None else {"name": URL_KIND, "redisUrl": url}
        self._used: set[str] = set()
        for option in options:
            name, named, path = option.partition("=")
            credential = _credential(path if named else name)
            if not named:
                name = _kind(credential, name)
            known = self._by_id if named else self._by_kind
            if name in known:
                raise ConfigurationError(f"--credential: there are two for {name}")
            known[name] = credential

    def of(self, found: flows.FlowNode) -> Mapping[str, object] | None:
        """What a node of a flow connects with; None where the command line does not say.

        Raises:
            ConfigurationError: two of them are for it.
        """
        takes = NODES[found.name].credential.credential_names
        ids = [one for one in (found.id, found.credential_id) if one and one in self._by_id]
        kinds = [kind for kind in takes if kind in self._by_kind]
        self._used.update(ids, kinds)
        if ids:
            return self._by_id[ids[0]]
        if len(kinds) > 1:
            raise ConfigurationError(
                f"--credential: {' and '.join(kinds)} are both for {found.id}; name one of them "
                f"{found.id}=FILE.json"
            )
        if kinds:
            return self._by_kind[kinds[0]]
        return self._url if URL_KIND in takes else None

    def check(self, nodes: Sequence[flows.FlowNode]) -> None:
        """Refuses what is for no node.

        Raises:
            ConfigurationError: a node with this id, or that takes this kind, is not there.
        """
        left = {*self._by_id, *self._by_kind} - self._used
        if left:
            ids = ", ".join(node.id for node in nodes)
            raise ConfigurationError(
                f"--credential: {', '.join(sorted(left))} is for no memory node of the flow: {ids}"
            )


def run(
    console: Console, path: str, given: Credentials, *, session_id: str | None, as_json: bool
) -> None:
    """Prints the memory of each memory node in a flow.

    Args:
        console: where to.
        path: of the flow; ``-`` for standard input.
        given: what the nodes connect with.
        session_id: in the place of those in the flow.
        as_json: as one JSON object.

    Raises:
        ConfigurationError: the flow, a node of it or a credential is wrong.
        RedialogError: a memory could not be read.
        OutputLost: standard output takes no more.
    """
    found = flows.memory_nodes(_standard_input()) if path == STANDARD_INPUT else flows.read(path)
    with ExitStack() as looks:
        # All are checked before the first one is read.
        credentials = [given.of(one) for one in found]
        opened = [
            looks.enter_context(Look(one, credential, session_id))
            for one, credential in zip(found, credentials, strict=True)
        ]
        given.check(found)
        for one, credential in zip(found, credentials, strict=True):
            if not credential and not one.credential:
                console.note(
                    f"{one.id} has no credential, so it connects to the Redis on this machine, as "
                    "in the builder; say with --url or --credential where its Redis is"
                )
        for look in opened:
            if look.is_random:
                console.note(
                    f"{look.found.id} has no session id, so each run has a new one, with nothing "
                    "in it; to look at a session, name it with --session"
                )
        if as_json:
            lines = [json_text(_fields(look), console) for look in opened]
            console.write('{"nodes": [\n' + ",\n".join(lines) + "\n]}\n")
            return
        for look in opened:
            _print(console, look)


def _fields(look: Look) -> dict[str, object]:
    found, messages = look.found, look.messages()
    return {
        "id": found.id,
        "name": found.name,
        "label": found.label,
        "version": found.version,
        "flow": found.flow,
        "session": look.session_id,
        "memory_key": look.memory_key,
        "messages": [show.fields(message) for message in messages],
        "count": len(messages),
    }


def _print(console: Console, look: Look) -> None:
    found, messages = look.found, look.messages()
    flow = "" if found.flow is None else f"{found.flow}: "
    heading = (
        f"{flow}{found.id} ({found.name}), session {look.session_id}, as {look.memory_key}: "
        f"{counted(len(messages))}"
    )
    heading = visible(heading, one_line=True)
    console.write((click.style(heading, bold=True) if console.fancy else heading) + "\n\n")
    show.print_messages(console, messages)


def _standard_input() -> bytes:
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def _credential(path: str) -> Mapping[str, object]:
    what = f"the credential {path}"
    found = documents.read(path, what)
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{what} must be an object with a name and its fields")
    return found


def _kind(credential: Mapping[str, object], path: str) -> str:
    """Of which kind it is, in either form of `redialog.nodes.credentials`."""
    kind = credential.get("credentialName") or credential.get("name")
    if isinstance(kind, str) and kind in CREDENTIALS:
        return kind
    raise ConfigurationError(
        f"the credential {path} needs a name that says of which kind it is: "
        f"{', '.join(CREDENTIALS)}"
    )
