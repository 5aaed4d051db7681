"""The life of a memory: servers that come back, close and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from redialog import ChatMemory, Closed, Message, ReadOnly, TransportError
from tests.faults.conftest import Connect
from tests.support.proxy import FaultProxy
from tests.support.servers import Server


def test_a_killed_server_that_comes_back_is_used_again(connect: Connect) -> None:
    """kill -9 and a restart in the middle of the work: the same memory goes on, nothing twice."""
    with Server("redis", appendonly=True) as server:
        chat = connect(server.url).session("s")
        chat.append(Message.user("1"))
        server.kill()
        with pytest.raises(TransportError):
            chat.append(Message.user("lost"))
        server.start()
        chat.append(Message.user("2"))
        assert [message.text for message in chat.messages()] == ["1", "2"]


def test_a_server_that_became_a_replica_is_looked_for_anew(connect: Connect) -> None:
    """Behind its name there may be another one by now: its connection is not used again."""
    with Server("redis") as server, FaultProxy(server.host, server.port) as proxy:
        chat = connect(proxy.url).session("s")
        chat.append(Message.user("1"))
        before = proxy.connections
        with server.client() as admin:
            admin.execute_command("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(ReadOnly):
                chat.append(Message.user("refused"))
            admin.execute_command("REPLICAOF", "NO", "ONE")
        chat.append(Message.user("2"))
        assert proxy.connections == before + 1
        assert [message.text for message in chat.messages()] == ["1", "2"]


def test_after_close_every_call_says_so(connect: Connect, server: Server) -> None:
    """A closed memory is an error of its own; closing twice is none."""
    memory = connect(server.url)
    chat = memory.session("s")
    chat.append(Message.user("x"))
    memory.close()
    memory.close()
    for call in (chat.messages, chat.count, chat.clear, memory.ping):
        with pytest.raises(Closed):
            call()
    with pytest.raises(Closed):
        list(chat.iter_messages())


def test_an_interrupted_call_leaves_no_reply_behind(server: Server) -> None:
    """Ctrl-C between request and reply: the next call reads its own reply, not the old one."""
    with (
        FaultProxy(server.host, server.port) as proxy,
        ChatMemory.from_url(proxy.url) as memory,
    ):
        memory.session("a").append(Message.user("a"))
        memory.session("b").append(Message.user("b"), Message.user("b2"))
        proxy.delay(0.5, match=b"LLEN")
        timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            memory.session("a").count()
        timer.join()
        proxy.clear()
        assert memory.session("b").count() == 2


def test_an_own_client_is_never_closed(server: Server) -> None:
    """close() leaves an application's client as it was."""
    with server.client() as client:
        memory = ChatMemory.from_client(client)
        memory.session("s").append(Message.user("x"))
        assert client.ping() is True
        before = client.client_id()
        memory.close()
        assert client.client_id() == before
