"""The real server and the model side by side: each step on both, then all that is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from redialog import Message, RedialogError, ToolCall, UnknownVersion, codec
from redialog.effect import Reply
from redialog.keys import SessionKeys, bucket
from redialog.ops import session
from redialog.ops._scripts import Write, call
from redialog.testing import Handle, Model
from redialog.testing.model_state import Place
from tests.model.real import Real, Stored

T = TypeVar("T")

# Three sessions that lie together, and one that lies elsewhere.
_NAMES = [f"s{number}" for number in range(2000)]
_HOME = bucket(b"s0")
TOGETHER = [name for name in _NAMES if bucket(name.encode()) == _HOME][:3]
FAR = next(name for name in _NAMES if bucket(name.encode()) != _HOME)
IDS = [*TOGETHER, FAR]
USERS = ["ada", "bob"]

# Time passes in steps of half a minute, and all that expires does so after some of them: what a
# real clock adds meanwhile makes no difference.
STEP, TICK = 30_000, 10
DRIFT = STEP - 1000

ids = st.sampled_from(IDS)
users = st.sampled_from([None, "ada", "ada", "bob"])
ttls = st.sampled_from([None, 4 * STEP, 20 * STEP])
handles = st.builds(Handle, ids, users, ttls, st.booleans())
numbers = st.integers(0, 7)

# What other clients push, the same bytes each time. The two long ones differ in the middle.
FOREIGN = [
    b'{"type":"human","data":{"content":"hi"}}',
    b'{"type":"human","data":{"content":"' + b"a" * 1200 + b'"}}',
    b'{"type":"human","data":{"content":"' + b"a" * 600 + b"b" + b"a" * 599 + b'"}}',
]
KINDS = ["user", "system", "assistant", "call", "tool", *range(len(FOREIGN))]
kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)


def outcome(step: Callable[[], object]) -> object:
    """What a call returns, or which of the library's errors it raises."""
    try:
        return step()
    except RedialogError as error:
        return type(error)


