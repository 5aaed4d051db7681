"""What an answer of a REST service means: replies, or the error that it stands for. All is pure.

The body of an error is never quoted: it can hold the arguments of a command.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from redialog.effect import CommandError, Reply
from redialog.errors import (
    AuthError,
    ConfigurationError,
    ConnectionLost,
    NotRedis,
    RateLimited,
    RedialogError,
    TransportError,
    Unavailable,
)
from redialog.transports.rest._common import Answer, Request, Wording

_FINE, _REDIRECTS = range(200, 300), range(300, 400)
_BAD_REQUEST, _TOO_LARGE, _TOO_MANY = 400, 413, 429
_NO_ENTRY = (401, 403)
_PASSING = (408, *range(500, 600))
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LOGIN = ("WRONGPASS", "NOAUTH")
# Upstash's own words for what others say with 429 and 413.
_NO_MORE = re.compile(r"max (daily request|requests) limit exceeded")
_NOT_SO_LARGE = "max request size exceeded"


class Rows(msgspec.Struct, frozen=True):
    """What an answer says of commands.

    Attributes:
        found: of each, as the protocol has it.
        writes: whether they may have changed anything.
    """

    found: list[Any]
    writes: bool

    def part(self, begin: int, end: int) -> Rows:
        """The same of some of them."""
        return Rows(self.found[begin:end], self.writes)


class Reader:
    """Reads the answers of one service.

    Args:
        address: of it, without secrets.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._wording = Wording()

    def replies(
        self, answer: Answer, request: Request, *, writes: bool, now: datetime
    ) -> list[Reply]:
        """One reply for each command of a request.

        Args:
            answer: to the request.
            request: the same.
            writes: whether it changes anything.
            now: an aware time, for answers that say when to come again.

        Raises:
            TransportError: there are none; ``maybe_applied`` says whether the request may have been
                carried out.
            ConfigurationError: the request is larger than the service takes.
        """
        found = self.rows(answer, request, writes=writes, now=now)
        return self.replies_in(found) if isinstance(found, Rows) else [found] * request.count

    def rows(
        self, answer: Answer, request: Request, *, writes: bool, now: datetime
    ) -> Rows | CommandError:
        """What an answer says of each command, unread; an error: it refuses all of them as one.

        The arguments and errors are those of `replies`.
        """
        if answer.status != _BAD_REQUEST and answer.status not in _FINE:
            raise self._refusal(answer, request, writes, now)
        # Who finds the request bad has not carried it out.
        writes = writes and answer.status in _FINE
        try:
            document = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unreadable(answer, writes) from None
        if (text := _error(document)) is not None:
            # Also in place of the list: then none of the commands was run.
            return self._refused(text, request)
        rows = [document] if request.path == "/" else document
        if not isinstance(rows, list) or len(rows) != request.count:
            raise self._stranger(writes)
        return Rows(rows, writes)

    def replies_in(self, rows: Rows) -> list[Reply]:
        """The replies in what is said of some commands.

        Raises:
            TransportError: as `replies`.
        """
        limited = [_NO_MORE.search(_error(row) or "") is not None for row in rows.found]
        if any(limited):
            raise self._no_more(rows.writes and not all(limited))
        return [self._reply(row, rows.writes) for row in rows.found]

    def _reply(self, row: Any, writes: bool) -> Reply:
        if (text := _error(row)) is not None:
            return command_error(text)
        if not isinstance(row, dict) or "result" not in row:
            raise self._stranger(writes)
        try:
            return self._wording.decoded(row["result"])
        except TypeError:
            raise self._stranger(writes) from None

    def _refused(self, text: str, request: Request) -> CommandError:
        """The error in place of an answer."""
        found = command_error(text)
        if found.code in _LOGIN:
            raise self._no_entry()
        if _NO_MORE.search(text):
            raise self._no_more()
        if _NOT_SO_LARGE in text:
            raise self._smaller(request)
        return found

    def _refusal(
        self, answer: Answer, request: Request, writes: bool, now: datetime
    ) -> RedialogError:
        """What a status says that is none of a reply."""
        status, place = answer.status, self._address
        if status in _NO_ENTRY:
            return self._no_entry()
        if status == _TOO_MANY:
            after = retry_after(answer, now)
            wait = "" if after is None else f"; it takes requests again in {after:g} s"
            return RateLimited(
                f"too many requests for the plan at {place}{wait}", address=place, retry_after=after
            )
        if status == _TOO_LARGE:
            return self._smaller(request)
        if status in _PASSING:
            return Unavailable(
                f"{place} cannot serve it now (HTTP {status})", address=place, maybe_applied=writes
            )
        if status in _REDIRECTS:
            return NotRedis(
                f"{place} leads elsewhere (HTTP {status}), which is not followed, since the token "
                "would go there too; use the address that it leads to",
                address=place,
            )
        return NotRedis(
            f"what answers at {place} does not speak the REST protocol (HTTP {status}); is the url "
            "right?",
            address=place,
        )

    def _unreadable(self, answer: Answer, writes: bool) -> TransportError:
        if answer.status in _FINE and answer.body.lstrip()[:1] in (b"", b"{", b"["):
            return ConnectionLost(
                f"the reply of {self._address} ended too early",
                address=self._address,
                maybe_applied=writes,
            )
        return self._stranger(writes)

    def _stranger(self, writes: bool) -> NotRedis:
        return NotRedis(
            f"what answers at {self._address} does not speak the REST protocol; is there a proxy "
            "or a login page before it?",
            address=self._address,
            # Whoever answered may have passed it on.
            maybe_applied=writes,
        )

    def _no_entry(self) -> AuthError:
        return AuthError(f"the server at {self._address} refused the token", address=self._address)

    def _no_more(self, maybe_applied: bool = False) -> RateLimited:
        return RateLimited(
            f"the plan at {self._address} allows no more requests for now",
            address=self._address,
            retry_after=None,
            maybe_applied=maybe_applied,
        )

    def _smaller(self, request: Request) -> ConfigurationError:
        return ConfigurationError(
            f"{self._address} does not take a request of {len(request.body):,} bytes; lower "
            "max_request_bytes to what it takes"
        )


def _error(document: Any) -> str | None:
    text = document.get("error") if isinstance(document, dict) else None
    return text if isinstance(text, str) else None


def command_error(text: str) -> CommandError:
    """The error of one command, as a value."""
    code, _, rest = text.partition(" ")
    # Servers write codes in capitals; a text without one is a plain error.
    return CommandError(code, rest) if code.isupper() else CommandError("ERR", text)


def retry_after(answer: Answer, now: datetime) -> float | None:
    """In how many seconds an answer says to come again; None where it does not.

    Args:
        answer: its ``Retry-After`` has seconds, or a time by the server's own clock.
        now: an aware time, where the server does not tell its own.
    """
    text = answer.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    when = _date(text)
    if when is None:
        return None
    return max(0.0, (when - (_date(answer.headers.get("Date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A time without a zone cannot be compared; all of HTTP's have one.
    return found if found.tzinfo is not None else None
