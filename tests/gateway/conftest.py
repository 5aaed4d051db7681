"""A gateway before the oldest server, and the JavaScript client, installed once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import redis

from redialog.gateway.policy import Flags
from tests.support.gateways import Gateway
from tests.support.servers import KINDS, Server

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "gateway"
MAX_BODY = 100_000

Scenario: TypeAlias = Callable[[str], Any]


@pytest.fixture(scope="session")
def running(server_of: Callable[[str], Server]) -> Iterator[Gateway]:
    """One gateway for all tests that do it no harm."""
    with Gateway(server_of("redis").url, "--max-body", str(MAX_BODY)) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway, server: Server) -> Gateway:
    """The same, with an empty server behind it."""
    return running


@pytest.fixture
def raw(server: Server) -> Iterator[redis.Redis]:
    """A client on the server itself: bytes in and out."""
    with server.client() as client:
        yield client


@pytest.fixture(params=KINDS)
def flags(request: pytest.FixtureRequest, server_of: Callable[[str], Server]) -> Flags:
    """What a server of each kind says of its commands."""
    with server_of(request.param).client() as client:
        connection: Any = client.connection_pool.get_connection()
        connection.send_command("COMMAND")
        reply = connection.read_response(disable_decoding=True)
        client.connection_pool.release(connection)
    return Flags(reply)


@pytest.fixture(scope="session")
def packages() -> Path:
    """A folder with the pinned package of package.json, installed once."""
    npm = shutil.which("npm")
    assert npm, "the tests need node and npm: apt-get install nodejs npm"
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    installed = CACHE / "package.json"
    if not (CACHE / "node_modules").exists() or installed.read_text() != wanted:
        installed.write_text(wanted)
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(command, cwd=CACHE, check=True, env={**os.environ, "CI": "true"})
    shutil.copy(HERE / "scenarios.mjs", CACHE / "scenarios.mjs")
    return CACHE


@pytest.fixture
def scenario(packages: Path, gateway: Gateway) -> Scenario:
    """Runs a scenario of scenarios.mjs; what it printed."""

    def run(name: str) -> Any:
        done = subprocess.run(
            ["node", "scenarios.mjs", name],
            cwd=packages,
            env={
                **os.environ,
                "GATEWAY_URL": gateway.url,
                "GATEWAY_TOKEN": gateway.token,
                "GATEWAY_READ_ONLY_TOKEN": gateway.read_only_token,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
