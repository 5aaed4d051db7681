"""An append through the REST gateway beside a bare route of the same framework, with 32 clients.

The client is as lean as it can be, and the same for both: the ratio is that of two servers.
"""

from __future__ import annotations

import contextlib
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.bench import Bench
from benchmarks.contenders.base import ANSWER, QUESTION, TTL_S
from benchmarks.http_load import load, request
from benchmarks.report import Section, Table, number
from redialog import ChatMemory, Message
from redialog.effect import Batch, Patience, Replies
from redialog.settings import settings
from redialog.transports.rest._common import requests
from tests.support.gateways import Gateway

CLIENTS = 32
NAMES = [f"gateway-{number}" for number in range(CLIENTS)]
ROOT = Path(__file__).parents[2]
_LARGEST = 1_000_000


class _Caught(Exception):
    """What would have been sent was taken."""


class _Catching:
    """A transport that keeps batches and sends none."""

    def __init__(self) -> None:
        self.address = "nowhere"
        self.patience = Patience()
        self.batch: Batch | None = None

    def execute(self, batch: Batch, _within: float | None = None) -> Replies:
        self.batch = batch
        raise _Caught

    def close(self) -> None:
        """There is nothing to close."""


class Spent(msgspec.Struct):
    """What requests took, round by round: microseconds of each, of the clock and of the server."""

    wall_us: list[float] = []
    cpu_us: list[float] = []


def gateway(bench: Bench) -> Section:
    """Appends beside hellos."""
    count, rounds = bench.scale.requests, bench.scale.concurrent.rounds
    bench.progress.begin("REST gateway", rounds)
    with ChatMemory.from_url(bench.url, namespace="gateway", ttl=TTL_S) as memory:
        # So that the server knows the script.
        memory.session("first").append(Message.user(QUESTION))
    hello_, append = Spent(), Spent()
    with Gateway(bench.url) as served, _hello() as (url, process):
        for round_ in range(-1, rounds):
            if round_ >= 0:
                bench.progress.step(f"round {round_ + 1}")
            bodies = [request(served.url, served.token, body) for body in bodies_of(count)]
            pairs = [
                (hello_, process.pid, url, [request(url)] * count),
                (append, served.process.pid, served.url, bodies),
            ]
            for spent, pid, where, sent in pairs if round_ % 2 else pairs[::-1]:
                before = _cpu_s(pid)
                wall = bench.runner.run(load(where, sent, CLIENTS))
                if round_ >= 0:
                    spent.wall_us.append(wall / count * 1e6)
                    spent.cpu_us.append((_cpu_s(pid) - before) / count * 1e6)
    return _told(hello_, append)


def bodies_of(count: int) -> list[bytes]:
    """The bodies of so many appends, each with a token of its own, as this library sends them."""
    caught = _Catching()
    memory = ChatMemory(caught, settings(namespace="gateway", ttl=TTL_S))
    found: list[bytes] = []
    # One append in 64 looks at the catalogue first; that is not what is sent here.
    for _ in range(2 * count):
        if len(found) == count:
            return found
        chat = memory.session(NAMES[len(found) % CLIENTS])
        with contextlib.suppress(_Caught):
            chat.append(Message.user(QUESTION), Message.assistant(ANSWER))
        assert caught.batch is not None
        if caught.batch.writes:
            found += [one.body for one in requests(caught.batch, _LARGEST)]
    raise AssertionError("an append does not begin with its write")


@contextlib.contextmanager
def _hello() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "benchmarks.hello"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.send_signal(signal.SIGTERM)


def _cpu_s(pid: int) -> float:
    """Seconds of CPU that the threads of a process have used; 0 where the kernel does not tell.

    The ticks of its ``stat`` are 10 ms, a third of a short round.
    """
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


def _told(hello_: Spent, append: Spent) -> Section:
    wall = [a / b for a, b in zip(append.wall_us, hello_.wall_us, strict=True)]
    cpu = [a / b for a, b in zip(append.cpu_us, hello_.cpu_us, strict=True) if b]
    figures = {"gateway: append": statistics.median(wall)}
    if cpu:
        figures["gateway: append, CPU"] = statistics.median(cpu)
    rows = [
        [
            "append of a turn beside hello",
            *map(number, figures.values()),
            f"{1e6 / statistics.median(hello_.wall_us):,.0f}",
            f"{1e6 / statistics.median(append.wall_us):,.0f}",
        ]
    ]
    head = ["request", "ratio", "CPU of the server, ratio", "hellos per s", "appends per s"]
    title = f"The REST gateway, {CLIENTS} clients"
    return Section(figures, [Table(title, head[: 2 + len(cpu[:1])] + head[3:], rows)])
