"""What holds for every operation: its round trips, its keys, its token, and its order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import redialog
from redialog.effect import Batch, CommandError
from redialog.keys import Layout, OwnLayout, SessionKeys, slot
from tests.operations.calling import LAYOUTS, MUTATIONS, ODD_IDS, READS, Case, Served, made
from tests.operations.tools import (
    KEY,
    NOSCRIPT,
    TOKEN,
    answered,
    arguments_of,
    keys_of,
    play,
    script_name,
)

ALL = MUTATIONS | READS
each = pytest.mark.parametrize("name", ALL)
each_mutation = pytest.mark.parametrize("name", MUTATIONS)
NAMES = ["own", "own odd", "shared", "prefixed", "tagged"]
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
# What publishes nothing and can be repeated as it is.
EXEMPT = {"note", "drop", "forget"}


def run(
    case: Case, layout: Layout, session_id: str = "chat", user: str | None = None, **how: Any
) -> tuple[list[Batch], Any]:
    """The batches of an operation, and what it gives."""
    served = Served(case.log, case.scripts, **how)
    return answered(made(case, layout, session_id, user), served)


def calls(batch: Batch) -> list[str]:
    """The scripts that a batch runs."""
    return [script_name(c) for c in batch.commands if c[0] in (b"EVALSHA", b"EVAL")]


@each
@pytest.mark.parametrize("user", [None, "ada"])
def test_an_operation_costs_so_many_round_trips(name: str, user: str | None) -> None:
    """As its docstring says, with and without a user."""
    for layout in LAYOUTS:
        trips = ALL[name].own if isinstance(layout, OwnLayout) else ALL[name].shared
        assert len(run(ALL[name], layout, user=user)[0]) == trips, layout


@each_mutation
@each_layout
def test_one_batch_publishes_and_comes_last(name: str, layout: Layout) -> None:
    """What comes before it is seen by nobody; what comes after it is not needed."""
    batches, _ = run(MUTATIONS[name], layout, user="ada")
    writes = [number for number, batch in enumerate(batches) if batch.writes]
    publishing = [number for number in writes if set(calls(batches[number])) - EXEMPT]
    if "at the cap" in name:
        # The first attempt changed nothing: the log was full.
        del publishing[0]
    [last] = publishing
    assert [set(calls(batch)) for batch in batches[last + 1 :]] in ([], [{"forget"}])
    [published] = set(calls(batches[last])) - EXEMPT
    assert calls(batches[last]).count(published) == 1
    assert batches[last].resend_key == KEY


@each
@each_layout
def test_reads_say_that_they_write_nothing(name: str, layout: Layout) -> None:
    """A batch writes where one of its scripts publishes or tidies, and only there."""
    silent = {"info", "view", "summaries", "renew", "stage", "snapshot"}
    for batch in run(ALL[name], layout)[0]:
        assert batch.writes is bool(set(calls(batch)) - silent)


@each
@each_layout
def test_the_keys_of_a_script_lie_in_one_slot(name: str, layout: Layout) -> None:
    """Whatever characters the ids have; on a Cluster no script may touch two slots."""
    for session_id in ODD_IDS:
        batches, _ = run(ALL[name], layout, session_id, "{u}:ä")
        scripts = [c for batch in batches for c in batch.commands if c[0] == b"EVALSHA"]
        for command in scripts:
            assert len({slot(key) for key in keys_of(command)}) == 1, (session_id, command[3:])


def same(first: Batch, second: Batch) -> None:
    """The second says the same as the first, with the scripts' texts for their digests."""
    assert (first.writes, first.resend_key) == (second.writes, second.resend_key)
    for before, after in zip(first.commands, second.commands, strict=True):
        if before[0] == b"EVALSHA":
            assert after[0] == b"EVAL"
            assert script_name(before) == script_name(after)
            assert before[2:] == after[2:]
        else:
            assert before == after


@each
@each_layout
def test_every_lost_script_is_sent_with_its_text(name: str, layout: Layout) -> None:
    """The same calls again, once, and the same result: also of each further script."""
    plain, expected = run(ALL[name], layout, user="ada")
    batches, found = run(ALL[name], layout, user="ada", forgotten=True)
    assert found == expected
    rest = list(batches)
    for batch in plain:
        assert rest.pop(0) == batch
        if calls(batch):
            same(batch, rest.pop(0))
    assert rest == []


@each
def test_an_operation_is_the_same_each_time(name: str) -> None:
    """Nothing in a batch comes from a clock or from chance: sent again, it is the same bytes."""
    for layout in LAYOUTS:
        assert run(ALL[name], layout, user="ada") == run(ALL[name], layout, user="ada")


