"""Whatever is done to a namespace, the server holds what the reference model says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.others import Others
from tests.model.real import SCRIPTS, Real
from tests.model.summarised import Summarised
from tests.support.servers import KINDS, Server

PROFILE = os.environ.get("HYPOTHESIS_PROFILE")
LONG = PROFILE == "long"
SETTINGS = settings(
    max_examples=500 if LONG else 12,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    database=None,
    print_blob=True,
    # To make a failure small takes minutes, and is done when it is asked for.
    phases=[Phase.generate, Phase.shrink] if PROFILE else [Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Many short runs go farther apart than a long one, which tries much alike. The same steps each
# time, so that a failure is the change's; others on each server.
RUNS: dict[type[Others], int] = {Others: 8, Summarised: 5}


@pytest.fixture(scope="module", params=KINDS)
def alone(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that nobody else uses."""
    with Server(request.param) as server:
        yield server


@pytest.mark.timeout(0 if PROFILE else 120)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_a_server_holds_what_the_model_says(alone: Server, shared: bool) -> None:
    """After each of any steps, every key; and every script has its part in it."""
    assert reached(Others, alone, shared) == SCRIPTS


@pytest.mark.timeout(0 if PROFILE else 120)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_summaries_are_what_the_model_says(alone: Server, shared: bool) -> None:
    """The same, where most steps fold, edit and cut: several summaries at a time come and go."""
    assert {"fold", "unfold", "view", "edit", "snapshot"} <= set(reached(Summarised, alone, shared))


def reached(machine: type[Others], server: Server, shared: bool) -> list[str]:
    """Which scripts have run, after many runs of a machine beside the model."""
    real = Real(server, shared=shared)

    def begin() -> Others:
        return machine(real)

    try:
        for run in range(1 if LONG else RUNS[machine]):
            factory = begin if LONG else seed(100 * KINDS.index(server.kind) + run)(begin)
            run_state_machine_as_test(cast(Any, factory), settings=SETTINGS)
        return sorted(real.transport.reached)
    finally:
        real.close()
