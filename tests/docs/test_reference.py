"""The reference names everything that a user can call."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import redialog

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(redialog.__all__) - {"__version__"}))
def test_each_public_name_is_in_the_reference(name: str) -> None:
    """A name that can be imported is documented."""
    assert f"`{name}" in REFERENCE


@pytest.mark.parametrize(
    "owner", [redialog.ChatMemory, redialog.Session, redialog.Sessions], ids=lambda c: c.__name__
)
def test_each_method_and_parameter_is_in_the_reference(owner: type) -> None:
    """So are the methods of the two classes that do the work, with their parameters."""
    for name, member in inspect.getmembers(owner):
        if name.startswith("_"):
            continue
        assert f"`{name}" in REFERENCE, name
        if callable(member):
            for parameter in inspect.signature(member).parameters:
                assert parameter in REFERENCE or parameter == "self", f"{name}({parameter})"


def test_each_variable_is_in_the_reference() -> None:
    """So is each variable of the environment that the code names as its own or Upstash's."""
    sources = Path(redialog.__file__).parent.rglob("*.py")
    name = re.compile(r"""["'$]((?:REDIALOG|UPSTASH_REDIS|OPENAI|XDG)_[A-Z_]+|NO_COLOR)""")
    found = {each for source in sources for each in name.findall(source.read_text("utf-8"))}
    assert len(found) > 10
    assert {each for each in found if each not in REFERENCE} == {"XDG_RUNTIME_DIR"}


def test_the_command_line_is_in_the_reference() -> None:
    """Each command and each option of the command line is documented."""
    from redialog.cli.app import commands

    for name, command in commands.commands.items():
        assert f"redialog {name}" in REFERENCE
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}" in REFERENCE or f" {option}" in REFERENCE, option
