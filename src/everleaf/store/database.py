"""The database of the state directory: opened, and brought to the form that this everleaf knows."""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from everleaf.errors import MachineError, OperatorError
from everleaf.store.layout import PRIVATE
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


class DamagedError(MachineError):
    """The file is no whole database."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "the state is damaged",
            code="damaged-state",
            where=where,
            remedy="The next run puts it aside, and goes on with what stands beside the versions; "
            "or restore it from a backup",
        )


def connect(path: Path, *, reading: bool) -> sqlite3.Connection:
    """A connection.

    Args:
        path: of the file; it is created where it is missing.
        reading: nothing is created or written; where there is no file nothing is known.

    Raises:
        OperatorError: it may not be reached, or a newer everleaf wrote it.
        DamagedError: it is no whole database.
        sqlite3.Error: it is locked, or the disk is damaged.
    """
    is_there = files.is_there(path)
    if reading and not is_there:
        one = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        one.executescript(_STEPS[0])
        return one
    if not is_there:
        files.folder(path.parent, 0o711)
        files.write(path, b"", PRIVATE)
    # Only who may write can roll back what a killed run left half written.
    may_write = not reading or os.access(path, os.W_OK)
    uri = f"{path.absolute().as_uri()}?mode={'rw' if may_write else 'ro'}"
    one = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
    if is_damaged(one):
        one.close()
        raise DamagedError(str(path))
    one.execute("PRAGMA synchronous = FULL")
    one = _of_this_form(one, path, reading=reading)
    if reading:
        one.execute("PRAGMA query_only = ON")
    return one


def is_damaged(one: sqlite3.Connection) -> bool:
    """Whether the file holds something else than a whole database."""
    try:
        return bool(one.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        # Locked, full, not to be opened: all of that is no damage.
        return not isinstance(error, sqlite3.OperationalError)


def put_aside(path: Path) -> Path:
    """Move a damaged database, and what it was writing, out of the way; the new path.

    What cannot be had again from the versions on disk is counts and history.
    """
    now = datetime.now(UTC)
    aside = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}")
    with files.told(path):
        path.rename(aside)
        journal = path.with_name(f"{path.name}-journal")
        if journal.exists():
            journal.rename(aside.with_name(f"{aside.name}-journal"))
        files.sync(path.parent)
    return aside


def _of_this_form(one: sqlite3.Connection, path: Path, *, reading: bool) -> sqlite3.Connection:
    (version,) = one.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA:
        return one
    if version > SCHEMA:
        raise OperatorError(
            f"the state was written by a newer everleaf (form {version}, this one: {SCHEMA})",
            code="newer-state",
            where=str(path),
            remedy="Run that everleaf again, or restore the state of this one",
        )
    if reading:
        if version == 0:
            raise OperatorError(
                "the state is that of a run that was just begun", code="state", where=str(path)
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
