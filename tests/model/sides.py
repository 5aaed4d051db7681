"""The real server and the model side by side: each step on both, then all that is stored."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from redialog import Message, RedialogError, ToolCall, UnknownVersion, codec, replies
from redialog.effect import Reply
from redialog.keys import SessionKeys, bucket
from redialog.ops import session
from redialog.ops._scripts import Call, Write, call
from redialog.testing import Companions, Handle, Model
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
        # So no two steps fall into one millisecond.
        stored, expected = self.real.stored(TICK), self._expected()
        assert {key: value.kind for key, value in stored.items()} == {
            key: value.kind for key, value in expected.items()
        }
        for key, value in expected.items():
            found = stored[key]
            if value.kind == "hash":
                _compare_companions(found.content, value.content)
            elif value.kind == "zset":
                assert found.content.keys() == value.content.keys(), key
            elif value.content is not None:
                assert found.content == value.content, key
            assert _about(found.left, value.left), (key, found.left, value.left)
        _compare_order(stored, expected)
        asked = [session.asked(self.keys(one)) for one in IDS]
        known = [one for one, kept in self.model.companions.items() if kept.rolling.kept]
        keys = map(self.keys, known)
        asked += [Call("summaries", [one.log, one.meta], []) for one in keys]
        answers = self.real.run(call(*asked, writes=False))
        for one, answer in zip(IDS, answers, strict=False):
            self._compare_info(one, answer)
        for one, answer in zip(known, answers[len(IDS) :], strict=True):
            self._compare_summaries(one, answer)
        self.model.advance(TICK)

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
        for one, lease in model.leases.items():
            left, holder = self._left(lease.until), lease.holder.encode()
            found[self.keys(one).lease] = Stored("string", holder, left)
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
            failure = found.summary_failure
            failed = 0 if failure is None else failure.times
            assert (found.summarised, failed) == (expected.summarised, expected.failed)
            left = None if found.ttl is None else int(found.ttl.total_seconds() * 1000)
            assert _about(left, expected.ttl)

    def _compare_summaries(self, session_id: str, answer: Reply) -> None:
        found: Any = outcome(lambda: replies.checked(answer, b""))
        expected: Any = outcome(lambda: self.model.summaries(session_id))
        if expected is not UnknownVersion:
            found = [(one.decode(), covers, text) for one, covers, _, text in found]
        assert found == expected


def _about(found: int | None, expected: int | None) -> bool:
    """Whether a time that is left is the expected one, less what the test itself has taken."""
    if found is None or expected is None:
        return found is expected
    return -TICK < expected - found < DRIFT


def _compare_companions(found: dict[bytes, bytes], kept: Companions) -> None:
    told_now = told(found)
    fields = {"owner": kept.owner, "layout": "2" if kept.newer else "1"}
    expected: dict[bytes, object] = {
        name.encode(): text.encode() for name, text in fields.items() if text is not None
    }
    expected |= {b"anchor": found[b"anchor"]} | told_of(kept)
    if kept.failed is not None:
        times, at, until, reason = found[b"failed"].split(b":")
        assert (int(times), int(until) - int(at), reason.decode()) == (
            kept.failed.times,
            kept.failed.until - kept.failed.at,
            kept.failed.reason,
        )
        expected[b"failed"] = found[b"failed"]
    assert told_now == expected
    assert found[b"anchor"].startswith(b"%d:" % len(kept.anchor))


def told(found: dict[bytes, bytes]) -> dict[bytes, object]:
    """Companions as they lie there, with of each summary the messages that it covers, and its text.

    Where the message that it ends with is gone, it covers none.
    """
    shift, spare = int(found.get(b"shift", 0)), int(found.get(b"spare", 0))
    read: dict[bytes, object] = dict(found)
    for name, record in found.items():
        if name.startswith(b"summary:") and record != b"nothing":
            last, mark, time, text = record.split(b":", 3)
            covers = int(last) - shift
            assert time.isdigit()
            read[name] = (covers, mark, text) if covers > spare else text
    return read


def told_of(kept: Companions) -> dict[bytes, object]:
    """The same of the model's, but for what a fork does not take along."""
    rolling = kept.rolling
    texts = {"title": kept.title, "trimmed": kept.trimmed or None}
    if rolling.kept:
        texts |= {"summaries": " ".join(one.id for one in rolling.kept)}
        texts |= {"shift": rolling.shift, "spare": rolling.spare}
    told: dict[bytes, object] = {
        name.encode(): str(text).encode() for name, text in texts.items() if text is not None
    }
    for one in rolling.kept:
        mark = hashlib.sha1(one.edge).hexdigest()[:16].encode()
        covered = one.text if one.place is None else (one.place, mark, one.text)
        told[f"summary:{one.id}".encode()] = covered if one.readable else b"nothing"
    return told


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
