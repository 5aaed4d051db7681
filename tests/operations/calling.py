"""Every operation of a session, with the replies of a server that has what it asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from redialog import Message, RollingSummary
from redialog.effect import Batch, Op, Replies
from redialog.folding import Fold
from redialog.keys import Layout, OwnLayout, SessionKeys, SharedLayout, bucket
from redialog.ops import append, context, edit, find, fold, fork, read, session, write
from redialog.ops._scripts import Write
from tests.operations.tools import (
    NOSCRIPT,
    TOKEN,
    Asked,
    element,
    lrange,
    resolved,
    script_name,
    writing,
)

DIGEST = "d" * 8
Scripts: TypeAlias = dict[str, list[Any]]
DONE = [0, f"{DIGEST}:1700".encode(), b""]
EDITED = [0, Asked(b":1"), b""]
ODD_IDS = ["chat", "a b", "{x}", "a}b", "{}x", "é:{", "%7B", "\n", "東京" * 50]
LAYOUTS: list[Layout] = [OwnLayout("n"), OwnLayout("{n}:"), SharedLayout("n", "")]
LAYOUTS += [SharedLayout("n", "p{}:"), SharedLayout("n", "{t}")]


class Served:
    """What a server answers to the batches of one operation.

    Args:
        log: elements, newest first, of any list that is asked for.
        scripts: the answers of each script, in their order; the last one stands for all others.
        forgotten: whether scripts are known only after their text was sent.
    """

    def __init__(self, log: Sequence[bytes], scripts: Scripts, forgotten: bool = False) -> None:
        self._log = log
        self._scripts = {name: list(answers) for name, answers in scripts.items()}
        self._forgotten = forgotten

    def __call__(self, batch: Batch) -> Replies:
        names = {command[0] for command in batch.commands}
        if self._forgotten and b"EVALSHA" in names:
            return [NOSCRIPT if c[0] == b"EVALSHA" else self._reply(c) for c in batch.commands]
        return resolved(batch, [self._reply(command) for command in batch.commands])

    def _reply(self, command: Any) -> Any:
        name = command[0]
        if name == b"LRANGE":
            return lrange(self._log, Batch((command,)))[0]
        if name == b"LINDEX":
            return self._log[command[2]] if -len(self._log) <= command[2] else None
        plain: dict[bytes, Any] = {b"LLEN": len(self._log), b"GET": None, b"ZSCORE": b"5"}
        plain |= {b"UNLINK": 0, b"PEXPIRE": 1, b"EXISTS": 0, b"ZREM": 0, b"PING": b"PONG"}
        plain |= {b"ZRANGE": [b"gone", b"5"], b"ZRANDMEMBER": []}
        if name in plain:
            return plain[name]
        answers = self._scripts[script_name(command)]
        return answers.pop(0) if len(answers) > 1 else answers[0]


LOG = (element(2), element(1))
MARK = hashlib.sha1(LOG[0]).hexdigest()[:16].encode()


class Case(msgspec.Struct):
    """An operation and what it meets.

    Attributes:
        run: makes it, for a layout and a session.
        scripts: what the scripts answer.
        own, shared: its round trips in the own and in a shared layout.
        log: what lies in the session, newest first.
    """

    run: Callable[[Layout, Write], Op[Any]]
    scripts: Scripts
    own: int
    shared: int
    log: tuple[bytes, ...] = LOG


def _append(count: int = 2, **how: Any) -> Callable[[Layout, Write], Op[Any]]:
    elements = [element(number) for number in range(count)]

    def run(layout: Layout, one: Write) -> Op[Any]:
        sweep = layout if how.get("swept") else None
        cap = how.get("cap")
        return append.append(one, elements, digest=DIGEST, at=1700, cap=cap, sweep=sweep)

    return run


def neighbour(keys: SessionKeys, *, near: bool) -> str:
    """A session in the same bucket, or in another one."""
    found = (f"s{i}" for i in range(9999))
    return next(n for n in found if (bucket(n.encode()) == bucket(keys.member)) is near)


def _fork(*, near: bool, at: str | None = None) -> Callable[[Layout, Write], Op[Any]]:
    return lambda layout, one: fork.fork(layout, one, neighbour(one.keys, near=near), at)


_NEW = edit.New(Message.user("new"), 1 << 20)
_FORKED: Scripts = {
    "snapshot": [[2, -1, b"", [b"title", b"T"]]],
    "stage": [[0, 2]],
    "publish": [[0, Asked(), b""]],
    "note": [1],
}
_WRITTEN: Scripts = {
    "append": [DONE],
    "publish": [DONE],
    "note": [1],
    "drop": [1],
    "stage": [[0, 1]],
}
_FULL: Scripts = {
    name: [[2, b"2", [element(2), element(1)]], DONE] for name in ("append", "publish")
}
_EDIT: Scripts = {"edit": [EDITED], "note": [1]}
_FOLD = Fold(TOKEN, b"", None, [], 1, 1, "d" * 40, 0, None, 10)
_POLICY = RollingSummary(lambda *_: "")

MUTATIONS: dict[str, Case] = {
    "append": Case(_append(), _WRITTEN, 1, 1),
    "append below the cap": Case(_append(cap=9), _WRITTEN, 1, 1),
    "append at the cap": Case(_append(cap=2), _WRITTEN | _FULL, 2, 2),
    "append with a sweep": Case(_append(swept=True), _WRITTEN, 3, 3),
    "append with a sweep at the cap": Case(_append(cap=2, swept=True), _WRITTEN | _FULL, 4, 4),
    "append of a thousand": Case(_append(1000), _WRITTEN, 1, 1),
    "append of more": Case(_append(1001), _WRITTEN, 3, 3),
    "append of many": Case(_append(2500), _WRITTEN, 4, 4),
    "append of many at the cap": Case(_append(2500, cap=2000), _WRITTEN | _FULL, 5, 5),
    "replace": Case(lambda _, one: edit.replace(one, "id-1", _NEW), _EDIT, 2, 2),
    "remove": Case(lambda _, one: edit.remove(one, "id-1"), _EDIT, 2, 2),
    "rewind": Case(lambda _, one: edit.rewind(one, "id-1"), _EDIT, 2, 2),
    "set_title": Case(
        lambda _, one: session.set_title(one, "T"), {"title": [[0, Asked(b":1")]]}, 1, 1
    ),
    "fork nearby": Case(_fork(near=True), _FORKED, 2, 7),
    "fork elsewhere": Case(_fork(near=False), _FORKED, 7, 7),
    "fork at a message": Case(_fork(near=True, at="id-1"), _FORKED, 3, 8),
    "fold": Case(
        lambda _, one: fold.commit(one, _FOLD, "x", 1, _POLICY), {"fold": [[0, b"t0123"]]}, 1, 1
    ),
    "clear": Case(
        lambda _, one: write.clear(one), {"clear": [[0, b"2:1700000000000:"]], "forget": [1]}, 1, 2
    ),
    "expire": Case(lambda _, one: write.expire(one, 5), {"expire": [[0, Asked(b":1"), b""]]}, 1, 1),
    "persist": Case(
        lambda _, one: write.expire(one, "persist"), {"expire": [[0, Asked(b":1"), b""]]}, 1, 1
    ),
    "touch": Case(
        lambda _, one: write.expire(one, 5, activity=True),
        {"expire": [[0, Asked(b":1"), b""]], "note": [1]},
        1,
        1,
    ),
}
READS: dict[str, Case] = {
    "info": Case(lambda _, one: session.info(one.keys), {"info": [[0]]}, 1, 1),
    "summaries": Case(lambda _, one: fold.summaries(one.keys), {"summaries": [[]]}, 1, 1),
    "view": Case(
        lambda _, one: context.seen(one.keys, 5, lambda look: look.view.total),
        {"view": [[2, MARK, [], [], b"", b"5", 0, b""]]},
        1,
        1,
    ),
    "count": Case(lambda _, one: read.count(one.keys.log), {}, 1, 1),
    "get": Case(lambda _, one: find.get(one.keys.log, "id-1"), {}, 1, 1),
    "get in vain": Case(lambda _, one: find.get(one.keys.log, "id-9"), {}, 1, 1),
    "everything": Case(lambda _, one: read.everything(one.keys.log, strict=True), {}, 1, 1),
    "renewed": Case(
        lambda _, one: write.renewed(read.everything(one.keys.log, strict=True), one.keys, 9),
        {"renew": [1]},
        1,
        1,
    ),
    "renewed window": Case(
        lambda _, one: write.renewed(
            read.window_of_turns(one.keys.log, 1, strict=True), one.keys, 9
        ),
        {"renew": [1]},
        1,
        1,
    ),
}


def made(case: Case, layout: Layout, session_id: str, user: str | None = None) -> Op[Any]:
    """The operation on a session of a layout."""
    return case.run(layout, writing(layout.session(session_id, user)))
