"""The gateway as an ASGI application: authorization, limits, and what each answer says."""

from __future__ import annotations

import hmac
import logging
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import TypeAlias
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from redialog.effect import CommandError
from redialog.errors import ConfigurationError, RedialogError, ReplyTimeout, TransportError
from redialog.gateway import requests
from redialog.gateway.replies import Answer, answer, document, error
from redialog.gateway.requests import BadRequest
from redialog.gateway.store import Store

METHODS = ("GET", "HEAD", "POST", "PUT")
_WITH_BODY = ("POST", "PUT")
OK, BAD_REQUEST, UNAUTHORIZED, NO_SUCH_METHOD, TOO_LARGE = 200, 400, 401, 405, 413
FAILED, BAD_GATEWAY, UNAVAILABLE, TIMED_OUT = 500, 502, 503, 504

NOTHING_DONE = "the store cannot be used now; nothing was executed"
DOUBT = "there was no complete reply; the commands may have been executed"

Headers: TypeAlias = dict[bytes, bytes]

_log = logging.getLogger("redialog.gateway")

_BEARER = b"bearer "
_UNSEEN = ord("!")
_BEYOND_ASCII = 0x7F


class TooLarge(Exception):
    """The body of a request has more bytes than the gateway takes."""


class Disconnected(Exception):
    """The client went before its request was complete."""


class Tokens:
    """Who may do what.

    Args:
        token: for everything.
        read_only: for reading; None for nobody.

    Raises:
        ConfigurationError: one of them cannot stand in a header, or both are the same.
    """

    def __init__(self, token: str, read_only: str | None) -> None:
        self._token = _token(token, "token")
        self._read_only = None if read_only is None else _token(read_only, "read-only token")
        if self._token == self._read_only:
            raise ConfigurationError("the token and the read-only token must differ")

    def read_only(self, given: bytes) -> bool | None:
        """Whether a token is for reading only; None where it is for nothing.

        It takes the same time whatever was given.
        """
        full = hmac.compare_digest(given, self._token)
        reads = self._read_only is not None and hmac.compare_digest(given, self._read_only)
        return False if full else True if reads else None


def _token(text: str, what: str) -> bytes:
    if not isinstance(text, str) or not text:
        raise ConfigurationError(f"the gateway needs a {what}")
    if not all(_UNSEEN <= ord(letter) < _BEYOND_ASCII for letter in text):
        raise ConfigurationError(f"the {what} must be of visible ASCII characters, without spaces")
    return text.encode()


