"""Operations are pure, and so is all that they are made of."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import redialog
from redialog.ops import (
    append,
    catalogue,
    context,
    edit,
    find,
    fold,
    fork,
    read,
    session,
    stage,
    then,
    write,
)

SOURCE = Path(redialog.__file__).parent
MODULES = [append, catalogue, context, edit, find, fold, fork, read, session, stage, then, write]
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
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
        *SOURCE.glob("ops/**/*.py"),
        *SOURCE.glob("codec/*.py"),
        *(SOURCE / f"{name}.py" for name in ("turns", "keys", "_calls", "_places")),
        *(SOURCE / f"{name}.py" for name in ("elements", "messages", "settings", "groups")),
        *(SOURCE / f"{name}.py" for name in ("context", "tokens", "summary", "folding")),
        *(SOURCE / f"{name}.py" for name in ("replies", "toolcalls", "_checks", "_ids", "effect")),
        *SOURCE.glob("errors/*.py"),
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


# What says that it costs as another one does.
AS_ANOTHER = {"latest", "one", "get", "find", "page", "renewed"}


@each_module
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
        pattern = r"Cost: \d round trips?\b"
        if function.__name__ in AS_ANOTHER:
            pattern += r"|Cost: as [\w`]+|^As `\w+`|the rest as in `\w+`|as `\w+`, decoded"
        assert re.search(pattern, doc), function.__name__


def test_operations_are_generators() -> None:
    """Nothing happens when an operation is made, only when it is run."""
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            annotation = str(inspect.signature(function).return_annotation)
            if annotation.startswith("Op[") and function.__module__ == module.__name__:
                assert inspect.isgeneratorfunction(function), name
