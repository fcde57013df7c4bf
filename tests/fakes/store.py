"""A store in memory: the same promise as SQLite's, without a disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from everleaf.core.backoff import Attempts, later
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Entry, Kind, Limit, Turn, turn
from everleaf.core.outcome import Due, Outcome
from everleaf.core.standing import Standing, after
from everleaf.ports import Event
from everleaf.store.history import event_of
from fakes.disk import Disk


@dataclass(slots=True)
class MemoryStore:
    """The port `Store`. It outlives a killed run, as a file does."""

    disk: Disk = field(default_factory=Disk)
    _standings: dict[str, Standing] = field(default_factory=dict)
    _attempts: dict[str, Attempts] = field(default_factory=dict)
    _limits: dict[str, datetime] = field(default_factory=dict)
    _ledger: dict[str, list[Entry]] = field(default_factory=dict)
    _notes: dict[str, str] = field(default_factory=dict)
    _history: list[Event] = field(default_factory=list)
    _mutex: Any = field(default_factory=RLock, repr=False)

    def standing(self, name: str) -> Standing:
        return self._standings.get(name) or Standing(name=name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._standings))

    def record(
        self, name: str, stage: Stage, outcome: Outcome, now: datetime, due: Due | None = None
    ) -> Standing:
        event = event_of(name, stage, outcome, now, due)
        return self.change(name, lambda known: after(known, stage, outcome, now), event)

    def change(
        self, name: str, change: Callable[[Standing], Standing], event: Event | None = None
    ) -> Standing:
        with self._mutex:
            before = self.standing(name)
            standing = change(before)
            if standing != before or event is not None:
                self.disk.write(f"standing of {name}")
            if standing != before:
                self._standings[name] = standing
            if event is not None:
                self._history.append(event)
            return standing

    def attempts(self, identifiers: str) -> Attempts:
        return self._attempts.get(identifiers, Attempts())

    def set_attempts(self, identifiers: str, attempts: Attempts) -> None:
        with self._mutex:
            self.disk.write(f"attempts for {identifiers}")
            self._attempts[identifiers] = attempts

    def limited_until(self, account: str) -> datetime | None:
        return self._limits.get(account)

    def set_limited(self, account: str, until: datetime) -> None:
        with self._mutex:
            self.disk.write(f"limit of {account}")
            self._limits[account] = later(self._limits.get(account), until)

    def counted(self, account: str) -> tuple[Entry, ...]:
        return tuple(sorted(self._ledger.get(account, []), key=lambda one: one.at))

    def count(self, account: str, entries: Sequence[Entry]) -> None:
        with self._mutex:
            if not entries:
                return
            self.disk.write(f"ledger of {account}")
            oldest = max(one.at for one in entries) - timedelta(days=31)
            known = [one for one in self._ledger.get(account, []) if one.at >= oldest]
            self._ledger[account] = [*known, *entries]

    def claim(self, account: str, claim: Claim, limits: Sequence[Limit], now: datetime) -> Turn:
        with self._mutex:
            mine = turn(claim, self.counted(account), limits, now)
            if mine.at <= now:
                self.count(account, claim.entries(Kind.ORDERS, now))
            return mine

    def noted(self, key: str) -> str:
        return self._notes.get(key, "")

    def note(self, key: str, text: str) -> None:
        with self._mutex:
            if self.noted(key) != text:
                self.disk.write(f"note {key}")
                self._notes[key] = text

    def history(self, name: str | None = None, limit: int = 200) -> tuple[Event, ...]:
        found = [one for one in self._history if name in (None, one.certificate)]
        return tuple(found[-limit:])

    def rename(self, old: str, new: str) -> None:
        with self._mutex:
            self.disk.write(f"rename {old} to {new}")
            if old in self._standings:
                self._standings[new] = replace(self._standings.pop(old), name=new)
            self._history = [
                replace(one, certificate=new) if one.certificate == old else one
                for one in self._history
            ]

    def forget(self, name: str) -> None:
        with self._mutex:
            self.disk.write(f"forget {name}")
            self._standings.pop(name, None)
            self._history = [one for one in self._history if one.certificate != name]
