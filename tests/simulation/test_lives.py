"""Thousands of certificate-years, by fixed seeds: nothing that must hold is ever violated."""

import pytest

from simulation.scenario import generate
from simulation.world import World, trace

SEEDS = 384
SHARDS = 48


@pytest.mark.parametrize("shard", range(SHARDS))
def test_nothing_that_must_hold_is_violated_in_any_life(shard: int) -> None:
    years = issued = 0.0
    runs_lost = 0
    for seed in range(shard, SEEDS, SHARDS):
        scenario = generate(seed)
        world = World(scenario)
        world.live()
        if world.oracle.violations:
            pytest.fail(trace(scenario))
        years += scenario.certificate_years
        issued += world.oracle.certificates
        runs_lost += world.runs_lost
    # Lives without renewals, or without a run that was killed, would show nothing.
    assert runs_lost
    assert issued > 3 * years


def test_a_seed_is_the_same_life_again() -> None:
    lives = [World(generate(11, years=0.5)) for _ in range(2)]
    for world in lives:
        world.live()
    one, other = lives
    assert one.runs == other.runs
    assert one.disk.effects == other.disk.effects
    assert one.clock.at == other.clock.at
    assert [made.not_after for made in one.city.certificates] == [
        made.not_after for made in other.city.certificates
    ]
