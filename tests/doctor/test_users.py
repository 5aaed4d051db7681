"""Users who may not do everything: what they lack is found; nothing fails for want of a right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from redialog import ChatMemory, Message
from redialog.diagnosis import Diagnosis
from redialog.ops.doctor import access
from tests.doctor.tools import LAYOUT, levels, one
from tests.support import rules
from tests.support.servers import Server

Diagnose = Callable[..., Diagnosis]
SMALLEST = rules.smallest()
KEPT = ("log", "meta", "op", "lease", "stage")
QUESTIONS = {"persistence", "aof_replay", "eviction", "memory", "replication"}


def test_the_rule_of_the_docs_is_what_is_asked_for() -> None:
    """The advice is to take the rule of SECURITY.md: it allows what is needed, and no more."""
    asked = {command[0].decode().lower() for _, command in access.commands(access.NEEDED, LAYOUT)}
    assert asked | {"eval", "evalsha"} == set(rules.commands())


@pytest.fixture
def url_of(server: Server) -> Iterator[Callable[..., str]]:
    """Gives the user ``app`` these rules, and the URL for it."""
    with server.client() as client:

        def made(*rules: str) -> str:
            client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">p@ss", *rules)
            return f"redis://app:p%40ss@127.0.0.1:{server.port}/0"

        yield made
        client.acl_deluser("app")


def test_the_smallest_user(diagnose: Diagnose, url_of: Callable[..., str]) -> None:
    """All that is needed is allowed; what only the doctor asks is not checked, and says why."""
    url = url_of(*SMALLEST)
    with ChatMemory.from_url(url) as memory:
        memory.session("a", user_id="ann", ttl=60).append(Message.user("x"))
    found = diagnose(url)
    assert not found.of("error", "warning"), str(found)
    assert {finding.check for finding in found.of("not_checked")} == QUESTIONS
    assert one(found, "eviction").text == "the ACL user may not run INFO"
    assert one(found, "aof_replay").text == "the ACL user may not run ACL DRYRUN"
    for check in ("server", "role", "acl", "scripts", "clock", "ttl", "elements"):
        assert one(found, check).level == "ok"
    # Whoever may connect may say HELLO.
    assert one(found, "server").text == "Redis 7.0.15"
    assert one(found, "acl").text == "the user may use all commands and keys that are needed"


def test_the_smallest_user_of_a_shared_layout(
    diagnose: Diagnose, url_of: Callable[..., str]
) -> None:
    """The same with the keys of that layout; without them, they are named."""
    prefix = "message_store:"
    found = diagnose(url_of(*rules.for_prefix(prefix)), key_prefix=prefix)
    assert one(found, "acl").level == "ok"
    found = diagnose(url_of(*SMALLEST), key_prefix=prefix)
    assert "touch keys such as message_store:doctor" in one(found, "acl").text


def test_only_what_is_refused_is_not_checked(
    diagnose: Diagnose, url_of: Callable[..., str]
) -> None:
    """Each question stands alone."""
    found = diagnose(url_of(*SMALLEST, "+info", "+acl|whoami"))
    assert {finding.check for finding in found.of("not_checked")} <= {"aof_replay"}
    assert "the user 'app' may use all" in one(found, "acl").text


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (["-lrem", "-hset"], "may not run HSET, LREM"),
        (["-time"], "may not run TIME"),
        (["-evalsha", "+acl|whoami"], "may not run EVALSHA"),
        (["resetkeys", "~redialog:{default.*"], ""),
        (["resetkeys", "~redialog:{other.*"], "may not touch keys such as redialog:{default."),
        (["resetkeys", "%R~redialog:*"], "may not run"),
        (["resetkeys", *(f"~*:{kind}:*" for kind in KEPT)], "106}:sessions"),
    ],
)
def test_what_a_user_lacks(
    diagnose: Diagnose, url_of: Callable[..., str], rules: list[str], text: str
) -> None:
    """Commands and keys, by name; on keys that the user may touch there is nothing to say."""
    found = diagnose(url_of(*SMALLEST, *rules))
    errors = found.of("error")
    assert bool(errors) is bool(text), str(found)
    assert text in " ".join(finding.text for finding in errors)
    assert all("SECURITY.md" in finding.advice for finding in errors)


def test_a_user_who_may_not_run_scripts(diagnose: Diagnose, url_of: Callable[..., str]) -> None:
    """Then nothing can be written, and the rest is not found out."""
    found = diagnose(url_of(*SMALLEST, "-eval", "-evalsha"))
    assert one(found, "scripts").text == "the ACL user may not run EVAL"
    assert one(found, "acl").level == "not_checked"
    assert levels(found)["elements"] == "ok"


def test_a_user_who_may_not_even_ping(diagnose: Diagnose, url_of: Callable[..., str]) -> None:
    """Somebody answered: that is all that counts."""
    found = diagnose(url_of("+@read", "-ping"))
    assert one(found, "reach").level == "ok"
    assert one(found, "scripts").level == "error"
    assert one(found, "sessions").level == "not_checked"


def test_sessions_that_a_user_may_not_read(diagnose: Diagnose, url_of: Callable[..., str]) -> None:
    """The catalogue is refused: nothing is known of the sessions."""
    found = diagnose(url_of("~*", "+@all", "-zrange"))
    assert {finding.check for finding in found.of("not_checked")} == {
        "sessions",
        "ttl",
        "companions",
        "elements",
    }
    assert "may not run a command" in one(found, "ttl").text


def test_asking_is_all_that_is_done(
    diagnose: Diagnose, url_of: Callable[..., str], server: Server
) -> None:
    """No user, rule or key is changed by the questions about them."""
    url = url_of("~*", "+@all")
    with server.client() as client:
        before = client.acl_list(), client.dbsize()
        diagnose(url)
        assert (client.acl_list(), client.dbsize()) == before
