"""The tree of errors: as drawn, importable, and whole after pickling."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest

import redialog
from redialog import errors
from redialog.errors import RedialogError, TransportError

ALL: dict[str, type[RedialogError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, RedialogError)
}
MADE: list[RedialogError] = [
    errors.MessageTooLarge(size=9_000_000, limit=8_000_000),
    errors.MissingExtra(extra="cli", purpose="the command line"),
    errors.CorruptElement(key="chat:1", position=-3, reason="it is not JSON"),
    errors.WrongType("the key holds a hash", code="WRONGTYPE", key="chat:1"),
    errors.OutOfMemory("full", code="OOM"),
    errors.ServerError("busy", code="BUSY", retryable=True),
    errors.ConnectError("cannot connect", address="redis://h:1/0"),
    errors.ReplyTimeout("no reply", address="redis://h:1/0", maybe_applied=True),
    errors.ConnectionLost("cut", address="redis://h:1/0", maybe_applied=True).in_doubt("t1"),
    errors.ConnectionLost("cut", address="redis://h:1/0", maybe_applied=True).in_doubt(None),
    errors.ReplyTimeout("no reply", address="redis://h:1/0", maybe_applied=False),
    errors.CorruptElement(key="chat:1", position=0, reason="it is not JSON"),
    errors.IdempotencyMismatch("used for others"),
    errors.SessionExists("there", key="chat:1"),
    errors.Conflict("several have this id", ids=["x-1", "x-2"]),
    errors.Conflict("gone", retryable=True),
    errors.BudgetTooSmall(needed=5000, limit=4000),
    errors.SummaryError(reason="too_long"),
]
SPECIAL = (
    errors.MessageTooLarge,
    errors.MissingExtra,
    errors.CorruptElement,
    errors.BudgetTooSmall,
    errors.SummaryError,
)
MADE += [kind(f"what happened: {name}") for name, kind in ALL.items() if kind not in SPECIAL]


def drawn() -> dict[str, tuple[str | None, str | None]]:
    """Of the tree in the module's docstring: name -> parent, builtin that it is too."""
    assert errors.__doc__ is not None
    found: dict[str, tuple[str | None, str | None]] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)(?: \((\w+)\))?(?:  |$)", line)
        if not match:
            continue
        depth = (match.start(2) - 4) // 4
        del path[depth:]
        found[match[2]] = (path[-1] if path else None, match[3])
        path.append(match[2])
    return found


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring of the module shows each class under its parent, with its builtin."""
    assert drawn().keys() == ALL.keys()
    for name, (parent, builtin) in drawn().items():
        bases = {base.__name__ for base in ALL[name].__bases__}
        assert bases == {parent or "Exception"} | ({builtin} if builtin else set()), name


def test_every_error_can_be_imported_from_the_package() -> None:
    """A caller needs one import to catch any of them."""
    for name, kind in ALL.items():
        assert name in redialog.__all__
        assert getattr(redialog, name) is kind


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [
        lambda error: pickle.loads(pickle.dumps(error)),
        lambda error: pickle.loads(pickle.dumps(error, 2)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_an_error_survives_pickling_and_copying(
    error: RedialogError, again: Callable[[RedialogError], RedialogError]
) -> None:
    """Class, text and all attributes arrive in another process."""
    other = again(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert other.args == error.args
    assert vars(other) == vars(error)
    assert other.retryable is error.retryable
    for name in type(error).__annotations__:
        assert getattr(other, name) == getattr(error, name)


def test_builtin_relations() -> None:
    """Code that knows nothing of this library still catches what it expects."""
    builtin = {
        ValueError: errors.ConfigurationError,
        ImportError: errors.MissingExtra,
        ConnectionError: errors.TransportError,
        TimeoutError: errors.ReplyTimeout,
        LookupError: errors.NotFound,
    }
    for theirs, ours in builtin.items():
        assert issubclass(ours, theirs)
        assert {k for k in ALL.values() if issubclass(k, theirs)} == {
            k for k in ALL.values() if issubclass(k, ours)
        }


def test_what_was_there_first_is_a_conflict() -> None:
    """One handler covers whoever got there first; what is not there is another matter."""
    kinds = {name for name, kind in ALL.items() if issubclass(kind, errors.Conflict)}
    assert kinds == {"Conflict", "OwnerMismatch", "SessionExists", "IdempotencyMismatch"}
    assert not issubclass(errors.NotFound, errors.Conflict)


def test_a_conflict_of_ids_names_them() -> None:
    """So that one of them can be asked for."""
    error = errors.Conflict("several have this id", ids=["x-1", "x-2"])
    assert vars(pickle.loads(pickle.dumps(error)))["ids"] == ["x-1", "x-2"]


def test_texts_are_made_of_the_fields() -> None:
    """The text says what a person needs, without looking at attributes."""
    assert "9,000,000" in str(MADE[0])
    assert "8,000,000" in str(MADE[0])
    assert "pip install 'redialog[cli]'" in str(MADE[1])
    assert "'chat:1'" in str(MADE[2])
    assert "it is not JSON" in str(MADE[2])


RETRYABLE = {"TransportError", "ConnectError", "ReplyTimeout", "ConnectionLost"}
RETRYABLE |= {"Unavailable", "RateLimited", "OutOfMemory", "ReadOnly", "SummaryError"}


def test_which_errors_can_be_retried() -> None:
    """A retry helps against a missing answer and a server's passing state, and nothing else."""
    assert {name for name, kind in ALL.items() if kind.retryable} == RETRYABLE


