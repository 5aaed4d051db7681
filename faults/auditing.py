"""What a store holds after a run: read by plain clients and through the memory."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import redis

from faults.checking import Finding, compare
from faults.crew import TTL_S, Durability
from faults.crews import owner
from faults.talking import Ledger
from faults.turns import Place, Said, call_id, place
from redialog import ChatMemory, Message
from redialog.keys import OwnLayout, SessionKeys

TOKEN_MS = 60_000
_OP = b":op:"


class Audit:
    """Compares one namespace with what was written to it.

    Args:
        memory: of that namespace.
        primaries: a plain client of every primary.
        namespace: which.
        ids: of the sessions, by name.
        ledger: of all who wrote.
    """

    def __init__(
        self,
        memory: ChatMemory,
        primaries: Sequence[redis.Redis],
        namespace: Durability,
        ids: Mapping[str, str],
        ledger: Ledger,
    ) -> None:
        self._memory = memory
        self._primaries = primaries
        self._namespace = namespace
        self._users = {ids[name]: owner(name) for name in ids}
        self._ledger = ledger
        layout = OwnLayout(namespace)
        self._keys: dict[str, SessionKeys] = {
            session: layout.session(session, user) for session, user in self._users.items()
        }

    def findings(self) -> list[Finding]:
        """All that is not as it must be."""
        return [*self._contents(), *self._companions(), *self._listing()]

    # The messages

    def _contents(self) -> Iterator[Finding]:
        for session in self._users:
            said: list[Said] = self._ledger.said.get(session, [])
            plain = self._plain(session)
            yield from compare(session, said, plain)
            read = self._memory.session(session).messages()
            if [place(one.text) for one in read] != plain:
                yield Finding("split", session, None, "the memory reads it otherwise than it is")
            yield from _calls(session, read)

    def _plain(self, session: str) -> list[Place | None]:
        """A session's messages, the oldest first, as the primaries' lists have them."""
        log = self._keys[session].log
        found: list[Place | None] = []
        for client in self._primaries:
            try:
                elements = client.lrange(log, 0, -1)
            except redis.ResponseError:  # another node of the Cluster has it
                continue
            texts = [json.loads(element)["data"]["content"] for element in reversed(elements)]
            found += map(place, texts)
        return found

    # The keys

    def _companions(self) -> Iterator[Finding]:
        """Keys without a TTL, and those that should not be there, or should and are not."""
        logs = {keys.log: session for session, keys in self._keys.items()}
        companions = {keys.meta: session for session, keys in self._keys.items()}
        listings = {key for keys in self._keys.values() for key in keys.catalogue()}
        seen: Counter[bytes] = Counter()
        for client, key in self._all():
            seen[key] += 1
            if key in listings:
                yield from self._members(client, key)
                continue
            session = logs.get(key) or companions.get(key)
            if session is None and _OP not in key:
                yield Finding("stray", "", None, f"the key {key!r}")
                continue
            left = client.pttl(key)
            most = TOKEN_MS if session is None else TTL_S * 1000
            # -2: it has expired since.
            if left != -2 and not 0 < left <= most:
                yield Finding("no ttl", session or "", None, f"{key!r} lives {left} ms")
        for key, times in seen.items():
            if times > 1:
                yield Finding("stray", logs.get(key, ""), None, f"{key!r} at {times} primaries")
        for session, user in self._users.items():
            keys = self._keys[session]
            if user is not None and keys.log in seen and keys.meta not in seen:
                yield Finding("split", session, None, "its owner was not kept")

    def _members(self, client: redis.Redis, listing: bytes) -> Iterator[Finding]:
        """Entries of the catalogue that are nobody's: a listing through the memory hides them."""
        known = {keys.member for keys in self._keys.values()}
        for member in sorted({*client.zrange(listing, 0, -1)} - known):
            yield Finding("stray", "", None, f"{member!r} in {listing!r}")

    def _all(self) -> Iterator[tuple[redis.Redis, bytes]]:
        for client in self._primaries:
            for key in set(client.scan_iter(f"redialog:{{{self._namespace}.*", count=1000)):
                yield client, key

    # The catalogue

    def _listing(self) -> Iterator[Finding]:
        written = {
            session
            for session, said in self._ledger.said.items()
            if any(one.fate == "stored" for one in said)
        }
        listed = {one.session_id for one in self._memory.sessions()}
        yield from _differences(written, listed, "")
        users: defaultdict[str, set[str]] = defaultdict(set)
        for session, user in self._users.items():
            if user is not None and session in written:
                users[user].add(session)
        for user, sessions in users.items():
            listed = {one.session_id for one in self._memory.sessions(user)}
            yield from _differences(sessions, listed, f" of {user}")


def _differences(written: set[str], listed: set[str], whose: str) -> Iterator[Finding]:
    for session in sorted(written - listed):
        yield Finding("split", session, None, f"not among the sessions{whose}")
    for session in sorted(listed - written):
        yield Finding("stray", session, None, f"among the sessions{whose}")


def _calls(session: str, read: Sequence[Message]) -> Iterator[Finding]:
    """Calls of tools that lost their content, or their result's tie to them."""
    for index, message in enumerate(read):
        where = place(message.text)
        if message.damage is not None:
            yield Finding("split", session, None, f"damaged: message {index}")
        elif where is not None and where.turn.size == 3:
            ties = {
                0: message.tool_calls == () and message.tool_call_id is None,
                1: [call.id for call in message.tool_calls] == [call_id(where.turn)],
                2: message.tool_call_id == call_id(where.turn),
            }
            if not ties[where.part]:
                yield Finding("split", session, where.turn, "its tool call is not whole")
