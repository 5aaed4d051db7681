"""The source as trees, for tests that look at how it is made."""

from __future__ import annotations

import ast
from pathlib import Path

import redialog

SOURCE = Path(redialog.__file__).parent


def modules() -> dict[str, Path]:
    """Every module of the package, by its name without ``redialog.``; the package itself is ''."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def parsed(name: str) -> ast.Module:
    """A module's tree."""
    return ast.parse(MODULES[name].read_text())


def _only_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports(tree: ast.AST, *, types: bool) -> set[str]:
    """The full names of what a tree imports, inside functions as well.

    Args:
        tree: of a module.
        types: whether the imports for the type checker count.
    """
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if _only_for_types(node) and not types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        else:
            found |= imports(node, types=types)
    return found


def imported_modules(name: str, *, types: bool = True) -> set[str]:
    """Which modules of this package a module imports."""
    found = set()
    for full in imports(parsed(name), types=types):
        if full == "redialog" or full.startswith("redialog."):
            rest = full.removeprefix("redialog").removeprefix(".")
            while rest not in MODULES:
                rest = rest.rpartition(".")[0]
            found.add(rest)
    return found
