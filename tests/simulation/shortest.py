"""The shortest life that shows a violation, found by leaving incidents out."""

import os
from dataclasses import replace

from fakes.clock import START
from simulation.scenario import DAY, Kind, Scenario
from simulation.world import World


def violations(scenario: Scenario) -> list[str]:
    """What was violated in this life, with the moment; nothing, where all was well."""
    world = World(scenario)
    world.live()
    at = (world.time.at - START) / DAY
    return [f"day {at:.3f}: {one}" for one in world.oracle.violations]


def shortest(scenario: Scenario) -> Scenario:
    """The same violation with as few incidents as single removals lead to."""
    world = World(scenario)
    world.live()
    kinds = {_kind(one) for one in world.oracle.violations}
    since = world.time.at - START
    scenario = replace(scenario, span=since)
    scenario = scenario.only([one for one in scenario.incidents if one.at <= since])

    def shows(fewer: Scenario) -> bool:
        return bool(kinds & {_kind(one) for one in violations(fewer)})

    for kind in Kind:
        fewer = scenario.only([one for one in scenario.incidents if one.kind is not kind])
        scenario = fewer if shows(fewer) else scenario
    size = max(1, len(scenario.incidents) // 2)
    while size:
        place = 0
        while place < len(scenario.incidents):
            known = scenario.incidents
            fewer = scenario.only([*known[:place], *known[place + size :]])
            if shows(fewer):
                scenario = fewer
            else:
                place += size
        size //= 2
    return scenario


def _kind(violation: str) -> str:
    """The words of a violation without moment and names."""
    return violation.rpartition(": ")[2]


def trace(scenario: Scenario) -> str:
    """A violation for people: what happened, the shortest life that shows it, how to replay it."""
    small = shortest(scenario)
    return os.linesep.join(
        [*violations(scenario), "the shortest life that shows it:", str(small), *violations(small)]
    )
