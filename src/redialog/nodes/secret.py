"""`Secret`: a value that nothing shows by accident."""

from __future__ import annotations

import re
from typing import NoReturn, Self

MASK = "****"
"""Stands for a secret."""

_HOST = r"(?:[\w.-]+|\[[0-9a-f:.%]+\])(?::\d+)?"
_PLACE = re.compile(rf"(?:{_HOST}(?:,{_HOST})*)?(?:/[\w./-]*)?", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>[a-z][a-z+]*):(?://(?P<rest>.*))?", re.IGNORECASE | re.DOTALL)


class Secret:
    """A password, a token, or a URL that can hold one.

    Its text, its ``repr`` and what formatting makes of it are masked; it cannot be pickled, and no
    encoder of JSON takes it.

    Args:
        value: the secret.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return MASK if self._value else ""

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: it would be readable; make the node anew there")


def masked_url(url: str) -> str:
    """A URL as it can be shown: without password, and with nothing of what is not understood.

    Args:
        url: also one that is damaged.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return MASK if url else ""
    scheme, rest = found["scheme"], found["rest"]
    if rest is None:
        return url
    # Up to the last "@": a password can hold anything, encoded or not.
    login, at, place = rest.rpartition("@")
    if "?" in login or "#" in login:
        # That "@" can stand in the password of a query, and what follows it be the rest of that.
        return f"{scheme}://{MASK}"
    user, colon, _ = login.partition(":")
    place, asks, _ = place.partition("?")
    if not _PLACE.fullmatch(place):
        return f"{scheme}://{MASK}"
    shown = f"{user}:{MASK}@" if colon else f"{MASK}{at}" if at else ""
    return f"{scheme}://{shown}{place}" + (f"?{MASK}" if asks else "")
