"""A look at the newest sessions: what never expires, what cannot be read.

They are found in the catalogue: nothing is scanned, and what is found wrong is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from redialog import codec, replies
from redialog.diagnosis import Fact, Finding, counted, listed
from redialog.effect import CommandError, Op, Reply
from redialog.errors import DataError, ServerError
from redialog.keys import Layout, SessionKeys
from redialog.ops import catalogue
from redialog.ops._scripts import Call, call
from redialog.ops.doctor.facts import Unknown

SAMPLE = 1000
"""How many of the newest sessions are looked at."""

AT_ONCE = 100
ELEMENTS = 20
"""How many of the newest messages of each."""

ELEMENT_BYTES = 32 << 10
"""How much of them. With `AT_ONCE`, some 3 MB in a reply."""

NAMED = 10
"""How many sessions the facts of a finding name."""

_NO_KEY, _NO_TTL = -2, -1


class Seen(msgspec.Struct, frozen=True):
    """What was seen of a session.

    Attributes:
        name: its id.
        count: how many messages it has; 0 where it is gone.
        ttl_ms: of its log, as PTTL answers.
        meta_ttl_ms: of its companions, likewise.
        looked_at: how many messages were looked at.
        damaged: places in the list, and what is wrong there.
        foreign: whether one of its keys holds another type of value.
    """

    name: str
    count: int = 0
    ttl_ms: int = _NO_KEY
    meta_ttl_ms: int = _NO_KEY
    looked_at: int = 0
    damaged: tuple[tuple[int, str], ...] = ()
    foreign: bool = False


Sample: TypeAlias = tuple[Seen, ...]


def sample(layout: Layout) -> Op[Sample | Unknown]:
    """The newest sessions, at most `SAMPLE`; or why they cannot be looked at.

    Cost: 1 round trip with 256 short reads, at times 2, and 1 for each 100 sessions; 1 more where
    the server does not know the script.
    """
    try:
        entries = yield from catalogue._newest(layout.catalogue(None), None, SAMPLE)
        found: list[Seen] = []
        for first in range(0, len(entries), AT_ONCE):
            members = [member for _, member in entries[first : first + AT_ONCE]]
            found += yield from _seen(layout, members)
    except (ServerError, DataError) as error:
        return Unknown(str(error.args[0]), getattr(error, "code", ""))
    return tuple(found)


def _seen(layout: Layout, members: Sequence[bytes]) -> Op[list[Seen]]:
    known = [keys for member in members if (keys := catalogue._keys(layout, member, None))]
    calls = [Call("doctor/session", [k.log, k.meta], [ELEMENTS, ELEMENT_BYTES]) for k in known]
    if not calls:
        return []
    answers = yield from call(*calls, writes=False, alone=True)
    return [_told(keys, answer) for keys, answer in zip(known, answers, strict=True)]


def _told(keys: SessionKeys, answer: Reply) -> Seen:
    name = keys.member.decode()
    if isinstance(answer, CommandError) and answer.code == "WRONGTYPE":
        return Seen(name, foreign=True)
    count, ttl, meta_ttl, elements = replies.checked(answer, keys.log)
    damaged = []
    looked_at = 0
    for place, element in enumerate(elements):
        if element is None:
            continue
        looked_at += 1
        message = codec.decode(replies.text(element), key="", position=place)
        if message.damage is not None:
            damaged.append((place, message.damage.reason))
    return Seen(
        name,
        replies.integer(count),
        replies.integer(ttl),
        replies.integer(meta_ttl),
        looked_at,
        tuple(damaged),
    )


def expiring(found: Sample | Unknown) -> bool:
    """Whether any of the sessions has a TTL."""
    return not isinstance(found, Unknown) and any(one.ttl_ms >= 0 for one in found)


def judged(found: Sample | Unknown, ttl_ms: int | None) -> list[Finding]:
    """What is wrong with the sessions.

    Args:
        found: the sample.
        ttl_ms: the TTL that the memory gives to its sessions; None for none.
    """
    if isinstance(found, Unknown):
        return [
            Finding(check, "not_checked", found.why)
            for check in ("sessions", "ttl", "companions", "elements")
        ]
    there = [one for one in found if one.count]
    return [_counted(found), _ttl(there, ttl_ms), _companions(found), _elements(there)]


def _named(found: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(one.name for one in found[:NAMED])


def _quoted(found: Sequence[Seen]) -> str:
    return listed([repr(one.name) for one in found])


def _counted(found: Sample) -> Finding:
    """What was looked at; keys that are no conversations."""
    foreign = [one for one in found if one.foreign]
    gone = sum(1 for one in found if not one.count and not one.foreign)
    facts: dict[str, Fact] = {"looked_at": len(found), "expired": gone, "foreign": _named(foreign)}
    if foreign:
        text = f"{counted(len(foreign), 'session')} cannot be read: {_quoted(foreign)}"
        advice = "another application has their keys: use another namespace or key_prefix"
        return Finding("sessions", "warning", text, advice, facts=facts)
    if len(found) == SAMPLE:
        text = f"the newest {SAMPLE:,} were looked at, and no others"
    else:
        text = f"{counted(len(found), 'session')} in the catalogue, all looked at"
    if gone:
        text += f"; {gone:,} of them expired, which a listing clears away"
    return Finding("sessions", "ok", text, facts=facts)


def _ttl(there: Sequence[Seen], ttl_ms: int | None) -> Finding:
    """Sessions that never expire."""
    lasting = [one for one in there if one.ttl_ms == _NO_TTL]
    facts: dict[str, Fact] = {"looked_at": len(there), "without": len(lasting)}
    if not lasting:
        return Finding("ttl", "ok", "all sessions expire" if there else "no sessions", facts=facts)
    text = f"without a ttl: {len(lasting):,} of {counted(len(there), 'session')}"
    if ttl_ms is None:
        return Finding("ttl", "info", text, facts=facts)
    facts["sessions"] = _named(lasting)
    text += f", though this memory gives one: {_quoted(lasting)}"
    advice = "they were written without one, or with persist(); the next write sets it"
    return Finding("ttl", "warning", text, advice, facts=facts)


def _companions(found: Sample) -> Finding:
    """Companions that would outlive their log for ever."""
    left = [
        one
        for one in found
        if one.meta_ttl_ms == _NO_TTL and (not one.count or one.ttl_ms >= 0) and not one.foreign
    ]
    facts: dict[str, Fact] = {"left": len(left), "sessions": _named(left)}
    if not left:
        return Finding("companions", "ok", "none outlive their session", facts={"left": 0})
    whose = counted(len(left), "session")
    text = f"companions of {whose} outlive it for ever: {_quoted(left)}"
    advice = "another client deleted the log or set its ttl; a listing or a write clears them away"
    return Finding("companions", "warning", text, advice, facts=facts)


def _elements(there: Sequence[Seen]) -> Finding:
    """Messages that cannot be read."""
    bad = [one for one in there if one.damaged]
    looked_at = sum(one.looked_at for one in there)
    number = sum(len(one.damaged) for one in bad)
    facts: dict[str, Fact] = {"looked_at": looked_at, "damaged": number}
    if not bad:
        partly = looked_at < sum(one.count for one in there)
        most = f", at most {ELEMENTS} a session," * partly
        text = f"{counted(looked_at, 'message')}{most} can be read"
        return Finding("elements", "ok", text, facts=facts)
    facts["sessions"] = _named(bad)
    first = bad[0]
    place, reason = first.damaged[0]
    text = f"{counted(number, 'message')} of {counted(len(bad), 'session')} cannot be read"
    return Finding(
        "elements",
        "warning",
        f"{text}: {_quoted(bad)} (element {place} of the first: {reason})",
        "reads mark them and go on; redialog show ID shows where",
        facts=facts,
    )
