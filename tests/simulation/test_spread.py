"""A fleet issued within an hour is renewed all over the window."""

from datetime import timedelta

import pytest

from simulation.scenario import DAY, HOUR, Scenario
from simulation.world import World

SIZE = 200


@pytest.mark.rule("ARI-6")
def test_the_renewals_of_a_fleet_are_spread_evenly_over_the_window() -> None:
    quiet = Scenario(seed=1, span=33 * DAY, wake=HOUR, lifetimes=(45,) * SIZE)
    world = World(quiet)
    world.city.limits = ()
    world.live()
    assert not world.oracle.violations
    first, second = world.city.certificates[:SIZE], world.city.certificates[SIZE:]
    assert len(second) == SIZE
    issued = [one.not_before for one in first]
    assert max(issued) - min(issued) < HOUR
    window = world.city.window(first[0])
    length = window.end - window.start
    shares = sorted((one.not_before - window.start) / length for one in second)
    # Kolmogorov and Smirnov: at this distance from uniform fewer than one in a hundred lie.
    distance = max(
        max(abs((place + 1) / SIZE - share), abs(place / SIZE - share))
        for place, share in enumerate(shares)
    )
    assert distance < 1.63 / SIZE**0.5
    busiest = max(
        sum(1 for one in second if at <= one.not_before < at + timedelta(hours=1))
        for at in (window.start + hour * HOUR for hour in range(int(length / HOUR)))
    )
    assert busiest < SIZE / 10
