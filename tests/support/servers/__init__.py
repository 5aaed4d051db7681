"""Real Valkey and Redis servers for tests: found, started, paused, killed and cleared away.

A test gets a process of its own on a port that the operating system gave out::

    with Server("valkey") as server, server.client() as client:
        client.set("key", "value")

Three rules:

1. A missing binary is an error with the install line in it, never a skip: a suite that skips its
   servers is green and proves nothing.
2. A process is only ever addressed by the pid that was started here. Each server leads a session
   of its own, so that its forked children (a background save) go with it and a Ctrl-C in the
   terminal ends the tests first and the servers after them.
3. Nothing is printed. The server's log is in the data directory and is quoted by the error when
   a start fails.

To extend (TLS, Sentinel, Cluster): override `Server._settings` (the lines of the configuration
file), `Server._command` (the arguments of the process), `Server.url` and `Server.client`. The
rest, `wait_ready` included, goes through those four.

`finding` knows where the binaries are, `process` runs one, `server` makes a Valkey or Redis of it,
`replicas` puts a second one behind it, and `waiting` and `clients` are what all of them use.

Several of them are a `deployment`: `sentinel` (`watching` is one sentinel) and `cluster`
(`cluster_node`, its `shards`, `resharding`, and the `bus` between the nodes). `logins` says who may
log in at whom, and so who is cut off from whom.
"""

from tests.support.servers.clients import plain_client
from tests.support.servers.cluster import ClusterGroup
from tests.support.servers.finding import KINDS, find_server
from tests.support.servers.process import ServerError
from tests.support.servers.replicas import replica_of, wait_in_sync
from tests.support.servers.sentinel import SentinelGroup
from tests.support.servers.server import PortTakenError, Server
from tests.support.servers.settings import Setting
from tests.support.servers.tls import Certificates, TLSServer
from tests.support.servers.waiting import wait_until

__all__ = [
    "KINDS",
    "Certificates",
    "ClusterGroup",
    "PortTakenError",
    "SentinelGroup",
    "Server",
    "ServerError",
    "Setting",
    "TLSServer",
    "find_server",
    "plain_client",
    "replica_of",
    "wait_in_sync",
    "wait_until",
]