def build(
    url: str | None,
    *,
    token: str,
    read_only_token: str | None,
    allow_commands: Iterable[str],
    max_body: int,
    config: Mapping[str, object] | None,
) -> Starlette:
    """Makes the application; the arguments are as for `redialog.gateway.asgi_app`."""
    if isinstance(max_body, bool) or not isinstance(max_body, int) or max_body < 1:
        raise ConfigurationError("max_body must be a number of bytes above zero")
    tokens = Tokens(token, read_only_token)
    store = Store(url, allow_commands, config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await store.close()

    app = Starlette(lifespan=lifespan)
    # Instead of a route: those match no line breaks, and answer in plain text.
    app.router.default = Endpoint(store, tokens, max_body)
    app.state.store = store
    return app


class Endpoint:
    """Answers the requests, all of them.

    Args:
        store: runs the commands.
        tokens: who may.
        max_body: bytes of a request's body.
    """

    def __init__(self, store: Store, tokens: Tokens, max_body: int) -> None:
        self._store = store
        self._tokens = tokens
        self._max_body = max_body
        self._run = secrets.token_hex(8)
        self._count = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        # Of several headers of a name the first one counts.
        headers: Headers = dict(reversed([*scope["headers"]]))
        try:
            status, answers = await self._answered(scope, headers, receive)
        except Disconnected:
            return
        content = document(answers)
        said = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(content)),
            (b"content-type", b"application/json"),
        ]
        if b"upstash-sync-token" in headers:
            # All reads go to the primary, so there is nothing to wait for; clients still expect
            # each answer to bring another one.
            mark = f"{self._run}.{next(self._count)}"
            said.append((b"upstash-sync-token", b64encode(mark.encode())))
        if status == NO_SUCH_METHOD:
            said.append((b"allow", ", ".join(METHODS).encode()))
        await send({"type": "http.response.start", "status": status, "headers": said})
        await send({"type": "http.response.body", "body": content})

    async def _answered(
        self, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[int, Answer | list[Answer]]:
        if scope["method"] not in METHODS:
            return NO_SUCH_METHOD, error("ERR only GET, HEAD, POST and PUT are served")
        read_only = self._tokens.read_only(_given(scope, headers))
        if read_only is None:
            return UNAUTHORIZED, error("WRONGPASS invalid or missing auth token")
        try:
            return await self._executed(scope, headers, receive, read_only=read_only)
        except Disconnected:
            raise
        except Exception as failed:
            return _failed(failed)

    async def _executed(
        self, scope: Scope, headers: Headers, receive: Receive, *, read_only: bool
    ) -> tuple[int, Answer | list[Answer]]:
        base64 = headers.get(b"upstash-encoding", b"").lower() == b"base64"
        if headers.get(b"upstash-response-format", b"json").lower() != b"json":
            raise BadRequest("ERR the only response format here is json")
        body = await self._body(headers, receive)
        path = _path(scope)
        posted = scope["method"] in _WITH_BODY
        if path == b"/pipeline" and posted:
            commands = requests.batch_of_body(body)
            replies = await self._store.run(commands, read_only=read_only)
            return OK, [answer(reply, base64=base64) for reply in replies]
        if path == b"/multi-exec" and posted:
            commands = requests.batch_of_body(body)
            outcome = await self._store.transaction(commands, read_only=read_only)
            if isinstance(outcome, CommandError):
                return BAD_REQUEST, answer(outcome, base64=base64)
            return OK, [answer(reply, base64=base64) for reply in outcome]
        if path in (b"/", b"") and posted:
            command = requests.of_body(body)
        else:
            value = body if posted else b""
            command = requests.of_path(path, scope["query_string"], value)
        [reply] = await self._store.run([command], read_only=read_only)
        status = BAD_REQUEST if isinstance(reply, CommandError) else OK
        return status, answer(reply, base64=base64)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            raise TooLarge
        body, more = await _part(receive)
        if more:
            # Many small parts take no more room than the whole.
            parts = bytearray(body)
            while more and len(parts) <= self._max_body:
                body, more = await _part(receive)
                parts += body
            body = bytes(parts)
        if len(body) > self._max_body:
            raise TooLarge
        return body


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and whether there are more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), message.get("more_body", False)


def _path(scope: Scope) -> bytes:
    """The path as it was sent: a slash in an argument is encoded."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return path.partition(b"?")[0].removeprefix(quote(scope.get("root_path", "")).encode())


def _given(scope: Scope, headers: Headers) -> bytes:
    """The token that a request brings; empty where there is none."""
    value = headers.get(b"authorization")
    if value is not None:
        scheme = value[: len(_BEARER)].lower() == _BEARER
        return value[len(_BEARER) :].strip() if scheme else b""
    for name, parameter in requests.parameters(scope["query_string"]):
        if name == requests.TOKEN_PARAMETER:
            return parameter
    return b""


def _failed(failed: Exception) -> tuple[int, Answer]:
    """The answer after an error; JSON always, since clients send again what got another one.

    A client is told less than the operator: its token may be in public.
    """
    match failed:
        case BadRequest():
            return BAD_REQUEST, error(str(failed))
        case TooLarge():
            return TOO_LARGE, error("ERR max request size exceeded")
        case TransportError():
            _log.warning("%s", failed.args[0])
            return _status(failed), error(f"ERR {DOUBT if failed.maybe_applied else NOTHING_DONE}")
        case _:
            _log.error("%s", failed if isinstance(failed, RedialogError) else type(failed).__name__)
            return FAILED, error(f"ERR {DOUBT}")


def _status(failed: TransportError) -> int:
    if failed.maybe_applied:
        return TIMED_OUT if isinstance(failed, ReplyTimeout) else BAD_GATEWAY
    return UNAVAILABLE if failed.retryable else FAILED
