"""Any Redis behind the Upstash REST protocol: for development, tests and edge functions.

``redialog gateway`` on the command line runs it as a server; `asgi_app` gives the same as an ASGI
application. From the outside to the inside: `serving` listens, `app` speaks HTTP, `requests` makes
commands of requests, `policy` says which of them are refused, `store` runs the others, `sending`
chooses their connections, and `replies` makes JSON of what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from redialog.errors import MissingExtra

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["MAX_BODY", "asgi_app"]

MAX_BODY = 10_000_000
"""Bytes of a request's body, where nothing else is said: what Upstash takes on ordinary plans."""


def asgi_app(
    url: str | None = None,
    *,
    token: str,
    read_only_token: str | None = None,
    allow_commands: Iterable[str] = (),
    max_body: int = MAX_BODY,
    config: Mapping[str, object] | None = None,
) -> Starlette:
    """The gateway as an ASGI application; it connects at its first request.

    Args:
        url: of the Redis behind it, as for `redialog.ChatMemory.from_url`, but no REST one; None
            for ``REDIALOG_URL``, else ``REDIS_URL``, else the embedded server.
        token: what a request must bring to do anything.
        read_only_token: what a request must bring to read.
        allow_commands: names of commands that are refused otherwise, such as ``flushdb``.
        max_body: bytes that the body of a request has at most.
        config: options for the client library.

    Returns:
        An application for one event loop; its lifespan closes the connections.

    Raises:
        ConfigurationError: an argument is wrong.
        MissingExtra: the extra ``gateway`` is not installed.
    """
    needed()
    from redialog.gateway import app

    return app.build(
        url,
        token=token,
        read_only_token=read_only_token,
        allow_commands=allow_commands,
        max_body=max_body,
        config=config,
    )


def needed() -> None:
    """Looks for the packages that the gateway runs on.

    Raises:
        MissingExtra: one is not installed.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise MissingExtra(extra="gateway", purpose="the gateway")
