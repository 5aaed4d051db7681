"""Models behind OpenAI's chat completions, by way of the official client (the extra ``openai``)."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from redialog._json import whole_text
from redialog.errors import ConfigurationError, MissingExtra
from redialog.messages import Message
from redialog.models import ModelError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
"""The longest silence, before the first piece or between two: some models think before they speak.
The client's own default is ten minutes."""

_NO_KEY = "none"
"""Local endpoints want no key, but the client insists on one."""

_REMEDIES = {
    401: "check OPENAI_API_KEY",
    403: "check OPENAI_API_KEY",
    404: "check the name of the model and the base URL",
    429: "the limit of requests or the quota is used up",
}
_CODE = re.compile(r"[a-z_]{1,40}")

_WHOLE = ("stop", "tool_calls", "function_call")
_CUTS = {
    "length": "was cut off at the model's limit of tokens",
    "content_filter": "was cut off by a content filter",
}


class OpenAIModel:
    """Streams the answers of one model.

    Args:
        name: of the model.
        base_url: of the endpoint; None for OpenAI's own.
        api_key: None where the endpoint wants none, which OpenAI's own does.

    Raises:
        ConfigurationError: no key where one is needed, or the URL is none.
        MissingExtra: the package ``openai`` is not installed.
    """

    def __init__(self, name: str, *, base_url: str | None = None, api_key: str | None = None):
        if base_url is None and api_key is None:
            raise ConfigurationError(
                "OPENAI_API_KEY is not set; for an endpoint that needs no key, give its URL: "
                "--base-url, base_url or OPENAI_BASE_URL"
            )
        self._host = _host(base_url)
        try:
            import openai
        except ImportError as error:
            raise MissingExtra(extra="openai", purpose=f"the model {name!r}") from error
        self._name = name
        self._client: Any = openai.OpenAI(
            api_key=api_key or _NO_KEY,
            base_url=base_url,
            timeout=openai.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    def reply(self, messages: Sequence[Message]) -> Generator[str, None, None]:
        """As `redialog.models.Model.reply`."""
        sent = [message.to_openai() for message in messages]
        try:
            stream = self._client.chat.completions.create(
                model=self._name, messages=sent, stream=True
            )
            with closing(stream):
                yield from _whole_characters(_contents(stream))
        # Older clients let errors of their HTTP library through, so that no list is complete.
        except _CutOff as cut:
            raise ModelError(
                f"the answer of {self._host} {cut}; check the base URL and the model"
            ) from None
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ModelError:
        """What went wrong, in our own words: providers quote messages and keys in theirs."""
        status = getattr(error, "status_code", None)
        if not isinstance(status, int):
            return ModelError(f"no answer from the model at {self._host}: {_kind(error)}")
        code = getattr(error, "code", None)
        known = f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
        remedy = f": {_REMEDIES[status]}" if status in _REMEDIES else ""
        return ModelError(
            f"the model at {self._host} answered with HTTP {status}{known}{remedy}", status=status
        )


def _host(base_url: str | None) -> str:
    """Where the endpoint is, without what may be secret in its URL."""
    if base_url is None:
        return "api.openai.com"
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "the base URL must look like http://localhost:11434/v1 or https://example.com/v1"
        )
    return f"{parts.hostname}{port}"


class _CutOff(Exception):
    """The stream ended before the answer did."""


def _contents(chunks: Iterable[Any]) -> Iterator[str]:
    """The text in the chunks; some have no choices (usage), or no content (role, tool calls).

    Raises:
        _CutOff: half of an answer must not pass for one: a summary would stand for what it left
            out.
    """
    ended: object = None
    for chunk in chunks:
        for choice in (chunk.choices or ())[:1]:
            ended = choice.finish_reason or ended
            content = choice.delta.content if choice.delta is not None else None
            if content:
                yield content
    if ended not in _WHOLE:
        raise _CutOff(_CUTS.get(str(ended), "is no whole stream of chat completions"))


def _whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """The same text without lone surrogates, which can be neither stored nor printed.

    An endpoint that cuts its JSON between the two ``\\u`` escapes of an emoji leaves half of it at
    the end of one piece: that half waits for the next.
    """
    half = ""
    for piece in pieces:
        text = half + piece
        half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        text = text[: len(text) - len(half)]
        if text:
            yield whole_text(text)
    if half:
        yield "\ufffd"


def _kind(error: BaseException) -> str:
    """The reason in words that hold neither a key nor a message: of the system, else a class."""
    kind = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{kind} ({cause.verify_message})"
        if isinstance(cause, OSError) and isinstance(cause.errno, int) and cause.errno > 0:
            return f"{kind} ({os.strerror(cause.errno)})"
        cause = cause.__cause__ or cause.__context__
    return kind
