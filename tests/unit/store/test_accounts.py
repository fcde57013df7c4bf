"""Account files: what is there, what an older one holds, what a roll-over and an end leave."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from everleaf.errors import MachineError
from everleaf.store.accounts import AccountFiles

URL = "https://ca.test/account/1"
AT = datetime(2026, 11, 25, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> AccountFiles:
    return AccountFiles(tmp_path, "ca", "https://ca.test/dir")


def place(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "accounts" / "ca").iterdir()
    return found


def test_at_first_nothing_is_there(files: AccountFiles) -> None:
    assert files.load() == (None, None)
    assert (files.terms(), files.next_key()) == ("", None)


def test_key_url_and_terms_are_kept_for_one_directory(tmp_path: Path, files: AccountFiles) -> None:
    files.save_key(b"key")
    files.save_url(URL, "https://ca.test/terms")
    again = AccountFiles(tmp_path, "ca", "https://ca.test/dir")
    assert again.load() == (b"key", URL)
    assert again.terms() == "https://ca.test/terms"
    assert AccountFiles(tmp_path, "ca", "https://ca.test/other").load() == (None, None)


def test_secrets_are_for_nobody_else(tmp_path: Path, files: AccountFiles) -> None:
    files.save_key(b"key")
    files.save_next_key(b"next")
    files.save_url(URL)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in place(tmp_path).iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(place(tmp_path).stat().st_mode) == 0o700


def test_terms_stay_known_where_only_the_url_changes(files: AccountFiles) -> None:
    files.save_key(b"key")
    files.save_url(URL, "https://ca.test/terms")
    files.save_url(URL + "0")
    assert (files.url(), files.terms()) == (URL + "0", "https://ca.test/terms")


def test_an_older_file_is_read_and_a_newer_ones_fields_stay(
    tmp_path: Path, files: AccountFiles
) -> None:
    files.save_key(b"key")
    about = place(tmp_path) / "account.json"
    about.write_text(json.dumps({"url": URL, "directory": "d", "from": "tomorrow"}), "utf-8")
    assert (files.url(), files.terms()) == (URL, "")
    files.save_url(URL, "terms")
    assert json.loads(about.read_text("utf-8"))["from"] == "tomorrow"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"url"'])
def test_a_damaged_file_is_said_and_can_be_written_anew(
    tmp_path: Path, files: AccountFiles, text: str
) -> None:
    files.save_key(b"key")
    (place(tmp_path) / "account.json").write_text(text, "utf-8")
    for read in (files.load, files.terms):
        with pytest.raises(MachineError) as caught:
            read()
        assert caught.value.fault.code == "damaged-state"
    files.save_url(URL)
    assert files.url() == URL


def test_the_next_key_stands_beside_the_one_in_use_until_it_is_taken(
    tmp_path: Path, files: AccountFiles
) -> None:
    files.save_key(b"old")
    files.save_next_key(b"new")
    assert (files.load()[0], files.next_key()) == (b"old", b"new")
    assert (place(tmp_path) / "key.new.pem").read_bytes() == b"new"
    files.take_next_key()
    assert (files.load()[0], files.next_key()) == (b"new", None)


def test_the_next_key_can_be_dropped_twice(files: AccountFiles) -> None:
    files.save_key(b"old")
    files.save_next_key(b"new")
    files.drop_next_key()
    files.drop_next_key()
    assert (files.load()[0], files.next_key()) == (b"old", None)


def test_a_retired_account_is_kept_aside_whole_and_another_takes_its_place(
    tmp_path: Path, files: AccountFiles
) -> None:
    files.save_key(b"key")
    files.save_url(URL)
    before = place(tmp_path)
    files.retire(AT)
    aside = place(tmp_path)
    assert aside.name == f"{before.name}.deactivated-20261125T070809Z"
    assert (aside / "key.pem").read_bytes() == b"key"
    assert files.load() == (None, None)
    files.save_key(b"another")
    assert files.load() == (b"another", None)
    assert (aside / "key.pem").read_bytes() == b"key"
