"""What the nodes and their credentials look like: the data files beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

FieldType: TypeAlias = Literal["string", "number", "boolean", "password", "url", "options"]
"""What a field holds."""


class Option(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One of the values that a field of the type ``options`` can have.

    Attributes:
        label: for people.
        name: the value.
        description: what it means.
    """

    label: str
    name: str
    description: str = ""


class Field(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A field of a node or of a credential.

    Attributes:
        label: for people.
        name: its key among the inputs; mind the case.
        type: what it holds.
        description: what it means.
        default: what stands for an unset one; None where nothing does.
        placeholder: what a form shows in an empty one.
        optional: whether it may be unset.
        additional_params: whether it stands behind the card, under the additional parameters.
        options: of the type ``options``: what there is.
        redialog: whether it is this library's own, which the original node does not have.
    """

    label: str
    name: str
    type: FieldType
    description: str = ""
    default: str | int | float | bool | None = None
    placeholder: str = ""
    optional: bool = False
    additional_params: bool = False
    options: tuple[Option, ...] = ()
    redialog: bool = False


class CredentialField(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Which credentials a node takes.

    Attributes:
        label: for people.
        name: ``credential``.
        type: ``credential``.
        credential_names: of `CREDENTIALS`.
        description: what it means.
        optional: whether the node works without one.
    """

    label: str
    name: str
    type: Literal["credential"]
    credential_names: tuple[str, ...]
    description: str = ""
    optional: bool = False


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A node: what a form shows, and what its inputs are.

    ``msgspec.json.encode`` gives its JSON, with the names of the original.

    Attributes:
        label: for people.
        name: of the node in a flow; mind the case.
        type: of what it gives to other nodes.
        version: of the node.
        category: where a palette has it.
        description: what it does.
        credential: which credentials it takes.
        inputs: its fields, in the order of a form.
    """

    label: str
    name: str
    type: str
    version: float
    category: str
    description: str
    credential: CredentialField
    inputs: tuple[Field, ...]


class CredentialDescriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A credential: what a form shows, and what its fields are.

    Attributes:
        label: for people.
        name: of its kind.
        version: of its kind.
        description: what it opens.
        inputs: its fields, in the order of a form.
    """

    label: str
    name: str
    version: float
    description: str
    inputs: tuple[Field, ...]


T = TypeVar("T", Descriptor, CredentialDescriptor)


def _loaded(kind: type[T], *names: str) -> Mapping[str, T]:
    folder = files("redialog.nodes") / "descriptors"
    found: dict[str, Any] = {}
    for name in names:
        found[name] = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=kind)
    return MappingProxyType(found)


NODES: Mapping[str, Descriptor] = _loaded(
    Descriptor, "RedisBackedChatMemory", "upstashRedisBackedChatMemory"
)
"""The nodes, by name."""

CREDENTIALS: Mapping[str, CredentialDescriptor] = _loaded(
    CredentialDescriptor, "redisCacheApi", "redisCacheUrlApi", "upstashRedisMemoryApi"
)
"""The kinds of credentials, by name."""
