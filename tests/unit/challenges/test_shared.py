"""The shared responder: which files of a directory are given away, and which never."""

import os
from pathlib import Path

import pytest

from everleaf.challenges.shared import SharedRoot
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.ports import Challenge, Status

TOKEN = "tok_en-1"
RESPONSE = f"{TOKEN}.thumb_print-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "root/.well-known/acme-challenge"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def shared(folder: Path) -> SharedRoot:
    return SharedRoot(folder.parents[1])


def test_what_a_webroot_solver_wrote_is_answered_until_it_is_removed(tmp_path: Path) -> None:
    solver, shared = Webroot("files", tmp_path), SharedRoot(tmp_path)
    one = Challenge(
        type="http-01", url="", status=Status.PENDING, token=TOKEN, key_authorization=RESPONSE
    )
    trace = solver.trace(parse("a.test"), one)
    assert shared.answer(TOKEN) is None
    solver.present(trace, one)
    assert shared.answer(TOKEN) == RESPONSE
    solver.remove(trace)
    assert shared.answer(TOKEN) is None


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_other_clients_may_end_their_file_with_a_line_feed(
    shared: SharedRoot, folder: Path, end: str
) -> None:
    (folder / TOKEN).write_bytes(f"{RESPONSE}{end}".encode())
    assert shared.answer(TOKEN) == f"{RESPONSE}{end}"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "../secret", "/etc/passwd", "a/b", "tok_en-1/", "tok%5Fen-1", "tok_en-1\x00"],
)
def test_no_other_path_is_opened(shared: SharedRoot, folder: Path, token: str) -> None:
    (folder / TOKEN).write_text(RESPONSE)
    (folder.parent / "secret").write_text("secret.x")
    assert shared.answer(token) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"tok_en-1",
        b"tok_en-1.",
        b"other.thumb",
        b"tok_en-1.thumb\nroot:x:0:0",
        b"tok_en-1.th\xa0",
        "tok_en-1.thümb".encode(),
        b"tok_en-1.thumb\x85",
    ],
)
def test_what_is_no_key_authorization_for_the_token_is_not_given_away(
    shared: SharedRoot, folder: Path, content: bytes
) -> None:
    (folder / TOKEN).write_bytes(content)
    assert shared.answer(TOKEN) is None


def test_4_kib_are_served_and_no_more(shared: SharedRoot, folder: Path) -> None:
    whole = RESPONSE + "x" * (4096 - len(RESPONSE))
    (folder / TOKEN).write_text(whole)
    assert shared.answer(TOKEN) == whole
    (folder / TOKEN).write_text(whole + "x")
    assert shared.answer(TOKEN) is None


def test_a_link_is_not_followed(shared: SharedRoot, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text(RESPONSE)
    (folder / TOKEN).symlink_to(target)
    assert shared.answer(TOKEN) is None


@pytest.mark.parametrize("name", ["acme-challenge", ".well-known"])
def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    there = tmp_path / "there/.well-known/acme-challenge"
    there.mkdir(parents=True)
    (there / TOKEN).write_text(RESPONSE)
    root = tmp_path / "root"
    place = root / ".well-known" if name == ".well-known" else root / ".well-known" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(there if name == "acme-challenge" else there.parent)
    assert SharedRoot(root).answer(TOKEN) is None
    assert SharedRoot(tmp_path / "there").answer(TOKEN) == RESPONSE


def test_what_is_no_regular_file_is_not_opened_for_long(shared: SharedRoot, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    assert shared.answer("fifo") is None
    assert shared.answer("folder") is None


def test_a_directory_that_is_not_there_yet_has_no_answers(tmp_path: Path) -> None:
    shared = SharedRoot(tmp_path / "later")
    assert shared.answer(TOKEN) is None
    path = tmp_path / "later/.well-known/acme-challenge"
    path.mkdir(parents=True)
    (path / TOKEN).write_text(RESPONSE)
    assert shared.answer(TOKEN) == RESPONSE


def test_no_descriptor_is_left_behind(shared: SharedRoot, folder: Path) -> None:
    (folder / TOKEN).write_text(RESPONSE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for token in (TOKEN, "other", "..") * 5:
        shared.answer(token)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
