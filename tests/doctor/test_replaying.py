"""A restart that drops what scripts wrote: shown on real servers, and foretold by the doctor.

With a bare ``user default off`` the default user has no rights. Servers without the fix of redis
#14541 replay the append-only file as that user, and drop each transaction in it; a script that
writes more than once is one.
"""

from __future__ import annotations

from typing import Any

import pytest
import redis

from redialog import ChatMemory, Message
from tests.doctor.tools import one
from tests.support.servers import Server, plain_client

BARE, RIGHTS = "default off", "default off ~* &* +@all"
MESSAGES = 25


class Guarded(Server):
    """A server whose default user is off; its client is the user ``app``."""

    def __init__(self, kind: str, default: str) -> None:
        users = [default, "app on >pass ~* &* +@all"]
        super().__init__(kind, appendonly=True, config={"user": users})

    @property
    def url(self) -> str:
        """As ``app``."""
        return f"redis://app:pass@{self.host}:{self.port}/0"

    def client(self, **options: Any) -> redis.Redis:
        """The same."""
        return plain_client(port=self.port, username="app", password="pass", **options)


@pytest.mark.parametrize(
    ("kind", "default", "level", "left"),
    [
        ("redis", BARE, "warning", 0),
        ("redis", RIGHTS, "ok", MESSAGES),
        ("valkey", BARE, "ok", MESSAGES),
    ],
)
def test_the_warning_is_right(kind: str, default: str, level: str, left: int) -> None:
    """Where it warns, a restart loses all messages; where it does not, none."""
    with Guarded(kind, default) as server, ChatMemory.from_url(server.url) as memory:
        chat = memory.session("a")
        for number in range(MESSAGES):
            chat.append(Message.user(str(number)))
        found = one(memory.diagnose(), "aof_replay")
        assert found.level == level
        assert len(chat.messages()) == MESSAGES
        server.restart()
        assert len(chat.messages()) == left


def test_its_advice_is_right() -> None:
    """The rights of a user that nobody can log in as: after that a restart loses nothing."""
    with Guarded("redis", BARE) as server, ChatMemory.from_url(server.url) as memory:
        chat = memory.session("a")
        chat.append(Message.user("x"))
        advice = one(memory.diagnose(), "aof_replay").advice
        rule = advice.partition("ACL SETUSER ")[2].partition(";")[0]
        assert rule == RIGHTS
        # As it would be in the file, which is what a restart reads.
        server.config["user"] = [rule, "app on >pass ~* &* +@all"]
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", *rule.split())
            assert one(memory.diagnose(), "aof_replay").level == "ok"
            with pytest.raises(redis.AuthenticationError):
                client.execute_command("AUTH", "default", "")
        server.restart()
        assert len(chat.messages()) == 1


def test_without_an_append_only_file_there_is_nothing_to_replay() -> None:
    """And so nothing to warn of."""
    with Guarded("redis", BARE) as server, ChatMemory.from_url(server.url) as memory:
        with server.client() as client:
            client.config_set("appendonly", "no")
        assert one(memory.diagnose(), "aof_replay").level == "ok"
