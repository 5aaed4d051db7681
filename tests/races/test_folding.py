"""Several processes append to one session and fold it: each message is kept, and folded once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

import redialog
from redialog import ChatMemory, Session
from redialog.tokens import TokenCounter
from tests.races.folding import Talk, gapless, label, labels, policy, words
from tests.support.servers import Server, wait_until

TURNS = int(os.environ.get("REDIALOG_RACE_ROUNDS", "40"))
SEED = int(os.environ.get("REDIALOG_RACE_SEED", str(random.SystemRandom().randrange(1 << 30))))
_SOURCE, _ROOT = Path(redialog.__file__).parents[1], Path(__file__).parents[2]


@contextmanager
def started(talk: Talk) -> Iterator[subprocess.Popen[bytes]]:
    """A process that talks; it is gone afterwards."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_SOURCE), str(_ROOT)])}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.races.folding"],
        stdin=subprocess.PIPE,
        env=env,
        cwd=_ROOT,
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(talk) + b"\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


@pytest.fixture
def chat(server: Server) -> Iterator[Session]:
    """The session that all share."""
    with ChatMemory.from_url(server.url) as memory:
        yield memory.session()


def summary_speaks_for_the_log(chat: Session) -> list[str]:
    """The summary holds just the messages that it covers, once each; returns all labels."""
    everything = [label(message) for message in chat.messages()]
    for summary in chat.summaries():
        assert labels(summary.text) == everything[: summary.covers]
    return everything


def race(chat: Session, talks: list[Talk]) -> None:
    """Lets them all talk to their end."""
    with ExitStack() as closing:
        processes = [closing.enter_context(started(talk)) for talk in talks]
        for process in processes:
            assert process.wait(100) == 0, f"a process has failed (seed {SEED})"


def test_each_message_is_folded_exactly_once(server: Server, chat: Session, tmp_path: Path) -> None:
    """Four processes talk; whoever looks sees the summary and the rest without gap or doublet."""
    calls = tmp_path / "calls"
    facades = ("sync", "async", "sync", "async")
    race(
        chat,
        [
            Talk(server.url, chat.id, name, TURNS, SEED + at, str(calls), facade)
            for at, (name, facade) in enumerate(zip("abcd", facades, strict=True))
        ],
    )
    everything = summary_speaks_for_the_log(chat)
    assert len(everything) == 4 * 2 * TURNS
    gapless(everything)
    found = chat.summary()
    assert found is not None
    # No call of the summariser was wasted: what they were given is what is covered.
    given = [one for line in calls.read_text().splitlines() for one in labels(line)]
    assert given == everything[: found.covers]


def test_a_lease_that_does_not_hold_wastes_calls_and_loses_nothing(
    server: Server, chat: Session, tmp_path: Path
) -> None:
    """Where leases run out while summaries are written, only one of them is kept."""
    import redis

    lease = chat._plan.keys.lease
    with ExitStack() as closing, redis.Redis.from_url(server.url) as client:
        processes = [
            closing.enter_context(
                started(Talk(server.url, chat.id, name, TURNS, SEED + at, str(tmp_path / "calls")))
            )
            for at, name in enumerate("abc")
        ]
        while any(process.poll() is None for process in processes):
            client.delete(lease)
        assert [process.returncode for process in processes] == [0, 0, 0], f"seed {SEED}"
    everything = summary_speaks_for_the_log(chat)
    assert len(everything) == 3 * 2 * TURNS
    gapless(everything)


def test_edits_beside_folds(server: Server, chat: Session, tmp_path: Path) -> None:
    """While messages are written anew, no summary ever speaks for what was there before."""
    calls = str(tmp_path / "calls")
    talks = [
        Talk(server.url, chat.id, name, TURNS, SEED + at, calls, edits=True)
        for at, name in enumerate("abc")
    ]
    race(chat, talks)
    everything = summary_speaks_for_the_log(chat)
    gapless([one.rstrip("'") for one in everything])


def test_a_process_that_is_killed_while_it_summarises(
    server: Server, chat: Session, tmp_path: Path
) -> None:
    """Its messages are there, nothing of its summary is, and another one folds later."""
    import redis

    calls = tmp_path / "calls"
    talk = Talk(server.url, chat.id, "a", 1000, SEED, str(calls), hangs=True)
    with started(talk) as process:
        wait_until(calls.exists, what="the summariser is called")
        process.kill()
    before = summary_speaks_for_the_log(chat)
    assert chat.summary() is None
    counter = TokenCounter(words)
    rolling = policy(msgspec.structs.replace(talk, hangs=False))
    # As long as its lease lives nobody else tries.
    assert chat.compact(rolling, counter=counter) is None
    with redis.Redis.from_url(server.url) as client:
        left = client.pttl(chat._plan.keys.lease)
        assert 0 < left <= 70_000
        client.delete(chat._plan.keys.lease)
    assert chat.compact(rolling, counter=counter) is not None
    assert summary_speaks_for_the_log(chat) == before
