"""What only the database on disk can do: be new, damaged, of another form, or only read."""

import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from everleaf.core.standing import Standing
from everleaf.errors import MachineError, OperatorError
from everleaf.store.database import SCHEMA
from everleaf.store.sqlite import SqliteStore


def filled(folder: Path) -> Path:
    SqliteStore(folder).change("www", lambda known: replace(known, settled="1"))
    return folder / "state.sqlite"


def test_it_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = filled(tmp_path / "state")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o711


def test_reading_creates_nothing(tmp_path: Path) -> None:
    assert SqliteStore(tmp_path / "state", reading=True).standing("www") == Standing(name="www")
    assert list(tmp_path.iterdir()) == []


def test_reading_sees_what_a_run_wrote_and_cannot_write(tmp_path: Path) -> None:
    filled(tmp_path)
    reading = SqliteStore(tmp_path, reading=True)
    assert reading.standing("www").settled == "1"
    with pytest.raises(MachineError, match="readonly"):
        reading.change("www", lambda known: replace(known, settled="2"))


def test_the_state_of_a_newer_everleaf_is_left_alone(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as one:
        one.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    one.close()
    before = path.read_bytes()
    with pytest.raises(OperatorError, match="newer everleaf") as caught:
        SqliteStore(tmp_path).names()
    assert caught.value.fault.remedy
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"junk" * 1000)
    with pytest.raises(MachineError, match="the state is damaged") as caught:
        SqliteStore(tmp_path, reading=True).names()
    assert caught.value.fault.where == str(path)
    assert path.read_bytes() == b"junk" * 1000


def test_a_run_puts_it_aside_and_begins_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"junk" * 1000)
    told: list[Path] = []
    store = SqliteStore(tmp_path, aside=told.append)
    store.note("key", "word")
    assert SqliteStore(tmp_path, reading=True).noted("key") == "word"
    (aside,) = told
    assert aside.read_bytes() == b"junk" * 1000


def test_a_row_that_everleaf_did_not_write_names_the_certificate(tmp_path: Path) -> None:
    with sqlite3.connect(filled(tmp_path)) as one:
        one.execute("UPDATE standing SET document = '{\"name\": 7}'")
    one.close()
    with pytest.raises(MachineError) as caught:
        SqliteStore(tmp_path).standing("www")
    assert caught.value.fault.code == "damaged-state"
    assert caught.value.fault.where.endswith("state.sqlite, www")


def test_an_empty_file_of_a_run_killed_at_its_birth_is_made_whole(tmp_path: Path) -> None:
    tmp_path.joinpath("state.sqlite").touch(0o600)
    with pytest.raises(OperatorError, match="just begun"):
        SqliteStore(tmp_path, reading=True).names()
    filled(tmp_path)
    assert SqliteStore(tmp_path, reading=True).names() == ("www",)


@pytest.mark.parametrize(
    ("column", "value"), [("at", "yesterday"), ("at", 7), ("detail", "{"), ("detail", "[]")]
)
def test_a_damaged_row_of_the_history_is_named(tmp_path: Path, column: str, value: object) -> None:
    row = {"at": "2026-03-01T12:00:00+00:00", "detail": "{}", column: value}
    path = filled(tmp_path)
    with sqlite3.connect(path) as one:
        one.execute(
            "INSERT INTO history (at, certificate, stage, what, detail)"
            " VALUES (:at, 'www', 'order', 'done', :detail)",
            row,
        )
    one.close()
    with pytest.raises(MachineError, match="row 1 of the history") as caught:
        SqliteStore(tmp_path).history()
    assert (caught.value.fault.code, caught.value.fault.where) == ("damaged-state", str(path))


def test_other_damaged_rows_are_no_tracebacks(tmp_path: Path) -> None:
    with sqlite3.connect(filled(tmp_path)) as one:
        one.execute("INSERT INTO attempts VALUES ('a', 'many', 'x', NULL)")
        one.execute("INSERT INTO limits VALUES ('a', 'soon')")
        one.execute("INSERT INTO ledger VALUES ('a', 'gifts', '', 'x')")
    one.close()
    store = SqliteStore(tmp_path)
    for call in (store.attempts, store.limited_until, store.counted):
        with pytest.raises(MachineError, match="not what everleaf wrote"):
            call("a")
