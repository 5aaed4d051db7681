"""The processes of a race, and a round of it from the start to the quiet point after it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

import redialog
from redialog import ChatMemory, scripts
from tests.races.lanes import Record, Round, event
from tests.races.specification import Event, State
from tests.races.worker import Crew
from tests.support.proxy import FaultProxy
from tests.support.servers import Server, wait_until

CREWS = (("sync", "a"), ("sync", "b"), ("sync", "cd"), ("async", "efg"))
"""The facade and the lanes of each process."""

_SOURCE = Path(redialog.__file__).parents[1]
_ROOT = Path(__file__).parents[2]
_MOST_MESSAGES = 60


class Process:
    """A worker in a process of its own."""

    def __init__(self, crew: Crew) -> None:
        # The library that this process has imported, wherever that lies.
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_SOURCE), str(_ROOT)])}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.races.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            cwd=_ROOT,
        )
        self.tell(crew)

    def tell(self, line: msgspec.Struct) -> None:
        """Sends a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(line) + b"\n")
        self.process.stdin.flush()

    def records(self) -> list[Record]:
        """The answer to a round; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "a worker has failed; its error stands on stderr"
        return msgspec.json.decode(line, type=list[Record])

    def end(self) -> None:
        """Lets it end well, and kills it if it does not."""
        with self.process:
            try:
                self.process.communicate(timeout=10)
            finally:
                self.process.kill()
        assert self.process.returncode == 0, "a worker has failed; its error stands on stderr"


@dataclass(frozen=True)
class Kind:
    """A kind of race: the memories' options, the owner, and whether things are lost."""

    options: dict[str, Any] = field(default_factory=dict)
    user: str | None = None
    lossy: bool = False


class Fleet:
    """All processes of a race, and what stands between them and the server.

    Attributes:
        doubts: how many calls were left in doubt so far.
    """

    def __init__(self, server: Server, kind: Kind) -> None:
        self.server = server
        self.kind = kind
        self.session = "raced"
        self.doubts = 0
        self._proxy = FaultProxy(server.host, server.port) if kind.lossy else None
        self._memory = ChatMemory.from_url(server.url, **kind.options)
        self._chat = self._memory.session(self.session)
        self._processes: list[Process] = []
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        """Starts the processes, and the proxy where there is one."""
        url = self.server.url
        with ExitStack() as closing:
            closing.enter_context(self._memory)
            if self._proxy is not None:
                url = closing.enter_context(self._proxy).url
            for facade, lanes in CREWS:
                options, user = self.kind.options, self.kind.user
                process = Process(Crew(url, facade, lanes, self.session, options, user))
                closing.callback(process.end)
                self._processes.append(process)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        """Ends them all."""
        self._closing.__exit__(*error)

    def state(self) -> State:
        """The session now; nobody else calls."""
        info = self._chat.info()
        texts = tuple(message.text for message in self._chat.messages())
        return State(texts, info.title or "", info.trimmed)

    def play(self, number: int, seed: int, calls: int) -> tuple[State, list[Event]]:
        """Plays a round.

        Returns:
            The state before it, and its history, which ends with the state after it.
        """
        chance = random.Random(f"{seed}.{number}")
        if self._chat.count() > _MOST_MESSAGES:
            self._chat.clear()
        before = self.state()
        known = [(one.id or "", one.text) for one in self._chat.messages()]
        told = Round(number, chance.getrandbits(60), calls, known, f"twin {number}")
        if self._proxy is not None:
            _arm(self._proxy, chance, number, calls)
        for process in self._processes:
            process.tell(told)
        if self._proxy is not None and chance.random() < 0.3:
            self._cut_once(self._proxy, reset=chance.random() < 0.5)
        history = [event(one) for process in self._processes for one in process.records()]
        self._settle()
        self.doubts += sum(one.outcome == "doubt" for one in history)
        self._check_twin(told.twin, history)
        last = max(max(one.begin, one.end if one.outcome != "doubt" else 0) for one in history)
        end = Event("end", last + 1, last + 2, "state", answer=self.state())
        return before, [*history, end]

    def _cut_once(self, proxy: FaultProxy, *, reset: bool) -> None:
        """Cuts all connections in the middle of a round."""
        proxy.reset_counters()
        # Fewer than any round takes.
        wait_until(lambda: len(proxy.requests) > len(CREWS), what="the round has begun")
        proxy.cut_all(reset=reset)

    def _settle(self) -> None:
        """Returns when nothing is on its way any more: what was not done by now never is."""
        if self._proxy is None:
            return
        self._proxy.clear()
        self._proxy.cut_all()
        assert not self._proxy.errors
        with self.server.client() as raw:
            wait_until(
                lambda: len(raw.client_list()) == 2,
                what="the server has served and closed all connections but ours",
            )

    def _check_twin(self, twin: str, history: Sequence[Event]) -> None:
        """Of those who made one and the same session, one has, with what it was told of."""
        forks = [one for one in history if one.op == "fork" and one.args[1]]
        made = [one for one in forks if one.outcome == "ok"]
        assert len(made) <= 1, "two forks have made the same session"
        for refused in forks:
            if refused.outcome == "SessionExists":
                others = [one for one in forks if one is not refused]
                assert any(
                    one.outcome in ("ok", "doubt") and one.begin < refused.end for one in others
                ), "a fork was refused for the sake of itself"
        chat = self._memory.session(twin)
        texts, info = [one.text for one in chat.messages()], chat.info()
        assert info.exists == bool(texts)
        if not any(one.outcome == "doubt" for one in forks):
            assert info.exists == bool(made)
        for one in made:
            if one.answer is not None:
                assert one.answer == [texts, info.title or "", info.trimmed]
        chat.clear()


def _arm(proxy: FaultProxy, chance: random.Random, number: int, calls: int) -> None:
    """Faults for a round: some strike anybody, some the same call again and again."""
    for _ in range(chance.randint(1, 6)):
        nth = chance.randint(1, 60)
        if chance.random() < 0.7:
            proxy.cut_reply(nth=nth)
        else:
            proxy.drop_request(nth=nth)
    lanes = "".join(lanes for _, lanes in CREWS)
    for _ in range(chance.randint(2, 6)):
        # All attempts of the driver, and sometimes the application's own resend as well.
        name = f"{chance.choice(lanes)}.{number}.{chance.randrange(calls)}."
        proxy.cut_reply(match=name.encode(), times=chance.randint(1, 5))
    for _ in range(chance.randint(0, 2)):
        name = chance.choice(["edit", "clear", "title", "publish"])
        proxy.cut_reply(match=scripts.get(name).sha, times=chance.randint(1, 4))
