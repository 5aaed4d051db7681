"""What a flow file holds, as values: numbers come as text, and empty text stands for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from redialog.nodes.errors import NodeError

_WHOLE = re.compile(r"(-?)([0-9]{1,18})(?:\.0*)?")
_TEMPLATE = re.compile(r"\{\{.*\}\}", re.DOTALL)


class Reader:
    """Reads the fields of a node or a credential.

    Args:
        node: whom an error names.
        values: the fields.
        templates: whether a text can hold an expression of a template, which is then refused.
    """

    def __init__(self, node: str, values: Mapping[str, object], *, templates: bool) -> None:
        self.node = node
        self._values = values
        self._templates = templates

    def wrong(self, field: str | None, reason: str) -> NodeError:
        """The error about a field."""
        return NodeError(node=self.node, field=field, reason=reason)

    def text(self, field: str, default: str = "") -> str:
        """A text; also a whole number is one, as it would stand in a key.

        Raises:
            NodeError: it is something else.
        """
        value = self._given(field)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.wrong(field, f"must be text, not {kind_of(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong(field, "holds a lone surrogate, which UTF-8 cannot hold") from None
        return value

    def whole(self, field: str, most: int) -> int | None:
        """A whole number of at least 1, also as text; None where it is unset, or 0.

        Raises:
            NodeError: it is something else, or more than ``most``.
        """
        value = self._given(field)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, str) and (found := _WHOLE.fullmatch(value.strip())):
            value = int(found[1] + found[2])
        if isinstance(value, bool) or not isinstance(value, int):
            # Of text, not what it says: with two fields mixed up it could be a secret.
            shown = f"not {value!r}" if isinstance(value, float) else f"not {kind_of(value)}"
            if isinstance(value, str):
                shown = "and this text is none"
            raise self.wrong(field, f"must be a whole number, {shown}")
        if not 0 <= value <= most:
            raise self.wrong(field, f"must be from 1 to {most:,}, or empty for none")
        return value or None

    def flag(self, field: str) -> bool:
        """True or false, also as text; false where it is unset.

        Raises:
            NodeError: it is something else.
        """
        value = self._given(field)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.strip().lower(), value)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.wrong(field, "must be true or false")

    def choice(self, field: str, names: tuple[str, ...]) -> str:
        """One of the names; the first where it is unset.

        Raises:
            NodeError: it is something else.
        """
        value = self._given(field)
        if value is None:
            return names[0]
        if value not in names:
            raise self.wrong(field, f"must be one of {', '.join(names)}")
        return str(value)

    def _given(self, field: str) -> object:
        value = self._values.get(field)
        if not isinstance(value, str):
            return value
        if self._templates and _TEMPLATE.search(value):
            raise self.wrong(
                field, "is an expression of the builder, {{...}}, which only it can fill in"
            )
        return value or None


def is_set(value: object) -> bool:
    """Whether a flow file that holds this value has set the field."""
    return value is not None and value != ""


def kind_of(value: object) -> str:
    """What to call the type of a value that is wrong."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
