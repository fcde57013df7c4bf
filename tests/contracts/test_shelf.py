"""What every `Shelf` keeps: the state directory, and the fake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.core.certificate import Version
from everleaf.core.identifiers import parse
from everleaf.core.job import Holding, Pending, Trace
from everleaf.core.wanted import Copy, CopyKind, Wanted
from everleaf.errors import EverleafError, MachineError
from everleaf.ports import Material, Shelf
from everleaf.store.shelf import DiskShelf
from fakes.shelf import MemoryShelf

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = (parse("a.test"), parse("*.a.test"))
WANTED = Wanted(name="www", identifiers=NAMES, authorities=("ca",), solvers=("web",))
MATERIAL = Material(leaf=b"leaf\n", chain=b"chain\n", key=b"key\n")


@pytest.fixture(params=["disk", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return DiskShelf(tmp_path / "state") if request.param == "disk" else MemoryShelf()


def version(number: int) -> Version:
    return Version(
        id=f"v{number}",
        ask="ask",
        authority="ca",
        account="https://ca.test/1",
        identifiers=NAMES,
        serial="0a",
        not_before=NOW,
        not_after=NOW + timedelta(days=90),
        earliest_end=NOW + timedelta(days=90),
        chain_sha256=("aa", "bb"),
        cert_id="x.y",
        installed_at=NOW + timedelta(days=number),
    )


def pending(**more: object) -> Pending:
    one = Pending(ask="ask", authority="ca", identifiers=NAMES, created_at=NOW)
    return replace(one, **more)  # type: ignore[arg-type]


def filled(shelf: Shelf, count: int, wanted: Wanted = WANTED) -> None:
    for number in range(1, count + 1):
        shelf.install(wanted, version(number), MATERIAL)


def ids(shelf: Shelf, wanted: Wanted = WANTED) -> list[str]:
    return [one.id for one in shelf.holding(wanted).versions]


def test_an_empty_shelf_holds_nothing(shelf: Shelf) -> None:
    assert shelf.holding(WANTED) == Holding()
    assert shelf.names() == ()
    shelf.sweep()


def test_an_order_begins_with_its_key(shelf: Shelf) -> None:
    shelf.begin("www", pending(), b"key\n")
    assert shelf.holding(WANTED).pending == pending()
    assert shelf.pending_key("www") == b"key\n"
    assert shelf.names() == ("www",)


def test_an_order_is_updated_as_it_goes(shelf: Shelf) -> None:
    shelf.begin("www", pending(), b"key\n")
    trace = Trace(solver="web", identifier="a.test", place="token")
    known = pending(order_url="https://ca.test/o", traces=(trace,), replaces="x.y", rejected=True)
    shelf.update("www", known)
    assert shelf.holding(WANTED).pending == known
    assert shelf.pending_key("www") == b"key\n"


def test_what_was_downloaded_and_verified_is_known(shelf: Shelf) -> None:
    shelf.begin("www", pending(), b"key\n")
    shelf.keep_download("www", b"as received")
    assert shelf.holding(WANTED).pending == pending(downloaded=True)
    shelf.keep_verified("www", b"mended")
    assert shelf.holding(WANTED).pending == pending(downloaded=True, verified=True)
    assert (shelf.download("www"), shelf.verified("www")) == (b"as received", b"mended")


def test_beginning_afresh_leaves_nothing_of_the_order_before(shelf: Shelf) -> None:
    shelf.begin("www", pending(order_url="https://ca.test/1"), b"old\n")
    shelf.keep_download("www", b"as received")
    shelf.begin("www", pending(), b"new\n")
    assert shelf.holding(WANTED).pending == pending()
    assert shelf.pending_key("www") == b"new\n"
    with pytest.raises(EverleafError):
        shelf.download("www")


def test_what_is_given_up_is_gone_and_again_is_fine(shelf: Shelf) -> None:
    shelf.begin("www", pending(), b"key\n")
    shelf.give_up("www")
    shelf.give_up("www")
    assert shelf.holding(WANTED).pending is None
    with pytest.raises(EverleafError):
        shelf.pending_key("www")


def test_a_rejected_chain_is_kept_beside_the_order(shelf: Shelf) -> None:
    shelf.begin("www", pending(), b"key\n")
    place = shelf.keep_rejected("www", "20260301", b"chain", "wrong names")
    assert place.endswith("rejected/www/20260301")
    shelf.give_up("www")
    assert shelf.names() == ("www",)


def test_a_version_is_whole_and_not_live_yet(shelf: Shelf) -> None:
    filled(shelf, 1)
    held = shelf.holding(WANTED)
    assert held.versions == (version(1),)
    assert held.live is None
    assert shelf.material("www", "v1") == MATERIAL


def test_installing_it_again_changes_nothing(shelf: Shelf) -> None:
    filled(shelf, 1)
    shelf.install(WANTED, replace(version(1), serial="0b"), replace(MATERIAL, leaf=b"other\n"))
    assert shelf.holding(WANTED).versions == (version(1),)
    assert shelf.material("www", "v1") == MATERIAL


def test_a_version_may_have_no_key(shelf: Shelf) -> None:
    shelf.install(WANTED, version(1), replace(MATERIAL, key=None))
    assert shelf.holding(WANTED).versions == (replace(version(1), has_key=False),)
    assert shelf.material("www", "v1") == replace(MATERIAL, key=None)


def test_versions_come_oldest_first_by_their_time(shelf: Shelf) -> None:
    early = replace(version(2), id="z", installed_at=NOW)
    shelf.install(WANTED, version(1), MATERIAL)
    shelf.install(WANTED, early, MATERIAL)
    assert ids(shelf) == ["z", "v1"]


def test_one_switch_makes_a_version_live_and_another_the_next(shelf: Shelf) -> None:
    filled(shelf, 2)
    for one in ("v1", "v2", "v2", "v1"):
        shelf.switch(WANTED, one)
        assert shelf.holding(WANTED).live == one
    assert shelf.live_path("www").endswith("certificates/www/live")


def test_a_version_that_is_not_there_never_becomes_live(shelf: Shelf) -> None:
    filled(shelf, 1)
    shelf.switch(WANTED, "v1")
    with pytest.raises(MachineError):
        shelf.switch(WANTED, "v9")
    assert shelf.holding(WANTED).live == "v1"
    with pytest.raises(EverleafError):
        shelf.material("www", "v9")


def test_copies_follow_the_live_version(shelf: Shelf, tmp_path: Path) -> None:
    one = Copy(path=tmp_path / "one.pem", kind=CopyKind.COMBINED)
    two = Copy(path=tmp_path / "two", kind=CopyKind.DIRECTORY)
    filled(shelf, 1)
    shelf.switch(WANTED, "v1")
    wanted = replace(WANTED, copies=(one, two))
    assert shelf.holding(wanted).copies_behind == (str(one.path), str(two.path))
    shelf.switch(wanted, "v1")
    assert shelf.holding(wanted).copies_behind == ()
    shelf.install(wanted, version(2), replace(MATERIAL, leaf=b"new\n"))
    assert shelf.holding(wanted).copies_behind == ()
    shelf.switch(wanted, "v2")
    assert shelf.holding(wanted).copies_behind == ()


@pytest.mark.parametrize(
    ("keep", "left"), [((), ["v4", "v5"]), (("v1",), ["v1", "v4", "v5"]), (("v5",), ["v4", "v5"])]
)
def test_the_oldest_versions_go_but_never_those_to_keep(
    shelf: Shelf, keep: tuple[str, ...], left: list[str]
) -> None:
    wanted = replace(WANTED, keep_versions=2)
    filled(shelf, 5, wanted)
    shelf.prune(wanted, keep)
    assert ids(shelf, wanted) == left


def lose(shelf: Shelf, version_id: str, file: str) -> None:
    """Somebody removes a file."""
    if isinstance(shelf, MemoryShelf):
        shelf.lose("www", version_id, file)
    else:
        Path(shelf.live_path("www")).parent.joinpath("versions", version_id, file).unlink()


@pytest.mark.parametrize(
    "file",
    ["privkey.pem", "combined.pem", "cert.pem", "chain.pem", "fullchain.pem", "version.json"],
)
def test_a_version_that_lacks_a_file_does_not_count_and_is_told_of(shelf: Shelf, file: str) -> None:
    filled(shelf, 2)
    shelf.switch(WANTED, "v2")
    lose(shelf, "v2", file)
    held = shelf.holding(WANTED)
    assert [one.id for one in held.versions] == ["v1"]
    (path,) = held.damaged
    assert path.endswith(f"/www/versions/v2/{file}")
    assert (held.live, held.live_version) == ("v2", None)


def test_a_version_without_a_key_lacks_none(shelf: Shelf) -> None:
    shelf.install(WANTED, version(1), replace(MATERIAL, key=None))
    assert shelf.holding(WANTED).damaged == ()


def test_a_damaged_version_goes_with_the_others_unless_it_is_to_be_kept(shelf: Shelf) -> None:
    filled(shelf, 2)
    lose(shelf, "v1", "privkey.pem")
    shelf.prune(WANTED, ("v1",))
    assert shelf.holding(WANTED).damaged
    shelf.prune(WANTED, ())
    assert shelf.holding(WANTED).damaged == ()
    assert ids(shelf) == ["v2"]


def test_certificates_do_not_meet(shelf: Shelf) -> None:
    other = replace(WANTED, name="mail")
    filled(shelf, 1)
    filled(shelf, 2, other)
    shelf.begin("www", pending(), b"key\n")
    shelf.switch(other, "v2")
    assert shelf.names() == ("mail", "www")
    assert shelf.holding(other).pending is None
    assert shelf.holding(WANTED).live is None
    shelf.forget("mail")
    assert shelf.holding(other) == Holding()
    assert shelf.names() == ("www",)
    assert ids(shelf) == ["v1"]


def test_a_certificate_under_another_name_keeps_its_versions_and_its_order(shelf: Shelf) -> None:
    filled(shelf, 2)
    shelf.switch(WANTED, ids(shelf)[-1])
    shelf.begin(WANTED.name, pending(), b"key")
    before = shelf.holding(WANTED)
    shelf.rename(WANTED.name, "new")
    other = replace(WANTED, name="new")
    assert shelf.holding(other) == before
    assert shelf.holding(WANTED).versions == ()
    assert shelf.pending_key("new") == b"key"
    shelf.rename(WANTED.name, "new")
    assert shelf.holding(other) == before


def test_an_order_of_the_new_names_own_is_given_up(shelf: Shelf) -> None:
    filled(shelf, 1)
    shelf.switch(WANTED, ids(shelf)[-1])
    before = shelf.holding(WANTED)
    other = replace(WANTED, name="new")
    shelf.begin("new", pending(), b"its own")
    shelf.rename(WANTED.name, "new")
    assert shelf.holding(other) == before
    assert shelf.names() == ("new",)


def test_the_order_of_the_old_name_takes_the_place_of_the_new_names_own(shelf: Shelf) -> None:
    filled(shelf, 1)
    shelf.begin(WANTED.name, pending(), b"key")
    shelf.begin("new", pending(), b"its own")
    shelf.rename(WANTED.name, "new")
    assert shelf.pending_key("new") == b"key"


def test_versions_of_the_new_names_own_stay(shelf: Shelf) -> None:
    other = replace(WANTED, name="new")
    filled(shelf, 1)
    filled(shelf, 2, other)
    shelf.rename(WANTED.name, "new")
    assert (ids(shelf), ids(shelf, other)) == (["v1"], ["v1", "v2"])


def test_a_trial_leaves_nothing(shelf: Shelf) -> None:
    before = shelf.names()
    shelf.attempt(WANTED, version(1), Material(leaf=b"leaf", chain=b"chain", key=b"key"))
    assert shelf.names() == before
    assert shelf.holding(WANTED).versions == ()


def test_what_is_told_of_a_version_may_be_amended(shelf: Shelf) -> None:
    filled(shelf, 1)
    (one,) = shelf.holding(WANTED).versions
    shelf.amend(WANTED.name, replace(one, revoked_at=NOW))
    (after,) = shelf.holding(WANTED).versions
    assert after == replace(one, revoked_at=NOW)
    assert shelf.material(WANTED.name, one.id).leaf
