"""What goes to the terminal and what comes from it: text, warnings, Ctrl-C.

Two rules. Standard output holds what was asked for (answers, a conversation) and nothing else; all
that the program has to say itself goes to standard error. And no text that was stored, or that a
model said, reaches either as it is: an escape sequence in it could retitle the window, hide text
or type into the shell.
"""

from __future__ import annotations

import enum
import io
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Self, TextIO

# C0 but tab and newline, DEL, C1; the line and paragraph separators; the controls that reorder
# text (U+202A to U+202E, U+2066 to U+2069); lone surrogates, which no encoding can print.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, *, one_line: bool = False) -> str:
    """The text with all that could control a terminal written out, as in ``\\x1b`` or ``\\u202e``.

    Args:
        text: from anywhere.
        one_line: newlines and tabs too.

    Returns:
        Text that is safe to print; CRLF has become a newline.
    """
    if one_line:
        text = text.replace("\n", "\\n").replace("\t", "\\t")
    return _UNSAFE.sub(_escaped, text.replace("\r\n", "\n"))


def visible_json(text: str, encoding: str) -> str:
    """The JSON document with the same characters as JSON escapes.

    Args:
        text: JSON; such characters stand only inside its strings.
        encoding: what it will be printed in; what that lacks is escaped too.
    """
    safe = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        safe.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        units = re.compile(r"[^\x00-\x7f]")
        return units.sub(lambda found: _utf16(found[0]), safe)
    return safe


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004


def _utf16(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


class OutputLost(Exception):
    """Standard output takes no more; its cause says why.

    Attributes:
        quiet: whether the reader has simply gone, as ``head`` does.
    """

    def __init__(self, error: OSError | None) -> None:
        super().__init__(error)
        self.quiet = isinstance(error, BrokenPipeError)


class Console:
    """The three standard streams of this process."""

    def __init__(self) -> None:
        for stream, errors in (
            (sys.stdin, "replace"),
            (sys.stdout, "backslashreplace"),
            (sys.stderr, "backslashreplace"),
        ):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=errors)
        self._in_line = False

    @property
    def interactive(self) -> bool:
        """Whether a person types."""
        return sys.stdin is not None and sys.stdin.isatty()

    @property
    def fancy(self) -> bool:
        """Whether colours and the like are wanted on standard output."""
        if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
            return False
        return _is_terminal(sys.stdout)

    @property
    def width(self) -> int | None:
        """Of the terminal that standard output is, in columns; None where it is none."""
        return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None

    @property
    def encoding(self) -> str:
        """Of standard output."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def say(self, text: str) -> None:
        """Writes untrusted text to standard output, at once.

        Raises:
            OutputLost: it cannot be written.
        """
        self.write(visible(text))

    def write(self, text: str) -> None:
        """Writes text that is safe already.

        Raises:
            OutputLost: it cannot be written.
        """
        if not text:
            return
        if sys.stdout is None:
            raise OutputLost(None)
        # First, since Ctrl-C can come as soon as the text is seen.
        self._in_line = not text.endswith("\n")
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            self._in_line = False
            _abandon(sys.stdout)
            raise OutputLost(error) from error

    def end_line(self) -> None:
        """Ends a line that was begun.

        Raises:
            OutputLost: it cannot be written.
        """
        if self._in_line:
            self.write("\n")

    def note(self, text: str) -> None:
        """Writes a line of the program's own to standard error."""
        with suppress(OutputLost):
            # In a terminal both streams end up in the same place.
            self.end_line()
        with suppress(OSError, AttributeError):
            sys.stderr.write(f"redialog: {visible(text, one_line=True)}\n")
            sys.stderr.flush()

    def newline(self) -> None:
        """Leaves the line of a prompt that got no answer."""
        with suppress(OSError, AttributeError):
            sys.stderr.write("\n")
            sys.stderr.flush()

    def ask(self, prompt: str) -> str | None:
        """The next line that the user types or pipes in; None at the end.

        Args:
            prompt: shown where a person types: on standard error if standard output is no
                terminal, so that it holds nothing but answers.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        if sys.stdin is None:
            return None
        if not self.interactive:
            line = sys.stdin.readline()
            return line.removesuffix("\n").removesuffix("\r") if line else None
        try:
            if _is_terminal(sys.stdout):
                return input(prompt)
            sys.stderr.write(prompt)
            sys.stderr.flush()
            return input()
        except EOFError:
            self.newline()
            return None


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _abandon(stream: TextIO) -> None:
    """Sends what is still buffered nowhere: the interpreter would fail on it again when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _State(enum.Enum):
    OPEN = "Ctrl-C ends the program"
    ANSWER = "Ctrl-C stops the answer"
    HELD = "Ctrl-C waits for what is being stored"


class Interrupts:
    """Ctrl-C, so that it never loses what has been said.

    Outside of an answer it is `KeyboardInterrupt`, as ever. In an answer it is so once, and then
    held back until `release`, since storing what was said comes next; whoever presses it twice
    while that is going on means it.

    The handler itself changes the state. A call in an ``except`` clause would come too late for a
    second signal just before it.
    """

    def __init__(self) -> None:
        self._state = _State.OPEN
        self._pending = False
        self._before: object = None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        # Ignored, as it is for background jobs of a script, it stays ignored.
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def answering(self) -> None:
        """An answer begins."""
        self._state = _State.ANSWER

    def hold(self) -> None:
        """From now on, Ctrl-C waits."""
        self._state = _State.HELD

    def check(self) -> None:
        """For between two pieces of an answer: a library may have swallowed the exception.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if self._state is _State.HELD:
            raise KeyboardInterrupt

    def release(self) -> None:
        """The storing is over.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed meanwhile.
        """
        self._state = _State.OPEN
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._state is _State.HELD and not self._pending:
            self._pending = True
            return
        if self._state is _State.ANSWER:
            self._state = _State.HELD
        raise KeyboardInterrupt
