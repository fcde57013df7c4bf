"""Files that a configuration names: links on the way, and what may not be read."""

import os
from pathlib import Path

import pytest

from everleaf.local import reading
from everleaf.local.reading import UnreadError, links, read


def why(path: Path) -> tuple[str, str]:
    with pytest.raises(UnreadError) as caught:
        read(str(path), "certificate", "conf:1")
    found = caught.value.finding
    assert found.where == ("conf:1",)
    return found.code, found.what


def test_all_links_on_the_way_are_found_in_their_order(tmp_path: Path) -> None:
    versions = tmp_path / "versions" / "1"
    versions.mkdir(parents=True)
    (versions / "file").write_bytes(b"x")
    (tmp_path / "live").symlink_to("versions/1")
    (tmp_path / "other").symlink_to(tmp_path / "live")
    (tmp_path / "up").symlink_to("versions/../other")
    found = [Path(one).name for one in links(f"{tmp_path}/up/file")]
    assert found == ["up", "other", "live"]
    assert links(f"{tmp_path}/versions/1/file") == []
    assert read(f"{tmp_path}/up/file", "certificate", "") == b"x"


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(links(f"{tmp_path}/a/file")) == 40
    assert why(tmp_path / "a" / "file")[0] == "configured-file-missing"


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "live").symlink_to("versions/2")
    code, what = why(tmp_path / "live" / "cert.pem")
    assert code == "configured-file-missing"
    assert what.endswith(f"is not there: the link {tmp_path}/live leads nowhere")


def test_below_a_file_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert why(tmp_path / "file" / "cert.pem")[0] == "configured-file-missing"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null"), Path("/nul\0")):
        assert why(path)[0] == "configured-file-unreadable"


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(reading.LARGEST + 1)
    code, what = why(tmp_path / "large")
    assert code == "configured-file-unreadable"
    assert "too large" in what
