"""Layouts and databases of other versions: brought forward, or refused and left alone."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.core.backoff import Attempts
from everleaf.core.limits import Entry, Kind
from everleaf.errors import MachineError, OperatorError
from everleaf.store.database import SCHEMA
from everleaf.store.form import STEPS, bring_forward, refuse_newer, version
from everleaf.store.sqlite import SqliteStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = """
CREATE TABLE standing (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE attempts (identifiers TEXT PRIMARY KEY, failures INTEGER NOT NULL, last TEXT)
  WITHOUT ROWID;
CREATE TABLE limits (authority TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE history (id INTEGER PRIMARY KEY, at TEXT NOT NULL, certificate TEXT NOT NULL,
  stage TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX history_by_certificate ON history (certificate, id);
"""
SECOND = (
    FIRST.replace("(authority", "(account")
    + """
CREATE TABLE ledger (account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  at TEXT NOT NULL);
CREATE INDEX ledger_by_account ON ledger (account, at);
CREATE TABLE notes (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO ledger VALUES ('ca', 'orders', '', '2026-03-01T11:00:00.000000+00:00');
INSERT INTO notes VALUES ('key', 'word');
"""
)
ROWS = """
INSERT INTO standing VALUES ('www', '{"name": "www", "settled": "v1", "taken": {"nginx":
  {"version": "v1", "at": "2026-03-01T11:00:00Z"}}, "observations": [{"endpoint": "a.test:443",
  "address": "192.0.2.1:443", "sight": "confirmed", "at": "2026-03-01T11:00:00Z",
  "version": "v1"}]}');
INSERT INTO attempts VALUES ('dns:a.test', 2, '2026-03-01T11:00:00+00:00');
INSERT INTO limits VALUES ('ca', '2026-03-01T13:00:00+00:00');
INSERT INTO history (at, certificate, stage, what, detail)
  VALUES ('2026-03-01T11:00:00+00:00', 'www', 'confirm', 'done', '{"note": "seen"}');
"""


@pytest.mark.parametrize(("form", "tables"), [(1, FIRST), (2, SECOND)])
@pytest.mark.parametrize("reading", [True, False])
def test_a_database_of_an_earlier_form_is_read_whole_and_brought_forward(
    tmp_path: Path, form: int, tables: str, reading: bool
) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as one:
        one.executescript(f"{tables}{ROWS}PRAGMA user_version = {form};")
    one.close()
    before = path.read_bytes()
    store = SqliteStore(tmp_path, reading=reading)
    standing = store.standing("www")
    assert (standing.settled, standing.took("nginx").version) == ("v1", "v1")
    assert [seen.address for seen in standing.observations] == ["192.0.2.1:443"]
    assert store.attempts("dns:a.test") == Attempts(2, NOW - timedelta(hours=1))
    assert store.limited_until("ca") == NOW + timedelta(hours=1)
    assert [event.detail for event in store.history()] == [{"note": "seen"}]
    ordered = Entry(kind=Kind.ORDERS, key="", at=NOW - timedelta(hours=1))
    assert store.counted("ca") == ((ordered,) if form > 1 else ())
    assert store.noted("key") == ("word" if form > 1 else "")
    if reading:
        assert path.read_bytes() == before
        return
    store.set_attempts("dns:a.test", Attempts(3, NOW, NOW + timedelta(days=1)))
    store.note("key", "other")
    with sqlite3.connect(path) as one:
        assert one.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    one.close()
    again = SqliteStore(tmp_path)
    assert again.attempts("dns:a.test").not_before == NOW + timedelta(days=1)
    assert again.noted("key") == "other"


def test_a_directory_says_the_version_of_its_layout_and_one_that_does_not_is_of_the_first(
    tmp_path: Path,
) -> None:
    assert version(tmp_path) == 1
    refuse_newer(tmp_path)
    assert list(tmp_path.iterdir()) == []
    bring_forward(tmp_path)
    assert (tmp_path / "layout").read_text() == f"{1 + len(STEPS)}\n"
    assert version(tmp_path) == 1 + len(STEPS)


def test_an_older_layout_is_brought_forward_step_by_step_and_goes_on_where_it_was_cut_short(
    tmp_path: Path,
) -> None:
    done: list[str] = []

    def fail(root: Path) -> None:
        done.append(f"failed at {version(root)}")
        raise MachineError("no room", code="disk-full")

    steps = [lambda _: done.append("to 2"), fail, lambda _: done.append("to 4")]
    with pytest.raises(MachineError):
        bring_forward(tmp_path, steps)
    assert version(tmp_path) == 2
    steps[1] = lambda _: done.append("to 3")
    bring_forward(tmp_path, steps)
    assert done == ["to 2", "failed at 2", "to 3", "to 4"]
    assert version(tmp_path) == 4


def test_a_newer_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("99\n")
    for call in (refuse_newer, bring_forward):
        with pytest.raises(OperatorError, match="newer everleaf") as caught:
            call(tmp_path)
        assert caught.value.fault.where == str(tmp_path)
    assert (tmp_path / "layout").read_text() == "99\n"


def test_what_is_no_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("junk")
    with pytest.raises(MachineError, match="not what everleaf wrote") as caught:
        version(tmp_path)
    assert caught.value.fault.where == str(tmp_path / "layout")