class Sides(RuleBasedStateMachine):
    """Both sides, and what a step needs.

    Args:
        real: a server, which is emptied.
    """

    def __init__(self, real: Real) -> None:
        super().__init__()
        self.real = real
        self.raw = real.raw
        self.raw.flushall()
        self.model = Model(shared=real.shared)
        self.made = 0

    def keys(self, session_id: str, user_id: str | None = None) -> SessionKeys:
        """The keys of a session."""
        return self.real.layout.session(session_id, user_id)

    def write(self, handle: Handle, token: str, *, resent: bool = False) -> Write:
        """What an operation under a handle takes."""
        keys = self.keys(handle.session_id, handle.user_id)
        return Write(keys, token, handle.ttl, handle.fixed, token, resent)

    def there(self, handle: Handle) -> Handle:
        """The handle, or where it has no session, one of a session that is there."""
        found = sorted(self.model.logs)
        if handle.session_id in found or not found:
            return handle
        return msgspec.structs.replace(handle, session_id=found[self.made % len(found)])

    def fresh(self, what: str) -> str:
        """A name that was not used before; as a digest, never a number."""
        self.made += 1
        return f"{what}{self.made}"

    def elements(self, kinds: Sequence[str | int]) -> list[bytes]:
        """New messages, each but a foreign one with an id of its own."""
        return [FOREIGN[one] if isinstance(one, int) else self._element(one) for one in kinds]

    def _element(self, kind: str) -> bytes:
        text = self.fresh("m")
        made = {
            "user": Message.user(text),
            "system": Message.system(text),
            "assistant": Message.assistant(text),
            "call": Message.assistant(text, tool_calls=[ToolCall("find", {}, "c")]),
            "tool": Message.tool(text, tool_call_id="c"),
        }
        return codec.element(codec.stored(made[kind], f"id-{text}", 0))

    def both(self, real: Callable[[], object], model: Callable[[], T]) -> T:
        """Does the same on both sides, which answer alike or raise the same error."""
        found, expected = outcome(real), outcome(model)
        assert found == expected
        return expected  # type: ignore[return-value]

    def passes(self, ms: int) -> None:
        """Time passes on both sides."""
        self.real.passes(ms)
        self.model.advance(ms)

    @invariant()
    def all_that_is_stored_is_what_the_model_says(self) -> None:
        """No key more, no key less, and the same in each; then the clock ticks."""
        stored, expected = self.real.stored(), self._expected()
        assert {key: value.kind for key, value in stored.items()} == {
            key: value.kind for key, value in expected.items()
        }
        for key, value in expected.items():
            found = stored[key]
            if value.kind == "hash":
                _compare_companions(found.content, value.content)
            elif value.kind == "zset":
                assert found.content.keys() == value.content.keys(), key
            elif value.kind == "list":
                assert found.content == value.content, key
            assert _about(found.left, value.left), (key, found.left, value.left)
        _compare_order(stored, expected)
        asked = [session.asked(self.keys(one)) for one in IDS]
        for one, answer in zip(IDS, self.real.run(call(*asked, writes=False)), strict=True):
            self._compare_info(one, answer)
        # So no two steps fall into one millisecond.
        self.passes(TICK)

    def _expected(self) -> dict[bytes, Stored]:
        """What must lie on the server, with activities by the model's clock for scores."""
        model = self.model
        entries: dict[bytes, dict[bytes, int]] = defaultdict(dict)
        for one, at in model.sessions.items():
            entries[self.keys(one).sessions][one.encode()] = at
        for user_id, of_user in model.users.items():
            for one, at in of_user.items():
                entries[self.keys(one).of_user(user_id.encode())][one.encode()] = at
        found = {key: Stored("zset", content, None) for key, content in entries.items()}
        for one, log in model.logs.items():
            found[self.keys(one).log] = Stored("list", log.elements[::-1], self._left(log.until))
        for one, kept in model.companions.items():
            found[self.keys(one).meta] = Stored("hash", kept, self._left(kept.until))
        for (place, name), staged in model.stages.items():
            key = self._at(place).stage(name)
            found[key] = Stored("list", staged.elements[::-1], self._left(staged.until))
        for (place, token), done in model.tokens.items():
            found[self._at(place).op(token)] = Stored("string", None, self._left(done.until))
        return found

    def _at(self, place: Place) -> SessionKeys:
        return self.keys(next(one for one in IDS if self.model.place(one) == place))

    def _left(self, until: int | None) -> int | None:
        return None if until is None else until - self.model.now

    def _compare_info(self, session_id: str, answer: Reply) -> None:
        found: Any = outcome(lambda: session.told(self.keys(session_id), answer, None))
        expected: Any = outcome(lambda: self.model.info(session_id))
        if expected is UnknownVersion:
            assert found is UnknownVersion
        elif expected is None:
            assert (found.exists, found.count) == (False, 0)
        else:
            assert (found.count, found.user_id, found.title, found.trimmed) == (
                (expected.count, expected.owner, expected.title, expected.trimmed)
            )
            left = None if found.ttl is None else int(found.ttl.total_seconds() * 1000)
            assert _about(left, expected.ttl)


def _about(found: int | None, expected: int | None) -> bool:
    """Whether a time that is left is the expected one, less what the test itself has taken."""
    if found is None or expected is None:
        return found is expected
    return -TICK < expected - found < DRIFT


def _compare_companions(found: dict[bytes, bytes], kept: Any) -> None:
    fields = {
        b"owner": kept.owner and kept.owner.encode(),
        b"title": kept.title and kept.title.encode(),
        b"trimmed": str(kept.trimmed).encode() if kept.trimmed else None,
        b"layout": b"2" if kept.newer else b"1",
        b"anchor": found[b"anchor"],
    }
    assert found == {name: value for name, value in fields.items() if value is not None}
    assert found[b"anchor"].startswith(b"%d:" % len(kept.anchor))


def _compare_order(stored: dict[bytes, Stored], expected: dict[bytes, Stored]) -> None:
    """What was noted later has the higher score, in all catalogues together."""
    places = [
        (at, stored[key].content[member])
        for key, value in expected.items()
        if value.kind == "zset"
        for member, at in value.content.items()
    ]
    latest: dict[int, int] = {}
    earliest: dict[int, int] = {}
    for at, score in places:
        latest[at] = max(score, latest.get(at, score))
        earliest[at] = min(score, earliest.get(at, score))
    moments = sorted(latest)
    for before, after in pairwise(moments):
        assert latest[before] < earliest[after]