def test_a_transport_error_is_not_in_doubt_by_itself() -> None:
    """Without word from the transport, nothing was sent."""
    error = TransportError("x")
    assert (error.maybe_applied, error.token, error.address) == (False, None, "")


def test_in_doubt_adds_the_token() -> None:
    """The error of a write that may have happened says how to send it again safely."""
    error = errors.ReplyTimeout("no reply", address="redis://h:1/0", maybe_applied=True)
    doubt = error.in_doubt("t123")
    assert type(doubt) is errors.ReplyTimeout
    assert (doubt.maybe_applied, doubt.token, doubt.address) == (True, "t123", "redis://h:1/0")
    assert "idempotency_key='t123'" in str(doubt)
    assert "may have happened" in str(doubt)
    assert str(error) == "no reply (the write may have happened)"
    assert error.token is None
    # Once more changes the token, and does not repeat the advice.
    again = doubt.in_doubt("t456")
    assert str(again).count("idempotency_key") == 1
    assert "t456" in str(again)
    assert "t123" not in str(again)


def test_in_doubt_without_a_key_gives_no_advice() -> None:
    """A write that no key stands for may have happened, and that is all there is to say."""
    doubt = errors.ConnectionLost("cut", address="redis://h:1/0").in_doubt(None)
    assert (doubt.maybe_applied, doubt.token, doubt.address) == (True, None, "redis://h:1/0")
    assert str(doubt) == "cut (the write may have happened)"
    assert doubt.args == ("cut",)
    assert str(doubt.in_doubt(None)) == str(doubt)
    assert str(doubt.in_doubt("k").in_doubt(None)) == str(doubt)


@pytest.mark.parametrize("key", ["t1", None])
def test_in_doubt_keeps_the_cause(key: str | None) -> None:
    """What broke the connection is still seen below the error that a caller gets."""
    error = errors.ReplyTimeout("no reply", maybe_applied=True)
    error.__cause__ = OSError("reset")
    assert error.in_doubt(key).__cause__ is error.__cause__
    assert error.in_doubt(key).in_doubt(key).__cause__ is error.__cause__


@pytest.mark.parametrize(
    ("position", "counted"),
    [
        (0, "element 0 (0 is the newest) of"),
        (17, "element 17 (0 is the newest) of"),
        (-1, "element -1 (-1 is the oldest) of"),
        (-17, "element -17 (-1 is the oldest) of"),
    ],
)
def test_a_position_says_from_where_it_is_counted(position: int, counted: str) -> None:
    """As LINDEX takes it: from the newest, or with a minus from the oldest."""
    error = errors.CorruptElement(key="chat:1", position=position, reason="it is not JSON")
    assert str(error).startswith(counted)
    assert (error.key, error.position, error.reason) == ("chat:1", position, "it is not JSON")
