"""Error replies become typed errors, and replies are the same whatever the protocol."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from redialog import (
    AuthError,
    Conflict,
    CrossSlot,
    DataError,
    Message,
    OutOfMemory,
    OwnerMismatch,
    PermissionDenied,
    ReadOnly,
    RedialogError,
    ServerError,
    SessionExists,
    UnknownVersion,
    WrongType,
    replies,
)
from redialog.effect import CommandError, Op
from redialog.keys import OwnLayout
from redialog.ops import append, catalogue, edit, find, fork, read, session, write
from tests.operations.tools import ALONE, NEAR, OWN, element, writing

SECRET = "locker code 4417"
CODES: list[tuple[str, type[RedialogError], bool]] = [
    ("OOM", OutOfMemory, True),
    ("READONLY", ReadOnly, True),
    ("NOPERM", PermissionDenied, False),
    ("CROSSSLOT", CrossSlot, False),
    ("WRONGTYPE", WrongType, False),
    ("OWNER", OwnerMismatch, False),
    ("VERSION", UnknownVersion, False),
    ("CHANGED", Conflict, False),
    ("EXISTS", SessionExists, False),
    ("NOAUTH", AuthError, False),
    ("WRONGPASS", AuthError, False),
    ("ERR", ServerError, False),
    ("LOADING", ServerError, True),
    ("BUSY", ServerError, True),
    ("TRYAGAIN", ServerError, True),
    ("CLUSTERDOWN", ServerError, True),
    ("MASTERDOWN", ServerError, True),
    ("NOREPLICAS", ServerError, True),
    ("MISCONF", ServerError, True),
    ("NOSCRIPT", ServerError, False),
    ("SOMETHING", ServerError, False),
]
FOUND: list[Any] = [[[element(1)]]]
LAYOUT = OwnLayout("n")
NEW = edit.New(Message.user(SECRET), 1 << 20)
# Each with the replies to the batches before the one that is refused.
OPERATIONS: dict[str, tuple[Callable[[], Op[Any]], list[Any]]] = {
    "append": (lambda: append.append(writing(), [SECRET.encode()], digest="d", at=1), []),
    "clear": (lambda: write.clear(writing()), []),
    "expire": (lambda: write.expire(writing(), "persist"), []),
    "title": (lambda: session.set_title(writing(), SECRET), []),
    "replace": (lambda: edit.replace(writing(), "id-1", NEW), FOUND),
    "remove": (lambda: edit.remove(writing(), "id-1"), FOUND),
    "rewind": (lambda: edit.rewind(writing(), "id-1"), FOUND),
    "snapshot": (lambda: fork.fork(LAYOUT, writing(ALONE), "other", None), []),
    "publish": (
        lambda: fork.fork(LAYOUT, writing(ALONE), NEAR, None),
        [[[1, -1, b"", [b"title", SECRET.encode()]]]],
    ),
    "find": (lambda: find.get(OWN.log, SECRET), []),
    "find by place": (lambda: find.get(OWN.log, f"x-{'a' * 16}-0"), []),
    "count": (lambda: read.count(OWN.log), []),
    "window of turns": (lambda: read.window_of_turns(OWN.log, 3, strict=False), []),
    "window of messages": (lambda: read.window_of_messages(OWN.log, 3, strict=False), []),
    "foreign window": (lambda: read.window_of_turns(b"k", 3, strict=False, foreign=True), []),
    "page": (lambda: read.page(OWN.log, read.Cursor(), strict=False), []),
    "everything": (lambda: read.everything(OWN.log, strict=False), []),
    "renewed": (lambda: write.renewed(read.count(OWN.log), OWN, 1), []),
    "info": (lambda: session.info(OWN), []),
    "sessions": (lambda: catalogue.page(LAYOUT, None, limit=5), []),
    "latest": (lambda: catalogue.latest(LAYOUT, None), []),
    "ping": (session.ping, []),
}
SCRIPTED = ("append", "clear", "expire", "title", "replace", "remove", "rewind", "publish")
# What only some of the scripts answer.
OWN_CODES: dict[str, tuple[str, ...]] = {
    "OWNER": (*SCRIPTED, "snapshot"),
    "VERSION": (*SCRIPTED, "snapshot", "info"),
    "CHANGED": (),
    "EXISTS": ("publish",),
}


def raised(op: Op[Any], answers: list[CommandError]) -> RedialogError:
    """The error that an operation raises for these replies to its next batch."""
    try:
        batch = op.send(answers)
        if answers[0].code == "NOSCRIPT":
            # It sends the script's text.
            batch = op.send([answers[0]] * len(batch.commands))
        # It looks for the key of a wrong type.
        op.send([b"none"] * len(batch.commands))
    except RedialogError as error:
        return error
    except StopIteration:
        pass
    raise AssertionError("the error was taken for a reply")


@pytest.mark.parametrize(
    ("name", "code", "kind", "retryable"),
    [
        (name, *rest)
        for name in OPERATIONS
        for rest in CODES
        if name in OWN_CODES.get(rest[0], OPERATIONS)
    ],
)
def test_an_error_reply_becomes_a_typed_error(
    name: str, code: str, kind: type[RedialogError], retryable: bool
) -> None:
    """Every operation raises the same class for the same code, without the server's own text."""
    make, before = OPERATIONS[name]
    op = make()
    commands = next(op).commands
    for answers in before:
        commands = op.send(answers).commands
    refused = CommandError(code, f"Error running script: {SECRET}")
    error = raised(op, [refused] * len(commands))
    assert type(error) is kind
    assert error.retryable is retryable
    assert SECRET not in f"{error}{error!r}{error.args}{vars(error)}"
    assert SECRET.encode() not in pickle.dumps(error)
    if isinstance(error, ServerError):
        assert error.code == code


