"""The door to the disk: whole or absent, with the right mode from the first instant."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.errors import EverleafError, MachineError, OperatorError
from everleaf.system import files


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("wanted", [0o600, 0o640, 0o644, 0o400])
def test_a_file_is_written_whole_with_its_mode(tmp_path: Path, wanted: int) -> None:
    path = tmp_path / "key.pem"
    for content in (b"one", b"another"):
        files.write(path, content, wanted)
        assert path.read_bytes() == content
        assert mode(path) == wanted
    assert names(tmp_path) == ["key.pem"]


def test_a_file_is_private_until_all_of_it_may_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    widen = os.fchmod

    def watched(descriptor: int, wanted: int) -> None:
        known = os.fstat(descriptor)
        seen.append((stat.S_IMODE(known.st_mode), known.st_size))
        widen(descriptor, wanted)

    monkeypatch.setattr(os, "fchmod", watched)
    files.write(tmp_path / "key.pem", b"secret", 0o640)
    assert seen == [(0o600, 0)]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.pem"
    files.write(path, b"old", 0o600)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError) as caught:
        files.write(path, b"new", 0o600)
    assert caught.value.fault.code == "disk-full"
    assert caught.value.fault.where == str(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["key.pem"]


def test_what_a_killed_run_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    tmp_path.joinpath(".key.pem.new").write_bytes(b"ha")
    files.write(tmp_path / "key.pem", b"whole", 0o600)
    assert names(tmp_path) == ["key.pem"]


def test_a_link_in_the_place_of_the_temporary_file_is_never_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    tmp_path.joinpath(".key.pem.new").symlink_to(victim)
    files.write(tmp_path / "key.pem", b"ours", 0o600)
    assert victim.read_bytes() == b"theirs"


@pytest.mark.parametrize(("option", "kind"), [("owner", "user"), ("group", "group")])
def test_an_owner_that_does_not_exist_is_named(tmp_path: Path, option: str, kind: str) -> None:
    with pytest.raises(OperatorError, match=f"no {kind} 'nobody-of-this-name'"):
        files.write(tmp_path / "f", b"", 0o600, **{option: "nobody-of-this-name"})  # type: ignore[arg-type]
    assert names(tmp_path) == []


def test_a_folder_has_its_mode_and_its_parents_may_be_passed(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    files.folder(path, 0o700)
    assert (mode(path), mode(path.parent), mode(tmp_path / "a")) == (0o700, 0o711, 0o711)
    path.chmod(0o750)
    files.folder(path, 0o700)
    assert mode(path) == 0o750


def test_a_file_in_place_of_a_folder_is_told_of_and_nothing_is_left_behind(tmp_path: Path) -> None:
    tmp_path.joinpath("a").write_bytes(b"mine")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(OperatorError, match="Not a directory"):
            files.folder(path, 0o700)
    assert names(tmp_path) == ["a"]
    assert tmp_path.joinpath("a").read_bytes() == b"mine"


def test_a_folder_that_another_made_meanwhile_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    true = Path.rename

    def late(self: Path, target: Path) -> Path:
        target.mkdir()
        target.joinpath("theirs").touch()
        return true(self, target)

    monkeypatch.setattr(Path, "rename", late)
    files.folder(path, 0o700)
    assert names(tmp_path) == ["a"]
    assert names(path) == ["theirs"]


def test_whether_anything_is_there_is_not_guessed(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    tmp_path.joinpath("link").symlink_to("nowhere")
    assert [files.is_there(tmp_path / one) for one in ("file", "link", "none", "none/x")] == [
        True, True, False, False,
    ]  # fmt: skip
    with pytest.raises(OperatorError, match="Not a directory"):
        files.is_there(tmp_path / "file" / "x")
    with pytest.raises(OperatorError, match="too long"):
        files.is_there(tmp_path / ("x" * 300))


def test_a_link_changes_as_one(tmp_path: Path) -> None:
    link = tmp_path / "live"
    for target in ("versions/1", "versions/2"):
        files.link(link, target)
        assert str(link.readlink()) == target
    assert names(tmp_path) == ["live"]


def test_a_link_never_replaces_a_folder(tmp_path: Path) -> None:
    tmp_path.joinpath("live").mkdir()
    with pytest.raises(EverleafError):
        files.link(tmp_path / "live", "versions/1")


def test_anything_is_removed_and_absent_is_fine(tmp_path: Path) -> None:
    folder, link, file = (tmp_path / name for name in ("folder", "link", "file"))
    folder.joinpath("deep").mkdir(parents=True)
    folder.joinpath("deep", "file").touch()
    keep = tmp_path / "keep"
    keep.mkdir()
    link.symlink_to(keep)
    file.touch()
    for path in (folder, link, file, file):
        files.remove(path)
    assert names(tmp_path) == ["keep"]


def test_a_discarded_folder_is_gone_as_one_with_what_was_left_before(tmp_path: Path) -> None:
    path, left = tmp_path / "www", tmp_path / ".www.old"
    for folder in (path, left):
        folder.mkdir()
        folder.joinpath("key.pem").touch()
    files.discard(path)
    files.discard(path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.EACCES, OperatorError, "not-permitted"),
        (errno.EROFS, OperatorError, "not-permitted"),
        (errno.ENOENT, OperatorError, "no-such-file"),
        (errno.ENOTDIR, OperatorError, "wrong-place"),
        (errno.ENAMETOOLONG, OperatorError, "wrong-place"),
        (errno.ENOSPC, MachineError, "disk-full"),
        (errno.EDQUOT, MachineError, "disk-full"),
        (errno.EIO, MachineError, "disk"),
    ],
)
def test_errors_of_the_system_become_ours_with_path_and_words(
    number: int, kind: type[EverleafError], code: str
) -> None:
    error = files.translate(OSError(number, "x", "/a/b"), Path("/other"))
    assert isinstance(error, kind)
    assert (error.fault.code, error.fault.where) == (code, "/a/b")
    assert os.strerror(number) in error.fault.what


def test_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files.refuse_network(tmp_path / "not" / "there" / "yet")
    monkeypatch.setattr(files, "_kind", lambda _: "nfs4")
    with pytest.raises(OperatorError, match="nfs4") as caught:
        files.refuse_network(tmp_path)
    assert caught.value.fault.code == "network-file-system"
