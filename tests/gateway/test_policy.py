"""Which commands are refused, as the servers here know them."""

from __future__ import annotations

import httpx
import pytest
import redis

from redialog.errors import ConfigurationError
from redialog.gateway.policy import NEVER, OF_ONE_NODE, REFUSED, Flags, Policy
from tests.support.gateways import Gateway
from tests.support.servers import Server


def listed(text: str) -> list[str]:
    """The commands of a text, with bars between them."""
    return [" ".join(one.split()) for one in text.split("|")]


DANGEROUS = listed("""
    AUTH x | HELLO 3 | SELECT 1 | QUIT | RESET | MULTI | EXEC | DISCARD | WATCH k | UNWATCH |
    MONITOR | SYNC | SUBSCRIBE c | PSUBSCRIBE c* | SSUBSCRIBE c | UNSUBSCRIBE | PUNSUBSCRIBE |
    SUNSUBSCRIBE | CONFIG GET * | SHUTDOWN NOSAVE | DEBUG SLEEP 0 | SAVE | BGSAVE | BGREWRITEAOF |
    REPLICAOF no one | SLAVEOF no one | CLUSTER INFO | ACL LIST | MODULE LIST | CLIENT LIST |
    FUNCTION FLUSH | SLOWLOG GET | LATENCY RESET | FAILOVER | SCRIPT KILL | SCRIPT DEBUG no |
    MEMORY PURGE | MEMORY DOCTOR | FLUSHALL | FLUSHDB | KEYS * | SWAPDB 0 1 | MIGRATE h 1 k 0 1 |
    RESTORE k 0 x | BLPOP l 1 | BRPOP l 1 | BLMOVE l m left left 1 | BRPOPLPUSH l m 1 |
    BLMPOP 1 1 l left | BZPOPMIN z 1 | BZPOPMAX z 1 | BZMPOP 1 1 z min | WAIT 0 1 |
    XREAD BLOCK 1 STREAMS x 0 | XREAD count 1 block 1 streams x 0 |
    XREADGROUP GROUP g c BLOCK 1 STREAMS x >
""")
SERVED = listed("""
    PING | ECHO x | TIME | INFO server | COMMAND COUNT | DBSIZE | SCAN 0 | SET k v | GETEX k |
    PUBLISH c m | OBJECT HELP | SCRIPT LOAD return | SCRIPT EXISTS x | SCRIPT FLUSH |
    MEMORY USAGE k | XREAD STREAMS block 0 | SORT l | EVAL return 0 | LPUSH l a | LPOP l |
    LMPOP 1 l left | ZADD z 1 a | PFCOUNT p | FCALL f 0 | LOLWUT
""")
READS = listed("""
    PING | ECHO x | TIME | GET k | MGET k l | LRANGE l 0 -1 | HGETALL h | ZRANGE z 0 -1 |
    SORT_RO l | EVAL_RO return 0 | EVALSHA_RO x 0 | FCALL_RO f 0 | XRANGE x - + |
    XREAD STREAMS x 0 | OBJECT ENCODING k | MEMORY USAGE k | BITFIELD_RO k GET u8 0 | DBSIZE |
    EXISTS k | TTL k | TYPE k | STRLEN k | HSCAN h 0 | GEORADIUS_RO g 0 0 1 m
""")
WRITES = listed("""
    SET k v | DEL k | GETDEL k | GETEX k | LPUSH l a | SORT l | EVAL return 0 | EVALSHA x 0 |
    FCALL f 0 | SCRIPT FLUSH | SCRIPT LOAD return | EXPIRE k 1 | BITFIELD k GET u8 0 |
    PUBLISH c m | XGROUP CREATE x g 0 | GEORADIUS g 0 0 1 m | NONSENSE k | INFO | SCAN 0 |
    COMMAND COUNT | OBJECT FREQUENTLY k | PFADD p a | COPY a b
""")


def command(line: str) -> tuple[bytes, ...]:
    """The command of a line with blanks between the words."""
    return tuple(word.encode() for word in line.split(" "))


def refused(policy: Policy, flags: Flags, line: str, *, read_only: bool = False) -> bool:
    """Whether it is, in small letters too."""
    found = {
        policy.refusal(command(text), flags, read_only=read_only) is not None
        for text in (line, line.lower())
    }
    assert len(found) == 1, line
    return found.pop()


def test_dangerous_commands_are_refused(flags: Flags) -> None:
    """Also where the server does not say what it has."""
    policy = Policy()
    assert [line for line in DANGEROUS if not refused(policy, flags, line)] == []
    assert [line for line in DANGEROUS if not refused(policy, Flags(), line)] == []


def test_others_are_served(flags: Flags) -> None:
    """The same with a server that does not say what it has."""
    policy = Policy()
    assert [line for line in SERVED if refused(policy, flags, line)] == []
    assert [line for line in SERVED if refused(policy, Flags(), line)] == []


def test_what_only_the_server_knows_to_be_dangerous() -> None:
    """Commands that administer or block, of servers and modules yet to come."""
    flags = Flags([[b"reboot", 1, [b"admin"]], [b"dwell", 1, [b"readonly", b"blocking"]]])
    for line in ("REBOOT", "DWELL 1"):
        assert refused(Policy(), flags, line)
        assert not refused(Policy([line.partition(" ")[0]]), flags, line)


