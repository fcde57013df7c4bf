"""Copies: no two in one place, however it is spelled, and none where others have their place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import load
from support.wrong import RIGHT

Write = Callable[..., Path]
Faults = Callable[[str], tuple[ConfigFault, ...]]


def copied(name: str, path: str, kind: str = "combined") -> str:
    return (
        f'[certificates.{name}]\nnames = ["{name}.example.org"]\n'
        f'copies = [{{ path = "{path}", kind = "{kind}" }}]\n'
    )


def test_two_certificates_cannot_have_the_copy_of_the_defaults(faults: Faults) -> None:
    text = '[defaults]\ncopies = [{ path = "/srv/all.pem", kind = "combined" }]\n'
    more = "".join(f'[certificates.{one}]\nnames = ["{one}.example.org"]\n' for one in "abc")
    (one,) = faults(RIGHT + text + more)
    assert (one.line, one.key) == (13, "defaults.copies[0].path")
    assert "'www' and 'a'" in one.what
    assert "/srv/all.pem" in one.what


@pytest.mark.parametrize(
    "other", ["x.pem", "./x.pem", "sub/../x.pem", "link/x.pem", "ABSOLUTE/x.pem"]
)
def test_one_place_is_one_place_however_it_is_spelled(
    other: str, faults: Faults, tmp_path: Path
) -> None:
    tmp_path.joinpath("sub").mkdir()
    tmp_path.joinpath("link").symlink_to(tmp_path)
    other = other.replace("ABSOLUTE", str(tmp_path))
    (one,) = faults(RIGHT + copied("a", "x.pem") + copied("b", other))
    assert (one.line, one.key) == (17, "certificates.b.copies[0].path")
    assert "'a' and 'b'" in one.what


def test_a_clash_across_files_takes_out_the_included_one_alone(write: Write) -> None:
    write(copied("b", "../x.pem"), "conf.d/b.toml")
    path = write(f'include = ["conf.d/*.toml"]\n{RIGHT}{copied("a", "x.pem")}')
    settings = load(path)
    (one,) = settings.faults
    assert list(settings.certificates) == ["a", "www"]
    assert (one.file.name, one.line) == ("b.toml", 3)
    assert "'a' and 'b'" in one.what


def test_a_copy_in_the_folder_of_another_ones_copy_is_refused(faults: Faults) -> None:
    (one,) = faults(RIGHT + copied("a", "/srv/a", "directory") + copied("b", "/srv/a/live/b.pem"))
    assert one.key == "certificates.b.copies[0].path"
    assert "'a'" in one.what


def test_copies_side_by_side_are_fine(faults: Faults) -> None:
    text = copied("a", "/srv/tls/a", "directory") + copied("b", "/srv/tls/ab")
    assert faults(RIGHT + text + copied("c", "/srv/tls/c.pem")) == ()


@pytest.mark.parametrize("path", ["STATE", "STATE/x.pem", "link/x.pem"])
def test_no_copy_goes_into_the_state_directory(path: str, faults: Faults, tmp_path: Path) -> None:
    tmp_path.joinpath("state").mkdir()
    tmp_path.joinpath("link").symlink_to("state")
    (one,) = faults(RIGHT + copied("a", path))
    assert "in the state directory" in one.what