@each_mutation
@each_layout
def test_every_try_has_the_same_token(name: str, layout: Layout) -> None:
    """Also where a full log makes two of one append, or a script has to be loaded."""
    batches, _ = run(MUTATIONS[name], layout, forgotten=True)
    tokens = {
        key
        for batch in batches
        for command in batch.commands
        if command[0] in (b"EVALSHA", b"EVAL")
        for key in keys_of(command)
        if b":op:" in key
    }
    [token] = tokens
    assert TOKEN.encode() in token


SOURCE = Path(redialog.__file__).parent / "scripts"


def documented(name: str) -> tuple[list[str], int, bool]:
    """The keys that a script's header names, how many arguments, and whether more may follow."""
    text = (SOURCE / f"{name}.lua").read_text()
    header = text[: text.index("\n\n")]
    keys = re.findall(r"KEYS\[\d+\]\s+(\w+)", header)
    numbers = re.findall(r"ARGV\[(\d+)(\.\.)?\]", header)
    fixed = [int(number) for number, more in numbers if not more]
    return keys, len(fixed), len(fixed) < len(numbers)


def named(keys: SessionKeys, stages: set[bytes]) -> dict[str, set[bytes]]:
    """What a header's names stand for."""
    users = {keys.user} if keys.user else set()
    return {
        "log": {keys.log},
        "meta": {keys.meta},
        "op": {keys.op(TOKEN)},
        "lease": {keys.lease},
        "sessions": {keys.sessions},
        "user": users,
        "stage": stages,
    }


@each
@each_layout
@pytest.mark.parametrize("user", [None, "ada"])
def test_keys_and_arguments_stand_as_the_header_says(
    name: str, layout: Layout, user: str | None
) -> None:
    """Each key in the place that its script gives it, and no argument more or less."""
    keys = layout.session("chat", user)
    stages = {keys.stage(TOKEN), keys.stage(f"{TOKEN}.dddddddd.1700")}
    seen = 0
    for batch in run(ALL[name], layout, user=user)[0]:
        for command in batch.commands:
            if command[0] != b"EVALSHA":
                continue
            script = script_name(command)
            header, fixed, more = documented(script)
            count = len(arguments_of(command))
            assert count == fixed or (more and count > fixed), script
            if script == "drop" or ("fork" in name and script != "snapshot"):
                # Of another session.
                continue
            expected = named(keys, stages)
            given = keys_of(command)
            for role, key in zip(header, given, strict=False):
                assert key in expected[role], (script, role)
            # A title has no place in the catalogue, which lies with it all the same.
            assert set(given[len(header) :]) <= set(keys.catalogue())
            assert len(given) <= len(header) or script == "title"
            seen += 1
    assert seen or "fork" in name or name in ("count", "get", "get in vain", "everything")


@each_mutation
@each_layout
def test_what_is_refused_is_not_tried_again(name: str, layout: Layout) -> None:
    """Where even a script's text is answered with NOSCRIPT, that is an error and no loop."""
    case = MUTATIONS[name]
    refused = {script: [NOSCRIPT] for script in case.scripts}
    served = Served(case.log, refused)
    with pytest.raises(redialog.ServerError):
        answered(made(case, layout, "chat"), served, most=6)


@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=NAMES[:2])
@pytest.mark.parametrize("name", ["append", "replace", "touch"])
def test_an_owner_whom_the_handle_does_not_name_is_told(name: str, layout: Layout) -> None:
    """1 more round trip: the owner's catalogue notes the activity too."""
    case = MUTATIONS[name]
    of_ada = {
        script: [[*answers[0][:2], b"ada"]] if isinstance(answers[0], list) else answers
        for script, answers in case.scripts.items()
    }
    served = Served(case.log, of_ada)
    batches, _ = answered(made(case, layout, "chat"), served)
    assert len(batches) == case.own + 1
    [note] = batches[-1].commands
    keys = layout.session("chat", "ada")
    assert script_name(note) == "note"
    assert keys_of(note) == (keys.user,)
    assert arguments_of(note) == (b"chat", "")
    # The owner's own handle has told it in the same script.
    assert len(answered(made(case, layout, "chat", "ada"), Served(case.log, of_ada))[0]) == case.own


def test_a_note_of_another_users_session_is_taken_back() -> None:
    """In a shared layout it stands before the write that is refused."""
    case, layout = MUTATIONS["append"], LAYOUTS[2]
    keys = layout.session("chat", "bob")
    batches: list[Batch] = []

    def answer(batch: Batch) -> Any:
        batches.append(batch)
        return [1, CommandError("OWNER", "")] if len(batches) == 1 else [1]

    with pytest.raises(redialog.OwnerMismatch):
        answered(made(case, layout, "chat", "bob"), answer)
    assert batches[1].commands == ((b"ZREM", keys.user, b"chat"),)
    with pytest.raises(redialog.OwnerMismatch):
        play(made(case, LAYOUTS[0], "chat", "bob"), [CommandError("OWNER", "")])
