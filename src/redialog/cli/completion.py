"""Completion in the shell: the scripts that ask, and the answers.

A script gives the line up to the cursor in a variable and reads a candidate from each line of the
answer. Whatever goes wrong, the answer is empty: nobody wants an error in the middle of typing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete

# As click's own scripts take a line apart: also where a quote is still open.
from click.shell_completion import split_arg_string as words_of

from redialog.cli.console import Console, OutputLost, visible
from redialog.cli.options import open_memory

VARIABLE = "_REDIALOG_COMPLETE"
"""Names the shell that asks."""

SCRIPTS = {
    "bash": """\
_redialog_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_WORD="$2" \\
        _REDIALOG_COMPLETE=bash "$1" 2>/dev/null </dev/null))
}
# Before 4.4, bash sorts what is newest first.
complete -o nosort -F _redialog_completion redialog 2>/dev/null ||
    complete -F _redialog_completion redialog
""",
    "zsh": """\
#compdef redialog
_redialog() {
    local -a found
    found=(${(f)"$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" \\
        _REDIALOG_COMPLETE=zsh ${(Q)words[1]} 2>/dev/null </dev/null)"})
    (( $#found )) && _describe -V redialog found
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _redialog "$@"
else
    compdef _redialog redialog
fi
""",
    "fish": """\
function __redialog_complete
    set -lx COMP_LINE (commandline -cp)
    set -lx _REDIALOG_COMPLETE fish
    redialog 2>/dev/null </dev/null
end
complete --command redialog --no-files --keep-order --arguments '(__redialog_complete)'
""",
}

NEWEST = 1000
"""Among how many sessions completions are looked for."""

TIMEOUT_S, PATIENCE_S = 0.5, 2.0
"""For one answer of the store, and for all together, name resolution and retries included."""

# What no shell takes for anything but text, also without quotes: another's session id must not
# become a command on somebody's line.
_HARMLESS = re.compile(r"[\w.@%+,/:][\w.@%+,/:=-]*")
_MOST_OF_A_HELP = 60


@click.command()
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
@click.pass_obj
def completion(console: Console, /, *, shell: str) -> None:
    """Print a script that lets a shell complete redialog.

    It completes commands, options and the ids of sessions.

    \b
    bash: eval "$(redialog completion bash)"       in ~/.bashrc
    zsh:  eval "$(redialog completion zsh)"        in ~/.zshrc, after compinit
    fish: redialog completion fish | source        in ~/.config/fish/config.fish
    """
    console.write(SCRIPTS[shell])


def answer(commands: click.Command, console: Console, environ: Mapping[str, str]) -> int:
    """Prints what the line that a shell asks about can be completed to.

    Args:
        commands: the command line.
        console: where to.
        environ: names the shell, and the line up to the cursor as ``COMP_LINE``; of bash also the
            part of its last word that bash replaces, as ``COMP_WORD``.

    Returns:
        The exit code.
    """
    shell, line = environ[VARIABLE], environ.get("COMP_LINE", "")
    with suppress(Exception):
        # Any character: it shows whether the cursor stands in a word or after a space.
        *before, last = words_of(f"{line}x")
        typed = last[:-1]
        asked = ShellComplete(commands, {"obj": console}, "redialog", VARIABLE)
        items = asked.get_completions(before[1:], typed)
        option, equals, _ = typed.partition("=")
        ahead = f"{option}=" if equals and option.startswith("--") else ""
        # bash sees a new word after a colon, and puts the answer there.
        kept = typed.removesuffix(environ.get("COMP_WORD", typed)) if shell == "bash" else ""
        lines = [_line(shell, f"{ahead}{item.value}".removeprefix(kept), item) for item in items]
        with suppress(OutputLost):
            console.write("".join(f"{line}\n" for line in lines))
    return 0


def _line(shell: str, value: str, item: CompletionItem) -> str:
    words = " ".join(visible(item.help or "", one_line=True).split())
    if shell == "zsh":
        value, words = value.replace(":", "\\:"), words.replace("\\", "\\\\")
        return f"{value}:{words}" if words else value
    return f"{value}\t{words}" if shell == "fish" and words else value


def session_ids(given: Mapping[str, Any], typed: str) -> list[CompletionItem]:
    """The newest sessions whose ids begin with what was typed and need no quotes.

    Args:
        given: the options of the line, which say where the sessions lie.
        typed: so far.

    Returns:
        Their ids with their titles; nothing where the store does not answer soon.
    """
    found: list[CompletionItem] = []

    def look() -> None:
        with suppress(Exception):
            found.extend(_matching(given, typed))

    # A thread, since nothing else bounds the resolution of a name.
    looking = Thread(target=look, daemon=True)
    looking.start()
    looking.join(PATIENCE_S)
    return found


def _matching(given: Mapping[str, Any], typed: str) -> list[CompletionItem]:
    store = {name: given.get(name) for name in ("url", "namespace", "key_prefix")}
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    with open_memory(**store, config=timeouts) as memory:
        page = memory.sessions(given.get("user_id")).page(limit=NEWEST)
    return [
        CompletionItem(info.session_id, help=(info.title or "")[:_MOST_OF_A_HELP])
        for info in page.sessions
        if info.session_id.startswith(typed) and _HARMLESS.fullmatch(info.session_id)
    ]