@pytest.mark.parametrize(("code", "kind", "retryable"), CODES)
def test_an_error_names_the_session_and_not_the_servers_text(
    code: str, kind: type[RedialogError], retryable: bool
) -> None:
    """Also what only one script answers has its class, and says which session it is of."""
    error = replies.error(CommandError(code, SECRET), OWN.log)
    assert type(error) is kind
    assert error.retryable is retryable
    assert SECRET not in str(error)
    assert isinstance(error, AuthError) or repr(OWN.log.decode()) in str(error)


def test_what_the_user_may_not_do_inside_a_script() -> None:
    """A script reports an ACL failure as a plain error; it is a refused permission all the same."""
    text = "ACL failure in script: user has no permissions to access the key"
    with pytest.raises(PermissionDenied):
        replies.checked(CommandError("ERR", text), b"chat")


def test_a_key_that_is_no_text_can_be_shown() -> None:
    """Keys are bytes; those that are not UTF-8 are escaped in the error."""
    assert r"\xff" in str(replies.error(CommandError("ERR"), b"chat\xff"))


@pytest.mark.parametrize("reply", [5, b"5", "5"])
def test_integers(reply: Any) -> None:
    """Numbers arrive as such, or as text from proxies."""
    assert replies.integer(reply) == 5


@pytest.mark.parametrize("reply", [None, [], {}, 1.5j])
def test_what_is_no_integer(reply: Any) -> None:
    """Another type where a number was expected is a typed error."""
    with pytest.raises(DataError):
        replies.integer(reply)


def test_texts() -> None:
    """Text arrives as bytes, or decoded by a client's setting or by REST."""
    assert replies.text("é") == replies.text("é".encode()) == "é".encode()
    assert replies.texts(["a", b"b"]) == [b"a", b"b"]
    assert replies.texts((b"a",)) == [b"a"]
    for bad in (None, 5, [1]):
        with pytest.raises(DataError):
            replies.text(bad)
        with pytest.raises(DataError):
            replies.texts(bad)


@pytest.mark.parametrize("reply", [b"1700000000123", "1700000000123", 1700000000123.0, 1.7e12])
def test_scores(reply: Any) -> None:
    """A score is text in RESP2 and a float in RESP3."""
    assert replies.score(reply) == int(float(reply))
    assert replies.score(None) is None


@pytest.mark.parametrize(
    "reply",
    [
        [b"a", b"1", b"b", b"2"],
        ["a", "1", "b", "2"],
        ["a", 1, "b", 2],
        [[b"a", 1.0], [b"b", 2.0]],
        [(b"a", 1.0), (b"b", 2.0)],
        [["a", "1"], ["b", "2"]],
    ],
    ids=repr,
)
def test_members_with_scores(reply: Any) -> None:
    """Flat in RESP2 and REST, pairs in RESP3."""
    assert replies.scored(reply) == [(b"a", 1), (b"b", 2)]
    assert replies.scored([]) == []


def test_scores_that_only_another_client_can_have_left() -> None:
    """An endless one stands before or behind all others, and breaks no listing."""
    assert replies.scored([b"a", b"inf", b"b", b"-inf"]) == [(b"a", 1 << 63), (b"b", -(1 << 63))]
    assert replies.scored([[b"a", float("inf")]]) == [(b"a", 1 << 63)]
    assert replies.score(b"1.5") == 1