def test_each_dangerous_command_can_be_allowed(flags: Flags) -> None:
    """By its name in any case, whole or a subcommand; the others stay refused."""
    for name in REFUSED | {"SCRIPT", "MEMORY", "XREAD"}:
        policy = Policy([f" {name.lower()}"])
        line = f"{name} x" if name != "XREAD" else "XREAD BLOCK 1 STREAMS x 0"
        assert not refused(policy, flags, line), name
        assert refused(policy, flags, "CONFIG GET x" if name != "CONFIG" else "KEYS *")
    policy = Policy(["client|list", "script|kill"])
    assert not refused(policy, flags, "CLIENT LIST")
    assert not refused(policy, flags, "SCRIPT KILL")
    assert refused(policy, flags, "CLIENT KILL ID 1")
    assert refused(policy, flags, "SCRIPT DEBUG no")


def test_what_cannot_be_allowed(flags: Flags) -> None:
    """What changes a shared connection or has no end; nor its subcommands by their parent."""
    for name in NEVER:
        with pytest.raises(ConfigurationError, match="cannot be allowed"):
            Policy(["get", name.lower()])
    assert refused(Policy(["client"]), flags, "CLIENT REPLY OFF")
    assert not refused(Policy(["client"]), flags, "CLIENT LIST")


@pytest.mark.parametrize("name", ["", " ", "flush db", "a|b|c", "|x", "1", "flushdb!"])
def test_what_is_no_name(name: str) -> None:
    """A mistake in the option does not pass for a command that is never sent."""
    with pytest.raises(ConfigurationError, match="must be a name"):
        Policy([name])


def test_the_read_only_token_reads(flags: Flags) -> None:
    """What the server marks as reading, and some that touch no data."""
    policy = Policy()
    assert [line for line in READS if refused(policy, flags, line, read_only=True)] == []
    assert [line for line in WRITES if not refused(policy, flags, line, read_only=True)] == []
    assert [line for line in DANGEROUS if not refused(policy, flags, line, read_only=True)] == []


def test_the_read_only_token_with_what_is_allowed(flags: Flags) -> None:
    """To allow a command does not make a reading one of it; SCAN is one."""
    policy = Policy(["flushdb", "keys", "scan", "client"])
    assert refused(policy, flags, "FLUSHDB", read_only=True)
    assert refused(policy, flags, "CLIENT LIST", read_only=True)
    assert not refused(policy, flags, "KEYS *", read_only=True)
    assert not refused(policy, flags, "SCAN 0", read_only=True)


def test_the_read_only_token_where_the_server_does_not_say() -> None:
    """Nothing is taken for reading then but what touches no data."""
    assert refused(Policy(), Flags(), "GET k", read_only=True)
    assert not refused(Policy(), Flags(), "PING", read_only=True)


def test_what_one_node_of_a_cluster_cannot_answer(flags: Flags) -> None:
    """The keys of one node are not passed off as all."""
    for name in OF_ONE_NODE:
        assert refused(Policy(cluster=True), flags, f"{name} 0")
        assert not refused(Policy(["keys"]), flags, f"{name} 0")
        with pytest.raises(ConfigurationError, match="cannot be allowed"):
            Policy([name], cluster=True)


def test_a_name_of_any_length(flags: Flags) -> None:
    """It is unknown to the server and to the error."""
    policy = Policy()
    long = (b"get" * 1000, b"k" * 1000)
    assert policy.refusal(long, flags, read_only=False) is None
    why = policy.refusal(long, flags, read_only=True)
    assert why is not None
    assert len(why.text) < 100


def test_allowed_commands_are_executed(server: Server, raw: redis.Redis) -> None:
    """What the option names is, and nothing else."""
    raw.set("k", "v")
    with Gateway(
        server.url, "--allow-commands", "flushdb,Keys", "--allow-commands", "wait"
    ) as found:
        header = {"Authorization": f"Bearer {found.token}"}

        def run(*words: object) -> httpx.Response:
            return httpx.post(found.url, json=list(words), headers=header)

        assert run("KEYS", "*").json() == {"result": ["k"]}
        assert run("WAIT", 0, 1).json() == {"result": 0}
        assert run("FLUSHALL").status_code == 400
        assert raw.dbsize() == 1
        assert run("FLUSHDB").json() == {"result": "OK"}
        assert raw.dbsize() == 0


def test_a_user_who_may_not_ask_for_commands(server: Server, raw: redis.Redis) -> None:
    """What the server refuses to say is not asked for again; the full token works all the same."""
    raw.acl_setuser(
        "narrow",
        enabled=True,
        passwords=["+secret"],
        keys=["*"],
        categories=["+@all"],
        commands=["-command"],
    )
    try:
        url = server.url.replace("redis://", "redis://narrow:secret@")
        with Gateway(url) as found:
            for token, status in ((found.token, 200), (found.read_only_token, 400)):
                header = {"Authorization": f"Bearer {token}"}
                for _ in range(3):
                    answer = httpx.post(found.url, json=["GET", "k"], headers=header)
                    assert answer.status_code == status
        assert raw.info("commandstats")["cmdstat_command"]["rejected_calls"] == 1
    finally:
        raw.acl_deluser("narrow")
        raw.config_resetstat()
