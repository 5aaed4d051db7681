"""The ACL rule of SECURITY.md is enough for everything, and none of its commands is too many."""

from __future__ import annotations

import re

import pytest

from redialog import ChatMemory, Message, PermissionDenied, plan
from redialog.testing.conformance._tools import texts
from tests.security.conftest import Connect, User
from tests.security.tour import PREFIX, tour
from tests.support import rules
from tests.support.servers import Server


@pytest.fixture(autouse=True)
def _always_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every append looks at its bucket of the catalogue, and not one in 64."""
    monkeypatch.setattr(plan, "_SWEEPS", 1)


def walk(server: Server, url: str) -> dict[str, object]:
    """The walk of one user."""
    with server.client() as raw:
        return tour(lambda prefix: ChatMemory.from_url(url, key_prefix=prefix), raw)


@pytest.fixture(scope="module")
def unhindered() -> dict[str, object]:
    """What the walk is like for an administrator."""
    with pytest.MonkeyPatch.context() as patch, Server("redis") as server:
        patch.setattr(plan, "_SWEEPS", 1)
        return walk(server, server.url)


def test_the_walk_is_refused_only_what_it_must_be(unhindered: dict[str, object]) -> None:
    """An administrator comes through every step, in both layouts."""
    told = {name: re.match(r"([A-Z]\w+): ", str(what)) for name, what in unhindered.items()}
    assert {name: refused[1] for name, refused in told.items() if refused} == {
        f"{step}, {prefix}": refusal
        for prefix in (None, PREFIX)
        for step, refusal in (
            ("fork again", "SessionExists"),
            ("his", "OwnerMismatch"),
            ("wrong type", "WrongType"),
        )
    }
    assert len(told) > 90


def test_the_rule_is_enough(server: Server, user: User, unhindered: dict[str, object]) -> None:
    """A user with exactly its rights sees and leaves what an administrator does."""
    assert walk(server, user("chat", "pw", *rules.for_prefix(PREFIX))) == unhindered


@pytest.mark.parametrize("command", rules.commands())
def test_no_command_of_the_rule_is_too_many(
    server: Server, user: User, unhindered: dict[str, object], command: str
) -> None:
    """Without any one of them, something is refused or left undone."""
    allowed = [word for word in rules.for_prefix(PREFIX) if word != f"+{command}"]
    found = walk(server, user("chat", "pw", *allowed))
    assert found != unhindered


def test_a_user_of_one_namespace_sees_no_other(user: User, connect: Connect) -> None:
    """The keys that SECURITY.md names for one namespace are those of it alone."""
    allowed = ["~redialog:{shop.*" if word == rules.OWN_KEYS else word for word in rules.smallest()]
    url = user("shop", "pw", *allowed)
    mine = connect(url, namespace="shop").session("s", user_id="u")
    mine.append(Message.user("mine"))
    assert texts(mine.messages()) == ["mine"]
    for other in ("shops", "default"):
        memory = connect(url, namespace=other)
        with pytest.raises(PermissionDenied):
            memory.session("s").append(Message.user("x"))
        with pytest.raises(PermissionDenied):
            memory.session("s").messages()
        with pytest.raises(PermissionDenied):
            list(memory.sessions())
