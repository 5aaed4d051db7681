"""A disk without space: at the start, while the server runs, and at its end.

A limit on the size of files stands for the end of the disk, since it needs no rights: the server
meets it in the same place, as an append-only file that does not take what is written.
"""

from __future__ import annotations

import resource
import socket
from typing import TYPE_CHECKING

import pytest

from redialog import ChatMemory, Message, Session
from redialog.embedded import attach, lease, wire
from redialog.errors import EmbeddedError, ServerError
from tests.embedded.tools import client, held, keeper_pid, nothing_left, output_of, program, until

if TYPE_CHECKING:
    from pathlib import Path

    from redialog.embedded import locate

BLOCKS = 64
"""Where the disk of `small` ends, in blocks of 512 bytes."""


@pytest.fixture(params=["valkey", "redis"])
def small(
    request: pytest.FixtureRequest,
    binaries: dict[str, locate.Binary],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A server of each engine in turn whose files cannot grow beyond a few kilobytes."""
    wrapper = program(
        tmp_path / "small",
        f"trap '' XFSZ; ulimit -S -f {BLOCKS}; exec {binaries[request.param].path} \"$@\"",
    )
    monkeypatch.setenv("REDIALOG_SERVER_BINARY", str(wrapper))
    monkeypatch.setattr(lease, "_FULL_DISK_PATIENCE_S", 0.1)


def free_space(server: int) -> None:
    """Lets the files of a running server grow."""
    _, hard = resource.prlimit(server, resource.RLIMIT_FSIZE)
    resource.prlimit(server, resource.RLIMIT_FSIZE, (hard, hard))


def fill(chat: Session) -> list[str]:
    """Appends until the disk is full; what was acknowledged."""
    stored: list[str] = []

    def append() -> None:
        for number in range(BLOCKS):
            text = f"secret {number} " + "x" * 512
            chat.append(Message.user(text))
            stored.append(text)

    with pytest.raises(ServerError, match="MISCONF") as caught:
        append()
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
    return stored


def texts(chat: Session) -> list[str]:
    """What a session holds."""
    return [message.text for message in chat.messages()]


def server_of(folder: Path) -> int:
    """The process id of the server that runs in a folder."""
    return wire.hello(str(folder / "server.sock"), 10).pid


def test_a_disk_gets_full_and_free_again(folder: Path, small: None) -> None:
    """A full disk refuses appends and goes on reading; with space it stores again."""
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        chat = memory.session("s")
        stored = fill(chat)
        assert texts(chat) == stored
        free_space(server_of(folder))

        def stores() -> bool:
            try:
                chat.append(Message.user("last"))
            except ServerError:
                return False
            return True

        until(stores, "an append after space was freed")
        server = server_of(folder)
        assert texts(chat) == [*stored, "last"]
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        assert texts(memory.session("s")) == [*stored, "last"]
        assert server_of(folder) != server


def test_the_last_one_leaves_a_full_disk(folder: Path, small: None) -> None:
    """What was acknowledged and not written keeps the server running until there is space."""
    memory = ChatMemory.from_url(f"embedded://{folder}")
    stored = fill(memory.session("s"))
    server = server_of(folder)
    with pytest.raises(EmbeddedError, match=rf"process {server}\).*free space"):
        memory.close()
    memory.close()  # is closed all the same
    assert held(folder, "server.lock")
    free_space(server)
    until(lambda: nothing_left(folder), "the end of server and keeper")
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        assert texts(memory.session("s")) == stored


def test_a_client_is_killed_on_a_full_disk(folder: Path, small: None) -> None:
    """The keeper does not stop a server with unwritten messages, and lets the next client in."""
    body = "import signal; signal.pause()"
    with ChatMemory.from_url(f"embedded://{folder}") as memory, client(folder, body) as other:
        stored = fill(memory.session("s"))
        with pytest.MonkeyPatch.context() as patch:
            # As if this process were killed, too: nobody looks at the disk on the way out.
            patch.setattr("redialog.embedded.ground.Ground.alone", lambda *_: False)
            memory.close()
        with _Visits(folder) as visits:
            other.kill()
            until(visits.more, "a look of the keeper at the server")
        assert keeper_pid(folder)
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        assert texts(memory.session("s")) == stored
        assert server_of(folder) == other.server_pid
        free_space(other.server_pid)
        until(lambda: _written(folder), "the server's next attempt to write")
    assert not held(folder, "server.lock")
    with ChatMemory.from_url(f"embedded://{folder}") as memory:
        assert texts(memory.session("s")) == stored


class _Visits:
    """Sees over a connection of its own whether others connect to a folder's server."""

    def __init__(self, folder: Path) -> None:
        self._peer = socket.socket(socket.AF_UNIX)
        self._peer.settimeout(10)
        self._peer.connect(str(folder / "server.sock"))

    def __enter__(self) -> _Visits:
        self._before = self._count()
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.close()

    def more(self) -> bool:
        """Whether somebody connected."""
        return self._count() > self._before

    def _count(self) -> int:
        _, facts = wire._asked(self._peer, b"stats")
        return int(facts["total_connections_received"])


def _written(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(folder / "server.sock"))
        return wire._asked(peer, b"persistence")[1]["aof_last_write_status"] == "ok"


_LIMITED = """
import resource, sys
from redialog.embedded import attach
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
try:
    attach(sys.argv[1]).close()
except Exception as error:
    sys.stdout.write(f"{type(error).__name__} {error}")
"""


@pytest.mark.parametrize("engine", ["valkey", "redis"])
@pytest.mark.parametrize("size", [0, 5, 20, 60, 85, 100, 150])
def test_no_space_to_start(
    folder: Path, binaries: dict[str, locate.Binary], tmp_path: Path, engine: str, size: int
) -> None:
    """Wherever a start runs out of space, it says so, leaves nothing running and can be repeated.

    85 bytes hold the manifest of the append-only file, but no other file that is larger.
    """
    wrapper = program(tmp_path / "ignores", f"trap '' XFSZ; exec {binaries[engine].path} \"$@\"")
    said = output_of(_LIMITED, str(folder), str(size), env={"REDIALOG_SERVER_BINARY": str(wrapper)})
    assert said.startswith("EmbeddedError")
    assert "free space there" in said
    assert not held(folder, "server.lock")
    assert not {path.name for path in folder.iterdir()} & {
        "server.sock",
        "record.json.new",
        "trial",
    }
    attach(folder).close()


def test_a_server_that_the_limit_kills(folder: Path) -> None:
    """A server that a signal ends before it can say why is explained by the want of space."""
    said = output_of(_LIMITED, str(folder), "0")
    assert said.startswith("EmbeddedError")
    assert "ended at once" in said
    assert "free space there" in said
    attach(folder).close()


def test_no_space_for_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the folder can be made for want of space, that is no fault of the call."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", full)
    with pytest.raises(EmbeddedError, match=r"No space left on device.*free space"):
        attach(folder)
