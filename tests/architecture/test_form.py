"""How the source is written: sizes, docstrings, and the headers of the Lua scripts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from redialog import scripts
from tests.architecture.tools import MODULES, SOURCE, parsed

# Files stay near 300 lines and functions near 40; these are the hard bounds.
MOST_LINES = 340
MOST_LINES_OF_A_FUNCTION = 60
SCRIPTS = sorted((SOURCE / "scripts").glob("*.lua"))
INCLUDES = sorted((SOURCE / "scripts" / "include").glob("*.lua"))
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@pytest.mark.parametrize("module", MODULES)
def test_a_module_stays_readable(module: str) -> None:
    """No file and no function grows beyond what can be read at once."""
    assert len(MODULES[module].read_text().splitlines()) <= MOST_LINES
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, node.name


TESTS = sorted(Path(__file__).parents[1].rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_of_tests_stays_readable_too(path: Path) -> None:
    """They are read as often as what they test."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


def public(tree: ast.Module | ast.ClassDef) -> list[Definition]:
    """The public classes, functions and methods, but those inside functions."""
    found: list[Definition] = []
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += public(node)
    return found


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name != "_version" and "embedded." not in name]
)
def test_what_is_public_has_a_docstring(module: str) -> None:
    """Modules, classes, functions and methods say what they are for, in a sentence at least."""
    tree = parsed(module)
    assert ast.get_docstring(tree)
    for node in public(tree):
        doc = ast.get_docstring(node)
        assert doc, node.name
        assert doc.split("\n\n")[0].rstrip().endswith((".", ":", "?", "`")), node.name


DOCUMENTED = re.compile(r"\b(KEYS|ARGV)\[(\d+)(\.\.)?\]")


def parts(path: Path) -> tuple[str, str]:
    """The comment at the top of a script, and the rest without comments."""
    lines = path.read_text().splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:end]), "\n".join(re.sub(r"--.*", "", line) for line in lines[end:])


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_header_of_a_script_names_its_keys_and_arguments(path: Path) -> None:
    """Each KEYS[n] and ARGV[n] that it uses is explained at the top, and no others."""
    header, _ = parts(path)
    # With what it includes.
    body = re.sub(r"--.*", "", scripts.get(path.stem).body.decode())
    named = {(kind, int(number)): bool(more) for kind, number, more in DOCUMENTED.findall(header)}
    used = {(kind, int(number)) for kind, number, _ in DOCUMENTED.findall(body)}
    assert used <= named.keys()
    loops = {kind for kind in ("KEYS", "ARGV") if re.search(rf"\b{kind}\b(?!\[\d)", body)}
    for entry, more in named.items():
        assert entry in used or entry[0] in loops, f"{entry} is not used"
        assert not more or entry[0] in loops
    for kind in ("KEYS", "ARGV"):
        numbers = sorted(number for name, number in named if name == kind)
        assert numbers == list(range(1, len(numbers) + 1)), "none is left out"
    assert "Returns" in header
    assert "Errors:" in header


PLAIN = {
    *("GET", "SET", "DEL", "UNLINK", "TYPE", "EXISTS", "COPY", "RENAME"),
    *("PEXPIRE", "PTTL", "PERSIST", "TIME"),
    *("LPUSH", "RPUSH", "LLEN", "LINDEX", "LRANGE", "LSET", "LTRIM", "LREM"),
    *("HGET", "HSET", "HDEL", "HLEN", "HMGET", "HGETALL"),
    *("ZADD", "ZREM", "ZSCORE", "ZRANGE", "ZCARD"),
}


@pytest.mark.parametrize("path", SCRIPTS + INCLUDES, ids=lambda path: path.stem)
def test_a_script_uses_plain_commands_on_its_own_keys(path: Path) -> None:
    """No modules, no scans, no global variables, no key that was not declared."""
    _, body = parts(path)
    calls = re.findall(r"redis\.p?call\('(\w+)'(?:,\s*([^,)\s]+))?", body)
    assert calls or path in INCLUDES
    assert len(calls) == len(re.findall(r"redis\.p?call\(", body)), "the command is a literal"
    variables = {"log", "meta", "op", "call.op", "stage", "lease", "sessions", "user", "key"}
    for command, key in calls:
        assert command in PLAIN
        assert command == "TIME" or key in variables or key.startswith("KEYS[")
    assigned = re.findall(r"^(\w+) *=[^=]", body, re.MULTILINE)
    assert not assigned, "a global would be an error on the server"


def test_every_script_is_called_by_an_operation() -> None:
    """A script that no operation names is dead, and one that is named is there."""
    text = "\n".join(path.read_text() for path in (SOURCE / "ops").glob("*.py"))
    for path in SCRIPTS:
        assert f'"{path.stem}"' in text
        script = scripts.get(path.stem)
        assert b"-- include" not in script.body
        assert script.body.startswith(path.read_bytes().partition(b"-- include")[0])
        assert script.body.endswith(path.read_bytes().rpartition(b".lua\n")[2])
        assert re.fullmatch(rb"[0-9a-f]{40}", script.sha)


def test_an_unknown_script_is_a_packaging_fault() -> None:
    """It fails with the name of the missing file."""
    with pytest.raises(FileNotFoundError):
        scripts.get("nothing")
