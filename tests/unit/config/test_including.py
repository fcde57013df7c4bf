"""Included files: what a pattern means, and that nothing that is there is left out in silence."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import ConfigError, load
from support.nobody import open_folder, unprivileged
from support.wrong import RIGHT

Write = Callable[..., Path]


def certificate(name: str) -> str:
    return f'[certificates.{name}]\nnames = ["{name}.example.org"]\n'


def including(*patterns: str) -> str:
    return f"include = {list(patterns)}\n{RIGHT}"


@pytest.fixture
def outside() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def into(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("STATE", str(folder / "state")), "utf-8")
    return path


def without_privileges(path: Path) -> tuple[tuple[str, ...], tuple[ConfigFault, ...]]:
    """The certificates and the faults, for one who is not root."""
    with suppress(ConfigError):
        load(path)  # so that all is imported
    with unprivileged():
        try:
            settings = load(path)
        except ConfigError as error:
            return (), error.faults
    return tuple(settings.certificates), settings.faults


def test_patterns_are_read_as_a_shell_reads_them(write: Write) -> None:
    for name in ("a", "b"):
        write(certificate(name), f"conf.d/{name}.toml")
    write(certificate("c"), "x1/deep/c.toml")
    write(certificate("d"), "x2/deep/d.toml")
    write("no TOML", "conf.d/.hidden.toml")
    write("no TOML", "conf.d/a.toml.bak")
    write("no TOML", "x3")
    path = write(including("conf.d/[a-b]*.toml", "x?/*/?.toml", "./conf.d/*.toml"))
    path.parent.joinpath("conf.d", "folder.toml").mkdir()
    settings = load(path)
    assert settings.faults == ()
    assert list(settings.certificates) == ["a", "b", "c", "d", "www"]


def test_a_pattern_may_begin_at_the_root_and_the_main_folder_may_have_brackets(
    write: Write, tmp_path: Path
) -> None:
    write(certificate("a"), "[x]/conf.d/a.toml")
    write(certificate("b"), "b.toml")
    path = write(including("conf.d/*.toml", f"{tmp_path}/b*.toml"), "[x]/everleaf.toml")
    assert list(load(path).certificates) == ["a", "b", "www"]


def test_the_main_file_is_not_included_by_a_pattern_that_matches_it(write: Write) -> None:
    write(certificate("a"), "a.toml")
    path = write(including("*.toml"))
    path.parent.joinpath("link.toml").symlink_to(path)
    settings = load(path)
    assert (list(settings.certificates), settings.faults) == (["a", "www"], ())


def test_a_link_that_leads_nowhere_is_a_fault_of_that_file(write: Write) -> None:
    write(certificate("a"), "conf.d/a.toml")
    path = write(including("conf.d/*.toml"))
    path.parent.joinpath("conf.d", "b.toml").symlink_to("nowhere")
    settings = load(path)
    (one,) = settings.faults
    assert list(settings.certificates) == ["a", "www"]
    assert one.file.name == "b.toml"
    assert "leads to no file" in one.what


def test_a_pipe_among_the_files_is_a_fault_and_is_not_waited_for(write: Write) -> None:
    path = write(including("conf.d/*.toml"))
    path.parent.joinpath("conf.d").mkdir()
    os.mkfifo(path.parent / "conf.d" / "b.toml")
    (one,) = load(path).faults
    assert "no regular file" in one.what


def test_a_file_that_may_not_be_read_is_a_fault_of_that_file(outside: Path) -> None:
    into(outside, "conf.d/a.toml", certificate("a"))
    into(outside, "conf.d/b.toml", certificate("b")).chmod(0)
    names, faults = without_privileges(into(outside, "everleaf.toml", including("conf.d/*.toml")))
    (one,) = faults
    assert names == ("a", "www")
    assert one.file.name == "b.toml"
    assert "Permission denied" in one.what


@pytest.mark.parametrize("pattern", ["conf.d/*.toml", "c*/*.toml"])
def test_a_folder_that_may_not_be_read_is_a_fault_of_the_main_file(
    outside: Path, pattern: str
) -> None:
    into(outside, "conf.d/a.toml", certificate("a")).parent.chmod(0)
    names, faults = without_privileges(into(outside, "everleaf.toml", including(pattern)))
    (one,) = faults
    assert names == ()
    assert (one.file.name, one.line, one.key) == ("everleaf.toml", 1, "include[0]")
    assert "conf.d cannot be read: Permission denied" in one.what


def test_a_named_file_below_a_folder_that_may_not_be_entered_is_a_fault(outside: Path) -> None:
    into(outside, "conf.d/a.toml", certificate("a")).parent.chmod(0)
    path = into(outside, "everleaf.toml", including("conf.d/a.toml"))
    _, (one,) = without_privileges(path)
    assert one.file.name == "a.toml"
    assert "Permission denied" in one.what


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    path = write(RIGHT)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(load(path).certificates) == ["www"]
    path.write_bytes(path.read_bytes().replace(b"[settings]", b"[setings]"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    (one,) = caught.value.faults
    assert (one.line, one.key) == (1, "setings")
