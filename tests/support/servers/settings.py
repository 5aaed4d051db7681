"""The configuration file of a server: settings as lines, with values of any characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Setting = str | int | Sequence[str]
"""A value of the configuration: see `Server`."""


def quoted(value: str) -> str:
    """Return `value` as one argument of a configuration line, whatever is in it."""
    plain = {ord('"'), ord("\\")}
    inner = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in plain else f"\\x{byte:02x}"
        for byte in value.encode()
    )
    return f'"{inner}"'


def lines(settings: Mapping[str, Setting]) -> str:
    """Return the configuration file that holds `settings`."""
    found: list[str] = []
    for name, value in settings.items():
        values = [str(value)] if isinstance(value, str | int) else value
        found.extend(f"{name} {one or quoted('')}\n" for one in values)
    return "".join(found)
