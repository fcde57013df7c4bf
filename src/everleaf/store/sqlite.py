"""Standing, failures, limits and history in SQLite: nothing secret, everything durable."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock

from everleaf.core.backoff import Attempts, later
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Entry, Kind, Limit, Turn, turn
from everleaf.core.outcome import Due, Outcome
from everleaf.core.standing import Standing, after
from everleaf.errors import MachineError
from everleaf.ports import Event
from everleaf.store.codec import decode, encode
from everleaf.store.database import DamagedError, connect, put_aside
from everleaf.store.history import event_of
from everleaf.store.layout import Layout

_KEPT = timedelta(days=31)


class SqliteStore:
    """`ports.Store`: `state.sqlite`, rollback journal, synchronous.

    Args:
        state_dir: the state directory.
        reading: nothing is created or written; where there is no file nothing is known.
        aside: told of the place where a damaged database was put, and a new one begun.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        reading: bool = False,
        aside: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._path = Layout(state_dir).database
        self._reading = reading
        self._aside = aside
        self._mutex = RLock()
        self._open: sqlite3.Connection | None = None

    def standing(self, name: str) -> Standing:
        """Where `name` stands."""
        with self._session() as one:
            return self._standing(one, name)

    def names(self) -> tuple[str, ...]:
        """All certificates with a standing."""
        with self._session() as one:
            return tuple(row[0] for row in one.execute("SELECT name FROM standing ORDER BY name"))

    def record(
        self, name: str, stage: Stage, outcome: Outcome, now: datetime, due: Due | None = None
    ) -> Standing:
        """Write an outcome into standing and history."""
        event = event_of(name, stage, outcome, now, due)
        return self.change(name, lambda known: after(known, stage, outcome, now), event)

    def change(
        self, name: str, change: Callable[[Standing], Standing], event: Event | None = None
    ) -> Standing:
        """Read, change and write the standing."""
        with self._session(writing=True) as one:
            before = self._standing(one, name)
            standing = change(before)
            if standing != before:
                text = encode(standing).decode()
                one.execute("REPLACE INTO standing VALUES (?, ?)", (name, text))
            if event is not None:
                detail = json.dumps(dict(event.detail), ensure_ascii=False)
                row = (event.at.isoformat(), event.certificate, event.stage, event.what, detail)
                one.execute(
                    "INSERT INTO history (at, certificate, stage, what, detail)"
                    " VALUES (?, ?, ?, ?, ?)",
                    row,
                )
        return standing

    def _standing(self, one: sqlite3.Connection, name: str) -> Standing:
        row = one.execute("SELECT document FROM standing WHERE name = ?", (name,)).fetchone()
        return decode(Standing, row[0], f"{self._path}, {name}") if row else Standing(name=name)

    def attempts(self, identifiers: str) -> Attempts:
        """Failures for a set of identifiers."""
        query = "SELECT failures, last, not_before FROM attempts WHERE identifiers = ?"
        with self._session() as one:
            row = one.execute(query, (identifiers,)).fetchone()
        with self._undamaged(f"what is counted for {identifiers}"):
            return Attempts(int(row[0]), _time(row[1]), _time(row[2])) if row else Attempts()

    def set_attempts(self, identifiers: str, attempts: Attempts) -> None:
        """Write failures; none forgets them."""
        with self._session(writing=True) as one:
            if attempts == Attempts():
                one.execute("DELETE FROM attempts WHERE identifiers = ?", (identifiers,))
            else:
                times = [
                    at.isoformat() if at else None for at in (attempts.last, attempts.not_before)
                ]
                row = (identifiers, attempts.failures, *times)
                one.execute("REPLACE INTO attempts VALUES (?, ?, ?, ?)", row)

    def limited_until(self, account: str) -> datetime | None:
        """The kept `Retry-After` of a 429."""
        with self._session() as one:
            query = "SELECT until FROM limits WHERE account = ?"
            row = one.execute(query, (account,)).fetchone()
        with self._undamaged(f"the limit of {account}"):
            return _time(row[0]) if row else None

    def set_limited(self, account: str, until: datetime) -> None:
        """Keep it; an earlier one changes nothing, unless the known one was an error."""
        with self._session(writing=True) as one:
            until = later(self.limited_until(account), until)
            one.execute("REPLACE INTO limits VALUES (?, ?)", (account, _text(until)))

    def counted(self, account: str) -> tuple[Entry, ...]:
        """What counted against limits of this account."""
        with self._session() as one:
            return self._counted(one, account)

    def _counted(self, one: sqlite3.Connection, account: str) -> tuple[Entry, ...]:
        query = "SELECT kind, key, at FROM ledger WHERE account = ? ORDER BY at"
        rows = one.execute(query, (account,)).fetchall()
        with self._undamaged(f"what is counted for {account}"):
            return tuple(
                Entry(kind=Kind(kind), key=key, at=datetime.fromisoformat(at))
                for kind, key, at in rows
            )

    def count(self, account: str, entries: Sequence[Entry]) -> None:
        """Write down what counts."""
        with self._session(writing=True) as one:
            self._count(one, account, entries)

    @staticmethod
    def _count(one: sqlite3.Connection, account: str, entries: Sequence[Entry]) -> None:
        rows = [(account, entry.kind.value, entry.key, _text(entry.at)) for entry in entries]
        one.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?)", rows)
        if rows:
            last = max(entry.at for entry in entries)
            one.execute("DELETE FROM ledger WHERE at < ?", (_text(last - _KEPT),))

    def claim(self, account: str, claim: Claim, limits: Sequence[Limit], now: datetime) -> Turn:
        """A turn, and where it is now the order counted."""
        with self._session(writing=True) as one:
            mine = turn(claim, self._counted(one, account), limits, now)
            if mine.at <= now:
                self._count(one, account, claim.entries(Kind.ORDERS, now))
            return mine

    def noted(self, key: str) -> str:
        """What was noted for the whole state."""
        with self._session() as one:
            row = one.execute("SELECT text FROM notes WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def note(self, key: str, text: str) -> None:
        """Note it."""
        if self.noted(key) != text:
            with self._session(writing=True) as one:
                one.execute("REPLACE INTO notes VALUES (?, ?)", (key, text))

    def history(self, name: str | None = None, limit: int = 200) -> tuple[Event, ...]:
        """Events, newest last."""
        query = (
            "SELECT id, at, certificate, stage, what, detail FROM history"
            " WHERE ?1 IS NULL OR certificate = ?1 ORDER BY id DESC LIMIT ?2"
        )
        with self._session() as one:
            rows = one.execute(query, (name, limit)).fetchall()
        return tuple(self._event(number, row) for number, *row in reversed(rows))

    def _event(self, number: int, row: Sequence[str]) -> Event:
        at, certificate, stage, what, detail = row
        with self._undamaged(f"row {number} of the history"):
            return Event(
                at=datetime.fromisoformat(at),
                certificate=str(certificate),
                stage=str(stage),
                what=str(what),
                detail={str(key): str(text) for key, text in json.loads(detail).items()},
            )

    def forget(self, name: str) -> None:
        """Remove standing and history of `name`."""
        with self._session(writing=True) as one:
            one.execute("DELETE FROM standing WHERE name = ?", (name,))
            one.execute("DELETE FROM history WHERE certificate = ?", (name,))

    def rename(self, old: str, new: str) -> None:
        """Let standing and history of `old` be those of `new`."""
        with self._session(writing=True) as one:
            row = one.execute("SELECT 1 FROM standing WHERE name = ?", (old,)).fetchone()
            if row:
                text = encode(replace(self._standing(one, old), name=new)).decode()
                one.execute("REPLACE INTO standing VALUES (?, ?)", (new, text))
                one.execute("DELETE FROM standing WHERE name = ?", (old,))
            one.execute("UPDATE history SET certificate = ? WHERE certificate = ?", (new, old))

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                one = self._connection()
                if not writing:
                    yield one
                    return
                one.execute("BEGIN IMMEDIATE")
                try:
                    yield one
                    one.execute("COMMIT")
                except BaseException:
                    if one.in_transaction:
                        one.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise MachineError(
                    f"the state cannot be read or written: {error}",
                    code="state",
                    where=str(self._path),
                    remedy="See that the disk has room and that the file belongs to everleaf",
                ) from error

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            try:
                self._open = connect(self._path, reading=self._reading)
            except DamagedError:
                if self._reading:
                    raise
                self._aside(put_aside(self._path))
                self._open = connect(self._path, reading=False)
        return self._open

    @contextmanager
    def _undamaged(self, what: str) -> Iterator[None]:
        """A row that is not as it was written is named, with the file that it stands in."""
        try:
            yield
        except (ValueError, TypeError, AttributeError) as error:
            raise MachineError(
                f"{what} is not what everleaf wrote: {error}",
                code="damaged-state",
                where=str(self._path),
                remedy="Restore the file from a backup, or remove what is damaged",
            ) from error


def _text(at: datetime) -> str:
    """A time in the form in which times are compared as text."""
    return at.isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
