"""The commands, their options, and the exit codes.

====  =============================================================================
0     done; also where the reader of the output has gone (``| head``)
1     failed: the model, the embedded server, a missing extra, a server's refusal
2     wrong usage, a wrong option or URL
3     there is no such session or message
4     the store cannot be reached
130   Ctrl-C
====  =============================================================================
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import click

from redialog._version import __version__
from redialog.cli import completion, doctor, edits, explain, gateway, nodes, sessions
from redialog.cli.console import Console, OutputLost, visible
from redialog.cli.options import (
    come_back,
    duration,
    limit_options,
    open_memory,
    session_argument,
    session_ids,
    store_options,
    window_of,
)
from redialog.errors import ConfigurationError, NotFound, RedialogError, TransportError

FAILED, USAGE, NOT_FOUND, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 130

DEBUG = "REDIALOG_DEBUG"
"""With this variable set, an unexpected error shows its traceback, which can hold message text."""


def run(args: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        args: None for those of the process.

    Returns:
        The exit code.
    """
    console = Console()
    try:
        if os.environ.get(completion.VARIABLE):
            return completion.answer(commands, console, os.environ)
        code = commands.main(args, "redialog", standalone_mode=False, obj=console)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        return _report(error, console)
    return code if isinstance(code, int) else 0


def _report(error: Exception, console: Console) -> int:
    """Says in one line what went wrong; returns the exit code for it."""
    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "redialog"
            # Click puts each choice into a line of its own.
            what = error.format_message().replace("\n\t", " ")
            console.note(f"{what} (see {command} --help)")
        case OutputLost():
            if not error.quiet:
                console.note("standard output cannot be written")
        case TransportError():
            # Not str(error): that adds how a program would send the write again.
            doubt = "; what was asked for may have been done all the same"
            console.note(f"{error.args[0]}{doubt if error.maybe_applied else ''}")
        case RedialogError():
            console.note(str(error))
        case _:
            _unexpected(error, console)
    return _exit_code(error)


def _exit_code(error: Exception) -> int:
    match error:
        case click.UsageError() | ConfigurationError():
            return USAGE
        case TransportError():
            return UNREACHABLE
        case NotFound():
            return NOT_FOUND
        case OutputLost(quiet=True):
            return 0
        case _:
            return FAILED


def _unexpected(error: Exception, console: Console) -> None:
    # The text of a foreign error can hold anything, a message or a key.
    console.note(f"unexpected {type(error).__name__} (set {DEBUG}=1 for a traceback)")
    if os.environ.get(DEBUG):
        trace = "".join(traceback.format_exception(error))
        key = os.environ.get("OPENAI_API_KEY")
        click.echo(visible(trace.replace(key, "***") if key else trace), err=True)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="redialog %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Conversations that are remembered on Redis.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such session or message, 4 the store cannot be
    reached, 130 Ctrl-C.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(USAGE)


@commands.command()
@click.option(
    "--session",
    "session_id",
    metavar="ID",
    help="Talk in this session, old or new.",
    shell_complete=session_ids,
)
@click.option(
    "-c",
    "--continue",
    "resume",
    is_flag=True,
    help="Continue the session with the newest activity, of the --user where one is given.",
)
@click.option("--user", "user_id", metavar="ID", help="Whom the session belongs to.")
@click.option(
    "--model",
    metavar="NAME",
    help="A model at OpenAI or at an endpoint like it, with $OPENAI_API_KEY; or 'demo': no "
    "language model, it quotes what you said. Not given: $OPENAI_MODEL, else demo.",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="The endpoint of the model, such as http://localhost:11434/v1. Not given: "
    "$OPENAI_BASE_URL, else OpenAI's.",
)
@click.option(
    "--system",
    metavar="TEXT",
    help="An instruction to the model. It is stored as the first message of a new session; in "
    "one that has begun, it is used for this run only.",
)
@click.option(
    "--ttl",
    type=duration,
    metavar="DURATION",
    help="How long the session lives after its last message: in seconds, or 15m, 24h, 7d. Not "
    "given: for ever, or as before.",
)
@limit_options
@click.option(
    "--summarize",
    is_flag=True,
    help="The model that answers folds older messages into a summary, which is kept with the "
    "session; in the place of the demo, the best sentences are picked.",
)
@store_options
@click.pass_obj
def chat(
    console: Console,
    /,
    *,
    session_id: str | None,
    resume: bool,
    user_id: str | None,
    model: str | None,
    base_url: str | None,
    system: str | None,
    ttl: timedelta | None,
    window_turns: int | None,
    max_tokens: int | None,
    summarize: bool,
    **store: Any,
) -> None:
    """Talk to a model that remembers.

    Without --session and -c a new session begins, and standard error tells its id. Standard
    output holds the answers and nothing else; with piped input, one for each line that is not
    empty.

    Ctrl-C stops an answer, and what was said so far is stored; Ctrl-C at the prompt, or twice,
    ends the chat. Where the model fails, your message is stored all the same.
    """
    if resume and session_id is not None:
        raise click.UsageError("--session and --continue exclude each other")
    from redialog import models
    from redialog.cli import chat as talk

    for name, text in ("--system", system), ("--user", user_id):
        _encodable(name, text or "")
    chosen = models.choose(model, base_url, os.environ)
    summary = None
    if summarize:
        from redialog.cli import summarising

        summary = summarising.policy(chosen, model, base_url, os.environ, max_tokens)
    wanted = talk.Wanted(
        session_id=session_id,
        resume=resume,
        user_id=user_id,
        ttl=ttl,
        system=system or None,
        window_turns=window_of(window_turns, max_tokens, summary),
        max_tokens=max_tokens,
        summary=summary,
        come_back=partial(come_back, store, user_id=user_id),
    )
    _introduce(console, chosen, asked_for=model is not None)
    talk.run(console, partial(open_memory, **store), chosen, wanted)


def _encodable(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{name} is not in the encoding of this terminal") from None


def _introduce(console: Console, model: object, *, asked_for: bool) -> None:
    from redialog.models.demo import IS_NO_MODEL, DemoModel

    if isinstance(model, DemoModel):
        how = "for a real one: --model NAME, with OPENAI_API_KEY or OPENAI_BASE_URL"
        why = "" if asked_for else "no model is configured; "
        console.note(f"{why}the demo answers: {IS_NO_MODEL} ({how})")


@commands.command()
@session_argument
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, with all fields.")
@click.option("--ids", is_flag=True, help="With the ids of the messages, for rewind and fork.")
@store_options
@click.pass_obj
def show(console: Console, /, *, session_id: str, as_json: bool, ids: bool, **store: Any) -> None:
    """Print the session ID.

    Damaged elements are marked and skipped. Control characters are written out, as in \\x1b.
    """
    from redialog.cli import show as shown

    with open_memory(**store) as memory:
        shown.run(console, memory.session(session_id), as_json=as_json, ids=ids)


for _command in (
    sessions.ls,
    sessions.rm,
    edits.fork,
    edits.rewind,
    edits.ttl,
    edits.title,
    explain.explain,
    doctor.doctor,
    gateway.gateway,
    nodes.nodes,
    completion.completion,
):
    commands.add_command(_command)
