"""`NodeError`: what is wrong with a node, and where."""

from __future__ import annotations

from redialog.errors import ConfigurationError


class NodeError(ConfigurationError):
    """A field of a node, of its credential or of its messages is wrong; nothing was sent.

    Args:
        node: the node's name, as its descriptor has it.
        field: which field; None where it is the node itself.
        reason: what is wrong and what to do about it; never a value that could be a secret.

    Attributes:
        node: the node's name.
        field: the field's name; None where it is the node itself.
        reason: what is wrong, without those two.
    """

    node: str
    field: str | None
    reason: str

    def __init__(self, *, node: str, field: str | None, reason: str) -> None:
        where = node if field is None else f"{node}: {field}"
        super().__init__(f"{where}: {reason}", node=node, field=field, reason=reason)
