"""Operations are pure, and so is all that they are made of."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import redialog
from redialog.ops import read, session, write

SOURCE = Path(redialog.__file__).parent
FORBIDDEN = {
    "asyncio",
    "hiredis",
    "httpx",
    "logging",
    "os",
    "random",
    "redis",
    "secrets",
    "select",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
PURE = sorted(
    [
        *SOURCE.glob("ops/*.py"),
        *(SOURCE / f"{name}.py" for name in ("turns", "keys", "codec", "_calls", "messages")),
        SOURCE / "elements.py",
        *(SOURCE / f"{name}.py" for name in ("replies", "toolcalls", "_checks", "_ids", "effect")),
        SOURCE / "errors.py",
    ]
)
# Of what is allowed, the calls that would tell the time or touch the world.
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "getenv", "urandom"}


def imported(tree: ast.AST) -> Iterator[str]:
    """The first parts of all names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_pure_module_imports_nothing_that_is_not(path: Path) -> None:
    """No clock, no randomness, no network, no threads, no logging, at any depth of the module."""
    tree = ast.parse(path.read_text())
    assert not FORBIDDEN & set(imported(tree))
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    assert not IMPURE_CALLS & called


@pytest.mark.parametrize("module", [read, session, write], ids=lambda module: module.__name__)
def test_an_operation_says_what_it_costs(module: object) -> None:
    """Every public generator of the operations has a docstring with its cost in round trips."""
    found = [
        function
        for name, function in inspect.getmembers(module, inspect.isgeneratorfunction)
        if not name.startswith("_") and function.__module__ == module.__name__  # type: ignore[attr-defined]
    ]
    assert found
    for function in found:
        doc = inspect.getdoc(function)
        assert doc, function.__name__
        # Only the one that passes over sessions that are gone has to ask twice.
        trips = "2 round trips" if function is session.latest else "1 round trip"
        assert re.search(rf"Cost: {trips}\b", doc), function.__name__


def test_operations_are_generators() -> None:
    """Nothing happens when an operation is made, only when it is run."""
    for module in (read, session, write):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            annotation = str(inspect.signature(function).return_annotation)
            if annotation.startswith("Op[") and function.__module__ == module.__name__:
                assert inspect.isgeneratorfunction(function), name
