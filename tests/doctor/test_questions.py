"""The questions: how many round trips, to whom, and what becomes of them without answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import redialog
from redialog import ConnectionLost
from redialog.diagnosis import Diagnosis
from redialog.effect import Batch, CommandError, Replies, Reply
from redialog.errors import AuthError, TransportError
from redialog.keys import BUCKETS
from redialog.ops import doctor
from redialog.ops.doctor.sessions import AT_ONCE, SAMPLE
from redialog.settings import settings
from tests.doctor.tools import ADDRESS, INFO, NOPERM, levels, one, replies
from tests.operations.test_contract import FORBIDDEN, IMPURE_CALLS, imported
from tests.operations.tools import NOSCRIPT

SOURCE = Path(redialog.__file__).parent
NOW_MS = 1_700_000_000_000
UNREACHABLE = CommandError("UNREACHABLE")

Answer = Callable[[Batch], Replies | TransportError]


class Store:
    """Answers as a sound store does; tests change what it says.

    Attributes:
        asked: the batches, in their order.
        nodes: what each primary answers.
        sentinels: what each sentinel answers.
        sessions: how many there are.
        scripts: whether the server knows the scripts.
        lost: to which batches there is no answer, by their number.
    """

    def __init__(self) -> None:
        self.asked: list[Batch] = []
        self.nodes: dict[str, list[Reply]] = {ADDRESS: replies()}
        self.sentinels: dict[str, Reply] = {}
        self.sessions = 0
        self.scripts = True
        self.lost: set[int] = set()
        self.error: TransportError = ConnectionLost("cut", address="x")

    def diagnose(self) -> Diagnosis:
        """Runs the operation on it."""
        op = doctor.diagnose(settings(), "redis://localhost:6379/0", now_ms=NOW_MS)
        try:
            batch = next(op)
            while True:
                self.asked.append(batch)
                if len(self.asked) in self.lost:
                    batch = op.throw(self.error)
                else:
                    batch = op.send(self._answers(batch))
        except StopIteration as stop:
            found: Diagnosis = stop.value
            return found

    def _answers(self, batch: Batch) -> Replies:
        if batch.to == "primaries":
            return [
                [(address, answers[index]) for address, answers in self.nodes.items()]
                for index in range(len(batch.commands))
            ]
        if batch.to == "sentinels":
            return [list(self.sentinels.items())]
        return [self._answer(number, *command) for number, command in enumerate(batch.commands)]

    def _answer(self, number: int, name: object, *_: object) -> Reply:
        if name == b"PING":
            return b"PONG"
        if name == b"ZRANGE":
            share = self.sessions // BUCKETS + (number < self.sessions % BUCKETS)
            names = [f"s{number}-{count}" for count in range(share)]
            return [item for name in names for item in (name.encode(), b"1")]
        if name == b"EVALSHA" and not self.scripts:
            return NOSCRIPT
        assert name in (b"EVAL", b"EVALSHA")
        return [1, -1, -2, [b'{"type":"human","data":{"content":"x"}}']]


@pytest.fixture
def store() -> Store:
    """A sound one."""
    return Store()


def test_the_round_trips(store: Store) -> None:
    """Two for the servers and sentinels, one for the catalogue, one for each 100 sessions."""
    found = store.diagnose()
    assert [batch.to for batch in store.asked] == ["primaries", "sentinels", ""]
    assert found.level == "info"
    for sessions, pages in ((1, 1), (AT_ONCE, 1), (AT_ONCE + 1, 2)):
        store.asked.clear()
        store.sessions = sessions
        store.diagnose()
        assert len(store.asked) == 3 + pages


def test_a_large_catalogue_is_looked_at_in_part(store: Store) -> None:
    """1,000 sessions, however many there are; and it says so."""
    store.sessions = SAMPLE
    found = store.diagnose()
    assert len(store.asked) == 3 + SAMPLE // AT_ONCE
    assert one(found, "sessions").text == "the newest 1,000 were looked at, and no others"
    assert all(len(batch.commands) <= BUCKETS for batch in store.asked)


def test_a_server_that_does_not_know_the_script(store: Store) -> None:
    """One more round trip teaches it."""
    store.sessions, store.scripts = 3, False
    store.nodes = {ADDRESS: replies(again=NOSCRIPT)}
    store.diagnose()
    assert [batch.commands[0][0] for batch in store.asked[-2:]] == [b"EVALSHA", b"EVAL"]
    assert len(store.asked) == 5


def test_reaching_is_one_round_trip() -> None:
    """Whatever the answer is."""
    for answer in (b"PONG", NOPERM):
        op = doctor.reach()
        assert next(op) == Batch(((b"PING",),))
        with pytest.raises(StopIteration):
            op.send([answer])


def test_nothing_is_written(store: Store) -> None:
    """No batch says that it changes anything."""
    store.sessions = 150
    store.diagnose()
    assert not any(batch.writes for batch in store.asked)


def test_a_proxy_that_hangs_up_on_questions(store: Store) -> None:
    """They are not checked, and the sessions are looked at all the same."""
    store.lost = {1}
    store.sessions = 2
    found = store.diagnose()
    assert [batch.commands[0][0] for batch in store.asked[:2]] == [b"TIME", b"PING"]
    assert one(found, "server").text == "there was no answer to INFO"
    assert one(found, "reach").level == "ok"
    assert one(found, "elements").level == "ok"
    assert not found.of("error")
    unchecked = {check for check, level in levels(found).items() if level == "not_checked"}
    assert {"server", "role", "acl", "persistence", "eviction", "memory", "clock"} <= unchecked


@pytest.mark.parametrize("number", [2, 3, 4])
def test_any_question_can_go_unanswered(store: Store, number: int) -> None:
    """As long as the store is there."""
    store.lost = {number}
    store.sessions = 2
    found = store.diagnose()
    assert one(found, "server").level == "ok"
    expected = "ok" if number == 2 else "not_checked"
    assert one(found, "elements").level == expected
    if number > 2:
        assert one(found, "elements").text == "the store gave no answer (ConnectionLost)"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_store_that_has_gone_is_an_error(store: Store, number: int) -> None:
    """Neither the question nor the sign of life after it is answered."""
    store.lost = {number, number + 1}
    with pytest.raises(ConnectionLost):
        store.diagnose()


@pytest.mark.parametrize("number", [1, 3])
def test_a_refused_login_is_an_error(store: Store, number: int) -> None:
    """And no question is asked after it."""
    store.lost, store.error = {number}, AuthError("refused", address="x")
    with pytest.raises(AuthError):
        store.diagnose()
    assert len(store.asked) == number


def test_a_primary_that_does_not_answer(store: Store) -> None:
    """It is an error, the others are looked at, the sessions are not."""
    info = {**INFO, "redis_mode": "cluster"}
    lost = [UNREACHABLE] * len(replies())
    store.nodes = {"a:1": replies(info), "b:2": lost, "c:3": replies({**info, "used_memory": "7"})}
    found = store.diagnose()
    reach = [finding for finding in found.findings if finding.check == "reach"]
    assert [(finding.level, finding.nodes) for finding in reach] == [
        ("ok", ("a:1", "c:3")),
        ("error", ("b:2",)),
    ]
    # What all say who answer names none of them.
    assert one(found, "server").nodes == one(found, "eviction").nodes == ()
    assert one(found, "elements").text == "not all of the store can be reached"
    assert not [batch for batch in store.asked if batch.commands[0][0] == b"ZRANGE"]


def test_all_primaries_are_told_apart(store: Store) -> None:
    """What differs names the node; a Cluster's replicas are not asked for one by one."""
    info = {**INFO, "redis_mode": "cluster"}
    evicting = {**info, "maxmemory": "5000", "maxmemory_policy": "allkeys-lru"}
    store.nodes = {"a:1": replies(info), "b:2": replies(evicting, NOPERM)}
    found = store.diagnose()
    policies = [finding for finding in found.findings if finding.check == "eviction"]
    assert {finding.nodes: finding.level for finding in policies} == {
        ("a:1",): "ok",
        ("b:2",): "warning",
    }
    assert one(found, "role").nodes == ()
    assert "replication" not in levels(found)
    assert one(found, "cluster").level == "not_checked"


