"""The simulation by random seeds, for as long as one likes.

python tests/simulation [--minutes M] [--seed N]: a seed that is given is replayed, with what
happened, and the shortest life that shows it. Exit status 1: something was violated.
"""

import argparse
import secrets
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulation.scenario import generate
from simulation.shortest import trace
from simulation.world import World


def say(text: str) -> None:
    """One or more lines, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Live on until the time is over, or something is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    lives, years, issued = 0, 0.0, 0
    while True:
        seed = options.seed if options.seed is not None else secrets.randbelow(2**48)
        scenario = generate(seed)
        world = World(scenario)
        world.live()
        if world.oracle.violations:
            say(f"seed {seed} shows a violation; looking for the shortest life")
            say(trace(scenario))
            return 1
        lives, years = lives + 1, years + scenario.certificate_years
        issued += world.oracle.certificates
        if options.seed is not None or time.monotonic() > end:
            say(f"{lives} lives, {years:.0f} certificate-years, {issued} certificates: all well")
            return 0


if __name__ == "__main__":
    sys.exit(main())
