"""What several commands share: the store's options, a session's id, durations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from redialog.errors import NotFound

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from redialog import ChatMemory, RollingSummary

NONE = "none"
"""Stands for no TTL."""

WINDOW_TURNS = 50
"""How much of a session a model sees, where neither a window nor a budget is given."""

_LEAST_OF_A_TURN = 8
"""Tokens of the shortest turn."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the conversations lie."""
    for option in (
        click.option(
            "--key-prefix",
            metavar="TEXT",
            help="Share sessions with LangChain in Python ('message_store:') or with LangChain "
            "in JavaScript, Flowise and n8n ('').",
        ),
        click.option(
            "--namespace", metavar="TEXT", default="default", help="Of the sessions.  [default]"
        ),
        click.option(
            "--url",
            metavar="URL",
            help="Where the conversations lie: redis://, rediss://, redis+sentinel://, "
            "redis+cluster://, unix://, https:// (Upstash, with $REDIALOG_TOKEN) or embedded:. Not "
            "given: $REDIALOG_URL, else $UPSTASH_REDIS_REST_URL, else $REDIS_URL, else embedded: "
            "in the user's data folder.",
        ),
    ):
        command = option(command)
    return command


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how much of a session a model sees."""
    for option in (
        click.option(
            "--window",
            "window_turns",
            type=click.IntRange(min=0),
            metavar="K",
            help="The model sees the newest K turns at most; a turn is what you said, with all "
            f"that was answered.  [{WINDOW_TURNS}; with --max-tokens, as many as fit]",
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=1),
            metavar="N",
            help="The model sees the newest turns that fit into N tokens, as redialog estimates "
            "them.",
        ),
    ):
        command = option(command)
    return command


def window_of(
    window_turns: int | None, max_tokens: int | None, summary: RollingSummary | None = None
) -> int | None:
    """How many turns a model sees; None for any number.

    Args:
        window_turns: as given.
        max_tokens: as given.
        summary: of what is older.
    """
    if window_turns is not None or max_tokens is not None:
        return window_turns
    if summary is None:
        return WINDOW_TURNS
    # Each turn is seen or summarised; and where the summariser fails, there is a limit.
    return summary.trigger_tokens // _LEAST_OF_A_TURN + summary.keep_turns


def session_ids(
    context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """What a shell can complete a session's id to."""
    from redialog.cli import completion

    return completion.session_ids(context.params, typed)


def session_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument that names a session."""
    return click.argument("session_id", metavar="ID", shell_complete=session_ids)(command)


def open_memory(
    *,
    url: str | None,
    namespace: str | None,
    key_prefix: str | None,
    config: Mapping[str, object] | None = None,
) -> ChatMemory:
    """The memory that the store's options name.

    Args:
        url: of the store.
        namespace: of the sessions; None for the usual one.
        key_prefix: of a shared layout.
        config: options of the client library.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    from redialog.sync import ChatMemory

    name = "default" if namespace is None else namespace
    return ChatMemory.from_url(url, namespace=name, key_prefix=key_prefix, config=config)


def come_back(store: dict[str, Any], session_id: str, user_id: str | None = None) -> str:
    """The command that continues a session; without the URL, which can hold a password."""
    words = ["redialog", "chat", "--session", session_id]
    if user_id is not None:
        words += ["--user", user_id]
    if store["namespace"] != "default":
        words += ["--namespace", store["namespace"]]
    if store["key_prefix"] is not None:
        words += ["--key-prefix", store["key_prefix"]]
    return shlex.join(words) + (" --url ..." if store["url"] is not None else "")


def missing(session_id: str) -> NotFound:
    """The error for a session that is not there, where the running command looked for it."""
    store = click.get_current_context().params
    namespace, key_prefix = store["namespace"], store["key_prefix"]
    if key_prefix is not None:
        return NotFound(f"there is no session {session_id!r} with the key prefix {key_prefix!r}")
    elsewhere = " (--namespace and --key-prefix name others)" if namespace == "default" else ""
    return NotFound(f"there is no session {session_id!r} in the namespace {namespace!r}{elsewhere}")


def counted(number: int) -> str:
    """So many messages, in words."""
    return "1 message" if number == 1 else f"{number:,} messages"


def duration(text: str) -> timedelta:
    """A time in seconds, or with a unit: ``90``, ``90s``, ``15m``, ``24h``, ``7d``.

    Raises:
        BadParameter: it is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no duration such as 90, 90s, 15m, 24h or 7d")
    try:
        time = timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    except OverflowError:
        raise click.BadParameter(f"{text!r} is longer than a session can live") from None
    if not time:
        raise click.BadParameter("a session lives longer than that; redialog rm deletes one")
    return time


def duration_or_none(text: str) -> timedelta | str:
    """The same, or the word ``none`` as it is.

    Raises:
        BadParameter: it is neither.
    """
    return NONE if text == NONE else duration(text)
