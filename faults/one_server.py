"""One server, and what befalls it."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

import redis

from faults.grounds import Scene, Sight, Topology
from tests.support.proxy import FaultProxy
from tests.support.servers import Server

WRITE = b"EVALSHA"


class OneServer:
    """A server with an append-only file, and a proxy before it.

    Attributes:
        server: the server.
        proxy: clients reach the server through it, where a fault asks for that.
    """

    topology: Topology = "one server"

    def __init__(self, server: Server, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy

    def url(self, *, proxied: bool) -> str:
        """As `faults.grounds.Ground.url`."""
        return self.proxy.url if proxied else self.server.url

    def ids(self, namespace: str, names: Sequence[str]) -> dict[str, str]:
        """As `faults.grounds.Ground.ids`."""
        return {name: f"{namespace} {name}" for name in names}

    def primaries(self) -> list[redis.Redis]:
        """As `faults.grounds.Ground.primaries`."""
        return [self.server.client()]

    def look(self) -> Sight:
        """As `faults.grounds.Ground.look`: nobody has to look, faults say how long they last."""
        return Sight(self.server.url, settled=True)

    def configure(self, settings: Mapping[str, str | int]) -> None:
        """As `faults.grounds.Ground.configure`."""
        with self.server.client() as client:
            for name, value in settings.items():
                client.config_set(name, value)

    def clear(self) -> None:
        """As `faults.grounds.Ground.clear`."""
        self.proxy.clear()
        self.server.resume()
        if not self.server.running:
            self.server.start()
        self.server.flush()


def _times(scene: Scene) -> int:
    return 2 if scene.short else 5


def _seconds(scene: Scene) -> float:
    return 1.5 if scene.short else 4.0


def killed(scene: Scene) -> None:
    """SIGKILL and a restart, several times; the append-only file is written before each reply."""
    server: Server = scene.ground.server
    for _ in range(_times(scene)):
        scene.stay(0.5)
        scene.strike()
        server.kill()
        server.start()
        scene.gaps.append(time.monotonic() - scene.struck)


def stalled(scene: Scene) -> None:
    """SIGSTOP and SIGCONT: for less and for more than the 5 s that a reply may take."""
    server: Server = scene.ground.server
    for seconds in (1.0,) if scene.short else (1.0, 7.0):
        scene.strike()
        server.pause()
        scene.stay(seconds)
        server.resume()
        scene.gaps.append(time.monotonic() - scene.struck)
        scene.stay(0.5)


def connections_killed(scene: Scene) -> None:
    """CLIENT KILL of all connections, 50 times a second."""
    with scene.ground.server.client() as client:
        scene.strike()
        scene.again(
            lambda: client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
            every=0.02,
            seconds=_seconds(scene),
        )


def scripts_flushed(scene: Scene) -> None:
    """SCRIPT FLUSH, 200 times a second."""
    with scene.ground.server.client() as client:
        scene.strike()
        scene.again(client.script_flush, every=0.005, seconds=_seconds(scene))


def memory_full(scene: Scene) -> None:
    """The server reaches maxmemory, and is given more, again and again."""

    def full_for_a_while() -> None:
        scene.ground.configure({"maxmemory": 1})
        scene.stay(0.2)
        scene.ground.configure({"maxmemory": 0})
        scene.gaps.append(0.2)

    scene.strike()
    scene.again(full_for_a_while, every=0.2, seconds=_seconds(scene))


def replies_cut(scene: Scene) -> None:
    """A write is done, its reply is lost; or only a part of it arrives."""
    chance = random.Random(1)
    scene.strike()
    scene.again(
        lambda: scene.ground.proxy.cut_reply(
            chance.choice((0, 0, 3)), chance.randint(1, 8), match=WRITE, times=chance.randint(1, 2)
        ),
        every=0.02,
        seconds=_seconds(scene),
    )
    scene.ground.proxy.clear()


def replies_cut_for_long(scene: Scene) -> None:
    """All replies to writes are lost for a time, so that attempts are used up."""
    for _ in range(_times(scene)):
        scene.strike()
        scene.ground.proxy.cut_reply(match=WRITE, times=60)
        scene.stay(0.7)
        scene.ground.proxy.clear()
        scene.gaps.append(time.monotonic() - scene.struck)
        scene.stay(0.3)


def replies_cut_scripts_flushed(scene: Scene) -> None:
    """Both: what is sent again finds its script gone."""
    with scene.ground.server.client() as client:

        def both() -> None:
            scene.ground.proxy.cut_reply(match=WRITE)
            client.script_flush()

        scene.strike()
        scene.again(both, every=0.01, seconds=_seconds(scene))
    scene.ground.proxy.clear()


def requests_dropped(scene: Scene) -> None:
    """Requests never reach the server."""
    chance = random.Random(2)
    scene.strike()
    scene.again(
        lambda: scene.ground.proxy.drop_request(
            chance.randint(1, 8), match=WRITE, times=chance.randint(1, 4)
        ),
        every=0.02,
        seconds=_seconds(scene),
    )
    scene.ground.proxy.clear()


def delayed(scene: Scene) -> None:
    """Replies take longer than a client waits for them, while their writes are done."""
    for _ in range(1 if scene.short else 2):
        scene.strike()
        scene.ground.proxy.delay(2.0, match=WRITE)
        scene.stay(2.5)
        scene.ground.proxy.delay(0, match=WRITE)
        scene.gaps.append(time.monotonic() - scene.struck + 2.0)
        scene.stay(1.0)


def half_open(scene: Scene) -> None:
    """Connections stay open and nothing passes them any more, in either direction."""
    for seconds in (1.5,) if scene.short else (1.5, 5.0):
        scene.strike()
        scene.ground.proxy.stall()
        scene.stay(seconds)
        scene.ground.proxy.unstall()
        scene.gaps.append(time.monotonic() - scene.struck)
        scene.stay(0.5)
