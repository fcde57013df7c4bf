"""What only the state directory on disk can be: a file, out of reach, or half of a copy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.core.certificate import Version
from everleaf.core.identifiers import parse
from everleaf.core.job import Pending
from everleaf.core.wanted import Copy, CopyKind, Wanted
from everleaf.errors import OperatorError
from everleaf.ports import Material
from everleaf.store.shelf import DiskShelf
from everleaf.store.sqlite import SqliteStore
from support.nobody import open_folder, unprivileged

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = (parse("a.test"),)
WANTED = Wanted(name="www", identifiers=NAMES, authorities=("ca",), solvers=("web",))
PENDING = Pending(ask="ask", authority="ca", identifiers=NAMES, created_at=NOW)
VERSION = Version(
    id="v1",
    ask="ask",
    authority="ca",
    account="",
    identifiers=NAMES,
    serial="0a",
    not_before=NOW,
    not_after=NOW + timedelta(days=90),
    earliest_end=NOW + timedelta(days=90),
    chain_sha256=("aa",),
    cert_id=None,
    installed_at=NOW,
)
MATERIAL = Material(leaf=b"leaf\n", chain=b"chain\n", key=b"key\n")


def live(shelf: DiskShelf, wanted: Wanted = WANTED) -> DiskShelf:
    shelf.install(wanted, VERSION, MATERIAL)
    shelf.switch(wanted, "v1")
    return shelf


READING: dict[str, Callable[[Path], object]] = {
    "holding": lambda state: DiskShelf(state).holding(WANTED),
    "names": lambda state: DiskShelf(state).names(),
    "begin": lambda state: DiskShelf(state).begin("www", PENDING, b"key"),
    "install": lambda state: DiskShelf(state).install(WANTED, VERSION, MATERIAL),
    "standing": lambda state: SqliteStore(state, reading=True).standing("www"),
    "history": lambda state: SqliteStore(state).history(),
}


@pytest.mark.parametrize("call", READING.values(), ids=READING.keys())
def test_a_state_directory_that_is_a_file_is_told_of_and_left_alone(
    call: Callable[[Path], object], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.write_text("mine")
    with pytest.raises(OperatorError, match="Not a directory") as caught:
        call(state)
    assert str(state) in caught.value.fault.where
    assert [one.name for one in tmp_path.iterdir()] == ["state"]
    assert state.read_text() == "mine"


@pytest.mark.parametrize("call", READING.values(), ids=READING.keys())
def test_a_state_directory_out_of_reach_is_told_of(call: Callable[[Path], object]) -> None:
    with open_folder() as folder:
        hidden = folder / "hidden"
        live(DiskShelf(hidden / "state"))
        call(hidden / "state")  # so that all is imported
        hidden.chmod(0)
        # Whose names may not be seen is nobody's to forget: the rooms are private anyway.
        with unprivileged():
            if call is READING["names"]:
                assert call(hidden / "state") == ()
                return
            with pytest.raises(OperatorError, match="Permission denied"):
                call(hidden / "state")


@pytest.mark.parametrize("room", ["certificates", "pending"])
def test_a_room_that_is_a_file_is_told_of(room: str, tmp_path: Path) -> None:
    shelf = DiskShelf(tmp_path)
    tmp_path.joinpath(room).touch()
    shelf.sweep()
    with pytest.raises(OperatorError, match="Not a directory"):
        shelf.holding(WANTED)
    with pytest.raises(OperatorError, match="Not a directory"):
        shelf.names()


def test_what_stands_beside_the_versions_and_is_none_is_nobodys_business(tmp_path: Path) -> None:
    shelf = live(DiskShelf(tmp_path))
    versions = tmp_path / "certificates" / "www" / "versions"
    versions.joinpath("README").touch()
    versions.joinpath("link").symlink_to("v1")
    held = shelf.holding(WANTED)
    assert ([one.id for one in held.versions], held.damaged) == (["v1"], ())


@pytest.mark.parametrize("file", ["privkey.pem", "fullchain.pem", "cert.pem"])
def test_a_directory_copy_that_lacks_a_file_is_behind_and_is_mended(
    file: str, tmp_path: Path
) -> None:
    copy = Copy(path=tmp_path / "copy", kind=CopyKind.DIRECTORY)
    wanted = replace(WANTED, copies=(copy,))
    shelf = live(DiskShelf(tmp_path / "state"), wanted)
    path = copy.path / "live" / file
    path.unlink()
    assert shelf.holding(wanted).copies_behind == (str(copy.path),)
    shelf.switch(wanted, "v1")
    assert shelf.holding(wanted).copies_behind == ()
    assert path.exists()


def test_a_rename_into_an_empty_folder_moves_all_that_is_there(tmp_path: Path) -> None:
    shelf = DiskShelf(tmp_path)
    shelf.install(WANTED, VERSION, MATERIAL)
    shelf.switch(WANTED, VERSION.id)
    before = shelf.holding(WANTED)
    (tmp_path / "certificates/new/versions").mkdir(parents=True)
    shelf.rename(WANTED.name, "new")
    assert shelf.holding(replace(WANTED, name="new")) == before
    assert shelf.names() == ("new",)
    assert [one.name for one in (tmp_path / "certificates/new").glob(".*")] == []


@pytest.mark.parametrize("own", [False, True])
def test_a_rename_that_was_cut_short_is_done_again_and_loses_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    shelf = DiskShelf(tmp_path)
    shelf.install(WANTED, VERSION, MATERIAL)
    shelf.begin(WANTED.name, PENDING, b"key")
    if own:
        shelf.begin("new", PENDING, b"its own")
    true = Path.rename

    def cut(self: Path, target: Path) -> Path:
        if self.parent.name == "certificates":
            raise KeyboardInterrupt
        return true(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            shelf.rename(WANTED.name, "new")
    shelf.rename(WANTED.name, "new")
    assert shelf.pending_key("new") == b"key"
    assert len(shelf.holding(replace(WANTED, name="new")).versions) == 1
