"""Credential providers of redis-py, so that one that fails is an error like others.

Redis-py lets a provider's exception pass, and leaves the connection open that nobody has logged in
on: the next call would use it as the default user, on the first database.
"""

from __future__ import annotations

import asyncio
from typing import Any

import redis.exceptions as rex
from redis.credentials import CredentialProvider

from redialog.errors import ConfigurationError


class NoCredentials(rex.AuthenticationError):
    """A provider gave none. Its own exception is neither shown nor kept: it can quote a secret."""


class Guarded(CredentialProvider):
    """Another provider, asked anew for each connection.

    Args:
        provider: has ``get_credentials`` or ``get_credentials_async``, or both.

    Raises:
        ConfigurationError: it has neither.
    """

    def __init__(self, provider: Any) -> None:
        methods = [getattr(provider, name, None) for name in ("get_credentials", _AWAITED)]
        if isinstance(provider, type) or not any(map(callable, methods)):
            raise ConfigurationError(
                "credential_provider must be an object with a method get_credentials"
            )
        self._provider = provider

    def get_credentials(self) -> tuple[Any, ...]:
        """User name and password, or the password alone."""
        failed = "no method get_credentials"
        try:
            return _form(self._provider.get_credentials())
        except Exception as error:
            failed = type(error).__name__
        # Outside of the handler, so that the error does not carry the other one along.
        raise NoCredentials(failed)

    async def get_credentials_async(self) -> tuple[Any, ...]:
        """The same; a provider that only blocks is asked in a thread."""
        try:
            if _awaited(self._provider):
                return _form(await self._provider.get_credentials_async())
            return _form(await asyncio.to_thread(self._provider.get_credentials))
        except Exception as error:
            failed = type(error).__name__
        raise NoCredentials(failed)


_AWAITED = "get_credentials_async"


def _awaited(provider: Any) -> bool:
    """Whether it has an asynchronous method of its own: redis-py's only calls the other one."""
    own = getattr(type(provider), _AWAITED, None)
    return own is not None and own is not CredentialProvider.get_credentials_async


def _form(found: object) -> tuple[Any, ...]:
    """What a provider gave.

    Raises:
        TypeError: it is something else; redis-py would send the letters of a text one by one.
    """
    if not isinstance(found, tuple | list) or len(found) not in (1, 2):
        raise TypeError
    if not all(isinstance(part, str | bytes) for part in found):
        raise TypeError
    return tuple(found)
