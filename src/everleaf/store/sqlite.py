"""Standing, failures, limits and history in SQLite: nothing secret, everything durable."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock

from everleaf.core.backoff import Attempts
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Entry, Kind, Limit, Turn, turn
from everleaf.core.outcome import Due, Outcome
from everleaf.core.standing import Standing, after
from everleaf.errors import MachineError, OperatorError
from everleaf.ports import Event
from everleaf.store.codec import decode, encode
from everleaf.store.history import event_of
from everleaf.store.layout import PRIVATE, Layout
from everleaf.system import files

SCHEMA = 3
_LEDGER = """
CREATE TABLE ledger (account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  at TEXT NOT NULL);
CREATE INDEX ledger_by_account ON ledger (account, at);
CREATE TABLE notes (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
_TABLES = """
CREATE TABLE standing (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE attempts (identifiers TEXT PRIMARY KEY, failures INTEGER NOT NULL, last TEXT)
  WITHOUT ROWID;
CREATE TABLE limits (account TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE history (id INTEGER PRIMARY KEY, at TEXT NOT NULL, certificate TEXT NOT NULL,
  stage TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX history_by_certificate ON history (certificate, id);
"""
_NOT_BEFORE = "ALTER TABLE attempts ADD COLUMN not_before TEXT;"
# What leads from each form of the database to this one.
_STEPS = (
    _TABLES + _LEDGER + _NOT_BEFORE,
    "ALTER TABLE limits RENAME COLUMN authority TO account;" + _LEDGER + _NOT_BEFORE,
    _NOT_BEFORE,
)
_KEPT = timedelta(days=31)


class SqliteStore:
    """`ports.Store`: `state.sqlite`, rollback journal, synchronous.

    Args:
        state_dir: the state directory.
        reading: nothing is created or written; where there is no file nothing is known.
    """

    def __init__(self, state_dir: Path, *, reading: bool = False) -> None:
        self._path = Layout(state_dir).database
        self._reading = reading
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
        return Attempts(row[0], _time(row[1]), _time(row[2])) if row else Attempts()

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
        return _time(row[0]) if row else None

    def set_limited(self, account: str, until: datetime) -> None:
        """Keep it; an earlier one changes nothing."""
        with self._session(writing=True) as one:
            one.execute(
                "INSERT INTO limits VALUES (?, ?) ON CONFLICT (account)"
                " DO UPDATE SET until = max(until, excluded.until)",
                (account, _text(until)),
            )

    def counted(self, account: str) -> tuple[Entry, ...]:
        """What counted against limits of this account."""
        with self._session() as one:
            return self._counted(one, account)

    @staticmethod
    def _counted(one: sqlite3.Connection, account: str) -> tuple[Entry, ...]:
        query = "SELECT kind, key, at FROM ledger WHERE account = ? ORDER BY at"
        return tuple(
            Entry(kind=Kind(kind), key=key, at=datetime.fromisoformat(at))
            for kind, key, at in one.execute(query, (account,))
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
            "SELECT at, certificate, stage, what, detail FROM history"
            " WHERE ?1 IS NULL OR certificate = ?1 ORDER BY id DESC LIMIT ?2"
        )
        with self._session() as one:
            rows = one.execute(query, (name, limit)).fetchall()
        return tuple(
            Event(
                at=datetime.fromisoformat(at),
                certificate=certificate,
                stage=stage,
                what=what,
                detail=json.loads(detail),
            )
            for at, certificate, stage, what, detail in reversed(rows)
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
            self._open = self._connect()
        return self._open

    def _connect(self) -> sqlite3.Connection:
        if self._reading and not self._path.exists():
            one = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            one.executescript(_STEPS[0])
            return one
        if not self._reading and not self._path.exists():
            files.folder(self._path.parent, 0o711)
            files.write(self._path, b"", PRIVATE)
        # Only who may write can roll back what a killed run left half written.
        may_write = not self._reading or os.access(self._path, os.W_OK)
        uri = f"{self._path.absolute().as_uri()}?mode={'rw' if may_write else 'ro'}"
        one = sqlite3.connect(
            uri, uri=True, check_same_thread=False, isolation_level=None, timeout=30
        )
        one.execute("PRAGMA synchronous = FULL")
        one = self._of_this_form(one)
        if self._reading:
            one.execute("PRAGMA query_only = ON")
        return one

    def _of_this_form(self, one: sqlite3.Connection) -> sqlite3.Connection:
        (version,) = one.execute("PRAGMA user_version").fetchone()
        if version == SCHEMA:
            return one
        if version > SCHEMA:
            raise OperatorError(
                f"the state was written by a newer everleaf (form {version}, this one: {SCHEMA})",
                code="newer-state",
                where=str(self._path),
                remedy="Run that everleaf again, or restore the state of this one",
            )
        if self._reading:
            if version == 0:
                raise OperatorError(
                    "the state is that of a run that was just begun",
                    code="state",
                    where=str(self._path),
                )
            one = _copy(one)
        step = _STEPS[version]
        one.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version = {SCHEMA};COMMIT;")
        return one


def _copy(one: sqlite3.Connection) -> sqlite3.Connection:
    """The same database in memory, for whoever may only read the file."""
    copied = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    one.backup(copied)
    one.close()
    return copied


def _text(at: datetime) -> str:
    """A time in the form in which times are compared as text."""
    return at.isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
