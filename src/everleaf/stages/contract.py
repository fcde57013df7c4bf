"""The form of a stage, and the tools that its act may use."""

from typing import Protocol

from everleaf import ports
from everleaf.core.job import Job
from everleaf.core.limits import Limit
from everleaf.core.outcome import Look, Outcome
from everleaf.core.rehearsed import Rehearsed


class Tools(Protocol):
    """All ways to touch the world; each is built when it is first used."""

    @property
    def clock(self) -> ports.Clock:
        """The time."""
        ...

    @property
    def randomness(self) -> ports.Randomness:
        """The dice."""
        ...

    @property
    def store(self) -> ports.Store:
        """Standing, failures, limits, history."""
        ...

    @property
    def shelf(self) -> ports.Shelf:
        """Keys, orders and versions on disk."""
        ...

    @property
    def keys(self) -> ports.Keys:
        """New private keys."""
        ...

    @property
    def terminators(self) -> ports.Terminators:
        """Deploy hooks."""
        ...

    @property
    def resolver(self) -> ports.Resolver:
        """Addresses of endpoints."""
        ...

    @property
    def probe(self) -> ports.Probe:
        """TLS servers seen from outside."""
        ...

    @property
    def diagnostician(self) -> ports.Diagnostician:
        """What is wrong with a TLS server."""
        ...

    @property
    def alerts(self) -> ports.Alerts:
        """Whoever is to be told."""
        ...

    @property
    def events(self) -> ports.Events:
        """Logs and progress."""
        ...

    @property
    def executor(self) -> ports.Executor:
        """Threads."""
        ...

    def authority(self, name: str) -> ports.Authority:
        """The authority of this name in the configuration."""
        ...

    def accounts(self, authority: str) -> ports.Accounts:
        """Our account at this authority."""
        ...

    def account(self, authority: str) -> str:
        """Our account's URL there, as far as it is known without asking; else its name."""
        ...

    def limits(self, authority: str) -> tuple[Limit, ...]:
        """What this authority publishes, and we count."""
        ...

    def solver(self, name: str) -> ports.Solver:
        """The solver of this name in the configuration."""
        ...

    def is_public(self, authority: str) -> bool:
        """Whether browsers have to take what this authority issues."""
        ...

    def rehearsed(self, name: str) -> Rehearsed:
        """What the last rehearsal of this certificate came to."""
        ...

    def roots(self, authority: str) -> tuple[bytes, ...]:
        """The roots (DER) that chains of this authority are built to."""
        ...


class StageModule(Protocol):
    """One stage: a module with two functions."""

    def look(self, job: Job) -> Look:
        """What is to be done; pure and cheap."""
        ...

    def act(self, job: Job, tools: Tools) -> Outcome:
        """Do what is due."""
        ...
