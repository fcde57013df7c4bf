"""Thousands of certificate-years, by fixed seeds: nothing that must hold is ever violated."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.scenario import generate
from simulation.shortest import trace
from simulation.world import World

SEEDS = 126
SHARDS = 42


@pytest.mark.parametrize("shard", range(SHARDS))
def test_nothing_that_must_hold_is_violated_in_any_life(shard: int) -> None:
    issued = runs_lost = refused = 0
    years = 0.0
    for seed in range(shard, SEEDS, SHARDS):
        scenario = generate(seed)
        world = World(scenario)
        world.live()
        if world.oracle.violations:
            pytest.fail(trace(scenario))
        years += scenario.certificate_years
        issued += world.oracle.certificates
        runs_lost += world.runs_lost
        refused += world.refused_runs
    # Lives without renewals, without a run that was killed, or without a second one beside it
    # would show nothing.
    assert runs_lost
    assert refused
    assert issued > 2 * years


def told() -> str:
    """A life, as a hash of all that came of it."""
    world = World(generate(4, share=0.3))
    world.live()
    lines = [
        world.runs, world.disk.effects, world.time.at, world.oracle.certificates,
        *((made.cert_id, made.not_before) for made in world.city.certificates),
        *((one.at, one.certificate, one.what) for one in world.store.history(limit=9999)),
        *((one.kind, one.certificate, one.what) for one in world.alerts.sent),
    ]  # fmt: skip
    assert world.oracle.certificates > 20
    return hashlib.sha256("\n".join(map(str, lines)).encode()).hexdigest()


def test_a_seed_is_the_same_life_again_in_every_process() -> None:
    program = "from simulation.test_lives import told\nprint(told())"
    lives = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(Path(__file__).parents[1]),
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(lives) == 1
