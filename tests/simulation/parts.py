"""Parts of the simulated world: what a killed run starts no more, our clock, keys by a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec

from everleaf.core.job import Holding, Trace
from everleaf.core.wanted import KeyType, Wanted
from everleaf.ports import Challenge, Changed, HookResult
from fakes.clock import TurnedClock
from fakes.edges import Edges
from fakes.hierarchy import Hierarchy
from fakes.shelf import MemoryShelf
from fakes.solver import MemorySolver
from support import forge

POOL = 1009
Enter = Callable[[str], None]


def nothing(_: str) -> None:
    """Nothing happens."""


class Quiet:
    """Events that nobody reads."""

    def say(self, level: str, event: str, **fields: object) -> None:
        """Nothing."""

    def progress(self, certificate: str, stage: str, state: str) -> None:
        """Nothing."""


@dataclass(slots=True)
class Servers(Edges):
    """Edges whose hooks are effects: a killed run starts none."""

    enter: Enter = nothing

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self.enter("check")
        return Edges.check(self, terminator, changed)

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self.enter("reload")
        self.calls.clear()
        return Edges.reload(self, terminator, changed)


@dataclass(slots=True)
class Responder(MemorySolver):
    """A solver whose responses are effects too."""

    enter: Enter = nothing

    def present(self, trace: Trace, challenge: Challenge) -> None:
        self.enter("present")
        MemorySolver.present(self, trace, challenge)

    def remove(self, trace: Trace) -> None:
        self.enter("remove")
        MemorySolver.remove(self, trace)


@dataclass(slots=True)
class OurClock:
    """The port `Clock`: the world's time as this machine has it."""

    world: TurnedClock
    off: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.world.now() + self.off

    def monotonic(self) -> float:
        return self.world.monotonic()

    def sleep(self, span: float) -> None:
        self.world.sleep(span)

    def remaining(self) -> timedelta:
        return self.world.remaining()


@dataclass(slots=True)
class QuickShelf(MemoryShelf):
    """A shelf that reads a certificate with nothing under way once, until something changes."""

    _read: dict[str, tuple[object, Holding]] = field(default_factory=dict)

    def holding(self, wanted: Wanted) -> Holding:
        name = wanted.name
        if name in self._desks:
            return MemoryShelf.holding(self, wanted)
        versions = self._versions.get(name, {})
        state = (self._live.get(name), len(versions), next(reversed(versions), None))
        known = self._read.get(name)
        if known is None or known[0] != state:
            known = self._read[name] = (state, MemoryShelf.holding(self, wanted))
        return known[1]


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    # Any number below the curve's order is a private key.
    return ec.derive_private_key(number * 2**200 + 1, ec.SECP256R1())


@cache
def _pem(number: int) -> bytes:
    return forge.pem_of(_key(number))


@dataclass(slots=True)
class PooledKeys:
    """The port `Keys`: the same keys again from the same seed, and no key soon again."""

    dice: Random
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.dice.randrange(POOL)

    def generate(self, key_type: KeyType) -> bytes:
        assert key_type is KeyType.ECDSA_P256
        self._next = (self._next + 1) % POOL
        return _pem(self._next + 1)


class Foundry(Hierarchy):
    """A hierarchy with keys and serials by a seed; signatures alone are never the same again."""

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self._dice = dice
        self._key = _key(POOL + 1)
        self.root, self.intermediate = self._below("Root")

    def serial(self) -> int:
        return self._dice.getrandbits(128) + 1
