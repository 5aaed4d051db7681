"""One Redis with everything on it: the server, the gateway before it, and node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.interop.installing import packages
from tests.interop.javascript import Peer
from tests.interop.libraries import Place
from tests.support.gateways import Gateway


@contextlib.contextmanager
def place(url: str) -> Iterator[Place]:
    """Everything that is needed beside a server, until the end of the ``with``."""
    with Gateway(url) as gateway, Peer(packages()) as peer:
        made = Place(url, gateway.url, gateway.token, peer)
        try:
            yield made
        finally:
            for history in made.kept.values():
                history.redis_client.close()
