"""A forked child neither stops nor keeps the server, and gets a share of its own when it asks."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

from redialog.embedded import Lease, attach
from tests.embedded.tools import call, client, held, nothing_left, output_of, pid_of, until

if TYPE_CHECKING:
    from pathlib import Path


def test_a_child_that_ends_stops_nothing(folder: Path) -> None:
    """Neither close nor exit of a forked child touches the parent's server."""
    code = """
import os, sys
from redialog.embedded import attach, wire
lease = attach(sys.argv[1])
if not (child := os.fork()):
    lease.close()
    sys.exit(7)  # with atexit
assert os.waitpid(child, 0)[1] >> 8 == 7
wire.hello(str(lease.socket_path), 10)
lease.close()
print("fine")
"""
    assert output_of(code, str(folder)) == "fine"


_IDLE_CHILD = """
import time
reading, writing = os.pipe()
if not os.fork():
    os.close(0); os.close(1); os.close(writing)
    os.read(reading, 1)
    os._exit(0)
"""


def test_an_idle_child_does_not_keep_the_server(folder: Path) -> None:
    """The last close stops the server though a forked child lives on."""
    body = _IDLE_CHILD + "lease.close(); print('closed', flush=True)"
    with client(folder, body) as parent:
        assert parent.told() == "closed"
        assert not held(folder, "server.lock")
        until(lambda: nothing_left(folder), "the keeper's end")
        parent.leave()


def test_a_killed_parent_is_not_kept_alive_by_its_child(folder: Path) -> None:
    """After kill -9 of the parent the server stops though a forked child lives on."""
    keep_open, inherited = os.pipe()
    body = f"""
if not os.fork():
    os.close(0); os.close(1)
    os.read({keep_open}, 1)
    os._exit(0)
print("forked", flush=True)
"""
    with client(folder, body, pass_fds=(keep_open,)) as parent:
        assert parent.told() == "forked"
        parent.kill()
        until(lambda: nothing_left(folder), "the end of server and keeper")
    os.close(inherited)
    os.close(keep_open)


def test_a_child_takes_a_share_of_its_own(folder: Path) -> None:
    """After ensure() a forked child keeps the server when its parent leaves, and stops it."""
    code = """
import os, sys
from redialog.embedded import attach, wire
lease = attach(sys.argv[1])
first = wire.hello(str(lease.socket_path), 10).pid
ready, parent_left = os.pipe(), os.pipe()
if not (child := os.fork()):
    lease.ensure()
    os.write(ready[1], b".")
    os.read(parent_left[0], 1)
    assert wire.hello(str(lease.socket_path), 10).pid == first
    lease.close()
    os._exit(7)
os.read(ready[0], 1)
lease.close()
os.write(parent_left[1], b".")
assert os.waitpid(child, 0)[1] >> 8 == 7
print("fine")
"""
    assert output_of(code, str(folder)) == "fine"
    assert not held(folder, "server.lock")


def test_a_child_may_start_the_server_again(folder: Path) -> None:
    """A child whose parent has left meanwhile starts the server by ensure()."""
    code = """
import os, sys
from redialog.embedded import attach, wire
lease = attach(sys.argv[1])
parent_left = os.pipe()
if not (child := os.fork()):
    os.read(parent_left[0], 1)
    lease.ensure()
    wire.hello(str(lease.socket_path), 10)
    sys.exit(7)  # atexit closes what the child opened
lease.close()
os.write(parent_left[1], b".")
assert os.waitpid(child, 0)[1] >> 8 == 7
print("fine")
"""
    assert output_of(code, str(folder)) == "fine"
    assert not held(folder, "server.lock")


def test_a_fork_while_threads_attach(folder: Path) -> None:
    """A fork in the middle of another thread's attach leaves no lock behind in the child."""
    code = """
import os, sys, threading
from redialog.embedded import attach
stop = threading.Event()
def churn():
    while not stop.is_set():
        attach(sys.argv[1]).close()
thread = threading.Thread(target=churn)
thread.start()
hold = os.pipe()
children = []
for _ in range(50):
    if not (child := os.fork()):
        os.close(hold[1])
        os.read(hold[0], 1)
        os._exit(0)
    children.append(child)
stop.set()
thread.join()
lease = attach(sys.argv[1], start_timeout=5)
lease.close()
os.close(hold[1])
for child in children:
    os.waitpid(child, 0)
print("fine")
"""
    assert output_of(code, str(folder), env={"PYTHONWARNINGS": "ignore"}) == "fine"


def _visit(lease: Lease, server: int) -> None:
    lease.ensure()
    assert pid_of(lease) == server
    call(lease, "INCR", "visits")
    lease.close()


def test_multiprocessing_workers_share_the_server(folder: Path) -> None:
    """Workers that were forked use the parent's server through the inherited lease."""
    lease = attach(folder)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_visit, args=(lease, pid_of(lease))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert call(lease, "GET", "visits") == b"$1\r\n3\r\n"
    lease.close()


def test_ensure_is_cheap(folder: Path) -> None:
    """Without a fork ensure() asks the system for nothing but the process id."""
    lease = attach(folder)
    opened = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(1000):
        lease.ensure()
    assert set(os.listdir("/proc/self/fd")) == opened  # noqa: PTH208
    lease.close()