def test_sentinels_are_asked(store: Store) -> None:
    """All of them; where there are none, nothing is said of them."""
    assert "sentinel" not in levels(store.diagnose())
    host, port = ADDRESS.split(":")
    fields = (b"name", b"m", b"ip", host.encode(), b"port", port.encode(), b"flags", b"master")
    word = [*fields, b"num-slaves", b"1", b"num-other-sentinels", b"2", b"quorum", b"2"]
    store.sentinels = {"s:1": [word], "s:2": [word], "s:3": UNREACHABLE}
    found = one(store.diagnose(), "sentinel")
    assert (found.level, found.nodes) == ("warning", ("s:3",))
    assert "cannot be asked: the node does not answer" in found.text


def test_each_check_has_its_place(store: Store) -> None:
    """The findings follow the order that is written down, and all of them stand in it."""
    found = [finding.check for finding in store.diagnose().findings]
    assert found == [check for check in doctor.ORDER if check not in ("cluster", "sentinel")]


MODULES = sorted((SOURCE / "ops" / "doctor").glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_doctor_is_pure(path: Path) -> None:
    """No clock, no I/O: the time is given to it."""
    tree = ast.parse(path.read_text())
    assert not FORBIDDEN & set(imported(tree))
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    assert not IMPURE_CALLS & called


def test_its_costs_are_written_down() -> None:
    """As those of each operation."""
    for operation in (doctor.reach, doctor.diagnose, doctor.sessions.sample):
        assert re.search(r"Cost: \d round trips?\b", operation.__doc__ or "")
