"""The embedded store: a private Valkey or Redis server in the user's data folder.

It is a real server, not an imitation: one child process per folder that listens on a unix socket
only, shared by every process that uses the folder and stopped by the last one that leaves.

Where the disk gets full, the server refuses writes and goes on reading. The write that met the end
of the disk was answered and lies in the server's memory alone, so the server is not stopped before
there is space for it: `Lease.close` says so, and the keeper stops it then. What kills it before
(kill -9, the machine's shutdown) takes that one write along.

::

    locks      flock files that a fork cannot carry away        ┐
    wire       the few lines of RESP that are needed            │ the standard library only,
    ground     one folder's locks; stopping its server          │ so that the keeper can use them
    keeper     the process that stops a server nobody is left for ┘
    locate     finds the executable
    folder     checks the folder, keeps its record
    launch     starts server and keeper, waits for readiness
    lease      the public surface
"""

from __future__ import annotations

from redialog.embedded.folder import default_folder
from redialog.embedded.lease import Lease, attach

__all__ = ["Lease", "attach", "default_folder"]
