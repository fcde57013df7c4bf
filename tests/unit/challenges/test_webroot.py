"""http-01 through a web server's document root: exactly one file, whole, and no path escapes."""

import os
import stat
from pathlib import Path

import pytest

from everleaf.challenges.registry import build
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import AuthorityError, OperatorError
from everleaf.ports import Challenge, Status

NAME = parse("a.test")
TOKEN = "tok_en-1"


def challenge(token: str = TOKEN) -> Challenge:
    return Challenge(
        type="http-01",
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "html"
    path.mkdir()
    return path


@pytest.fixture
def solver(root: Path) -> Webroot:
    return Webroot("files", root)


def present(solver: Webroot, token: str = TOKEN) -> Trace:
    trace = solver.trace(NAME, challenge(token))
    solver.present(trace, challenge(token))
    return trace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_trace_is_the_path_and_nothing_is_written(solver: Webroot, root: Path) -> None:
    place = root / ".well-known/acme-challenge/tok_en-1"
    trace = solver.trace(NAME, challenge())
    assert trace == Trace(solver="files", identifier="a.test", place=str(place))
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o777])
def test_the_response_can_be_read_by_the_web_server_whatever_the_umask(
    solver: Webroot, root: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        place = Path(present(solver).place)
    finally:
        os.umask(before)
    assert place.read_bytes() == b"tok_en-1.thumb"
    assert mode(place) == 0o644
    assert mode(place.parent) == mode(place.parent.parent) == 0o755
    assert files(root) == [".well-known/acme-challenge/tok_en-1"]


def test_exactly_the_response_is_removed(solver: Webroot, root: Path) -> None:
    first, _ = present(solver, "one"), present(solver, "two")
    (root / ".well-known/security.txt").write_text("mine")
    solver.remove(first)
    assert files(root) == [".well-known/acme-challenge/two", ".well-known/security.txt"]


def test_a_folder_that_is_there_keeps_its_mode(solver: Webroot, root: Path) -> None:
    (root / ".well-known").mkdir(mode=0o711)
    present(solver)
    assert mode(root / ".well-known") == 0o711


def test_another_process_removes_it_by_its_trace(solver: Webroot, root: Path) -> None:
    trace = present(solver)
    Webroot("files", root).remove(trace)
    assert files(root) == []


def test_removing_twice_does_nothing(solver: Webroot) -> None:
    trace = present(solver)
    solver.remove(trace)
    solver.remove(trace)


def test_what_a_killed_process_left_half_written_is_removed_too(
    solver: Webroot, root: Path
) -> None:
    trace = solver.trace(NAME, challenge())
    place = Path(trace.place)
    place.parent.mkdir(parents=True)
    (place.parent / ".tok_en-1.new").write_bytes(b"tok")
    solver.remove(trace)
    assert files(root) == []


def test_presenting_again_over_a_left_over_response_replaces_it(
    solver: Webroot, root: Path
) -> None:
    place = root / ".well-known/acme-challenge/tok_en-1"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    (place.parent / ".tok_en-1.new").write_bytes(b"half")
    present(solver)
    assert place.read_bytes() == b"tok_en-1.thumb"
    assert files(root) == [".well-known/acme-challenge/tok_en-1"]


def test_a_link_in_the_place_of_the_response_is_replaced_and_not_followed(
    solver: Webroot, root: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    place = root / ".well-known/acme-challenge/tok_en-1"
    place.parent.mkdir(parents=True)
    place.symlink_to(victim)
    (place.parent / ".tok_en-1.new").symlink_to(victim)
    present(solver)
    assert victim.read_bytes() == b"precious"
    assert not place.is_symlink()


@pytest.mark.parametrize("token", ["../../x", "a/b", "..", ".", "", "a\x00b", "ä", "a" * 300])
def test_no_token_leads_out_of_the_folder(solver: Webroot, root: Path, token: str) -> None:
    with pytest.raises(AuthorityError, match="base64url"):
        present(solver, token)
    assert files(root) == []


def test_a_trace_that_is_no_response_is_left_alone(solver: Webroot, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    solver.remove(Trace(solver="files", identifier="a.test", place=str(victim)))
    assert victim.exists()


def test_a_document_root_that_is_not_there_is_the_operators_fault(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(OperatorError) as caught:
        present(Webroot("files", gone))
    assert caught.value.fault.where == str(gone)
    assert not gone.exists()


def test_a_file_in_the_way_is_the_operators_fault(solver: Webroot, root: Path) -> None:
    (root / ".well-known").write_text("not a folder")
    with pytest.raises(OperatorError) as caught:
        present(solver)
    assert caught.value.fault.code == "webroot-not-writable"
    solver.remove(solver.trace(NAME, challenge()))


def test_the_registry_builds_it(root: Path) -> None:
    assert isinstance(build("webroot", "files", path=root), Webroot)
