"""Which module may import which: the one rule that keeps the layers apart."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tools import MODULES, imported_modules, imports, parsed

# From the inside to the outside. A module imports only what stands in a line above its own; those
# of one line do not know each other. The name of a package stands for all of its modules, which
# may import one another.
LAYERS: list[tuple[str, ...]] = [
    # domain: pure values
    ("errors", "_version", "_weights", "diagnosis"),
    ("_json", "_places", "_recent", "elements", "keys", "_ids", "_estimate"),
    ("toolcalls", "_counted"),
    ("_checks", "_calls"),
    ("messages",),
    ("codec", "turns", "settings", "groups", "summary", "tokens"),
    ("stored",),
    ("budget",),
    ("strict", "explaining"),
    ("context",),
    ("folding",),
    # vocabulary
    ("effect",),
    ("replies", "scripts"),
    # operations
    ("ops",),
    # drivers, and what turns a call into an operation
    ("drive", "asking"),
    ("callbacks",),
    ("plan",),
    ("compaction",),
    # transports
    ("embedded",),
    ("transports",),
    # facades
    ("sync", "aio"),
    ("sharing",),
    # edges; the gateway is one of another kind, which serves a store and not its conversations, and
    # so stands on a transport
    ("models", "gateway"),
    ("summarizers", "memory"),
    ("conversation", "integrations"),
    ("nodes",),
    ("cli",),
    ("testing",),
    # The package's own module names all of them, and loads them when they are used.
    ("",),
]
# The same among the transports.
OF_TRANSPORTS: list[tuple[str, ...]] = [
    ("urls", "_credentials", "_tasks", "_tls"),
    ("_security",),
    ("redis", "rest"),
    ("routing",),
    ("opening",),
    ("clients",),
    ("",),
]
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
RANKS_OF_TRANSPORTS = {name: rank for rank, names in enumerate(OF_TRANSPORTS) for name in names}
CLIENT_LIBRARIES = {"redis", "hiredis", "httpx", "upstash_redis", "valkey", "coredis"}
EDGES = ("models", "summarizers", "memory", "conversation", "integrations", "nodes", "cli")
BELOW_FACADES = {"ops", "drive", "effect", "transports", "embedded", "replies", "scripts", "codec"}


def layer(module: str) -> str:
    """The entry of the table that a module belongs to."""
    return module.partition(".")[0]


def within(module: str) -> str:
    """The part of a package that a module belongs to."""
    return layer(module.partition(".")[2])


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_layer(module: str) -> None:
    """A new module is put into the table by whoever adds it."""
    assert layer(module) in RANKS, f"add {layer(module)!r} to LAYERS"


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_a_module_imports_only_from_layers_further_in(module: str) -> None:
    """Also inside functions and for the type checker."""
    own = layer(module)
    for other in imported_modules(module):
        # An edge may take the public names from the package itself.
        if layer(other) == own or (other == "" and own in (*EDGES, "testing")):
            continue
        assert RANKS[layer(other)] < RANKS[own], f"{module} imports {other}"


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) == "transports"])
def test_routes_lead_to_transports_and_not_back(module: str) -> None:
    """One server does not know of many, and HTTP knows nothing of redis-py."""
    own = within(module)
    assert own in RANKS_OF_TRANSPORTS, f"add {own!r} to OF_TRANSPORTS"
    others = {within(name) for name in imported_modules(module) if layer(name) == "transports"}
    for other in others - {own, ""}:
        assert RANKS_OF_TRANSPORTS[other] < RANKS_OF_TRANSPORTS[own], f"{module} imports {other}"


@pytest.mark.parametrize("module", MODULES)
def test_only_transports_import_a_client_library(module: str) -> None:
    """What runs elsewhere (REST, another client) changes nothing but a transport."""
    if layer(module) == "transports":
        return
    found = imports(parsed(module), types=False)
    assert not {name.partition(".")[0] for name in found} & CLIENT_LIBRARIES


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) in EDGES])
def test_an_edge_uses_a_facade(module: str) -> None:
    """The command line and the models know sessions and messages, and never a transport."""
    assert not {layer(other) for other in imported_modules(module)} & BELOW_FACADES


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_by_its_place(module: str) -> None:
    """No relative and no star imports: a reader sees where a name comes from.

    The embedded server's keeper runs without the package around it, so its own may be relative.
    """
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 or (node.level == 1 and layer(module) == "embedded")
            assert "*" not in [alias.name for alias in node.names]


def test_the_table_names_nothing_that_is_not_there() -> None:
    """A line for a module that went is taken out."""
    assert set(RANKS) - {layer(name) for name in MODULES} == set()
    there = {within(name) for name in MODULES if layer(name) == "transports"}
    assert set(RANKS_OF_TRANSPORTS) - there == set()
