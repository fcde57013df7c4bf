"""What commands refuse, and what they mend: names, spans of time, copies that failed."""

from pathlib import Path

import pytest

from support.settled import VERSION, settle
from support.shell import Everleaf

WRONG_LINES = [
    (("run", "--deadline", "0s"), "too short; make it at least 1s"),
    (("run", "--wait", "99999999999999d"), "too long; write 3650d or less"),
    (("run", "--wait", "9" * 5000 + "d"), "too long"),
    (("run", "--wait", "soon"), "no duration; write a number and s, m, h or d"),
    (("run", "--jobs", "0"), "not in the range"),
    (("history", "--limit", "9" * 30), "not in the range"),
    (("history", "nosuch"), "nothing is known of 'nosuch'"),
    (("status", "nosuch"), "no certificate 'nosuch' is configured; there are: a, b"),
    (("account", "show", "nosuch"), "no authority 'nosuch' is configured; there are: ca"),
]


@pytest.mark.parametrize(("line", "words"), WRONG_LINES, ids=lambda one: " ".join(one)[:40])
def test_a_wrong_command_line_ends_with_2_and_says_what_would_be_right(
    line: tuple[str, ...], words: str, everleaf: Everleaf, config: Path
) -> None:
    said = everleaf(*line)
    assert said.status == 2
    assert words in said.err
    assert not config.parent.joinpath("state").exists()


def test_where_nothing_is_configured_the_hint_says_so(config: Path, everleaf: Everleaf) -> None:
    config.write_text(config.read_text("utf-8").partition("[authorities")[0], "utf-8")
    (config.parent / "conf.d" / "b.toml").unlink()
    assert "'a' is configured; there is none" in everleaf("run", "a").err
    assert "no authority is configured" in everleaf("account", "update").err


@pytest.mark.parametrize("name", ["a", "b"])
def test_history_knows_names_of_the_configuration_and_of_the_disk(
    name: str, config: Path, everleaf: Everleaf
) -> None:
    assert everleaf("history", name).status == 0
    settle(config)
    (config.parent / "conf.d" / "b.toml").unlink()
    assert everleaf("history", name).status == 0


@pytest.mark.parametrize(
    "line", [("history",), ("history", "--json"), ("placeholder", "a"), ("status",), ("plan",)]
)
def test_a_wrong_included_file_is_told_of_at_the_end_of_every_command(
    line: tuple[str, ...], config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    (config.parent / "conf.d" / "b.toml").write_text("oops", "utf-8")
    said = everleaf(*line)
    assert said.status == 2
    assert "b.toml:1" in said.err
    refused = everleaf("status", "b")
    assert "included files that are wrong are not counted" in refused.err


def copied(config: Path) -> Path:
    copy = config.parent / "copies" / "a.pem"
    text = f'copies = [{{ path = "{copy}", kind = "combined" }}]\n'
    config.write_text(config.read_text("utf-8") + text, "utf-8")
    return copy


def test_a_placeholder_whose_copy_failed_is_brought_there_by_the_next(
    config: Path, everleaf: Everleaf
) -> None:
    copy = copied(config)
    first = everleaf("placeholder", "a")
    assert first.status == 2
    assert str(copy.parent) in first.err
    copy.parent.mkdir()
    assert everleaf("placeholder", "a").status == 0
    live = config.parent / "state" / "certificates" / "a" / "live"
    assert copy.read_bytes() == live.joinpath("combined.pem").read_bytes()
    assert everleaf("status", "--json").of("a")["state"] == "placeholder"
    before = live.readlink()
    assert everleaf("placeholder", "a").status == 0
    assert live.readlink() == before


def test_a_placeholder_never_takes_the_place_of_a_certificate(
    config: Path, everleaf: Everleaf
) -> None:
    copy = copied(config)
    copy.parent.mkdir()
    settle(config)
    copy.unlink()
    said = everleaf("placeholder", "a")
    assert said.status == 0
    assert VERSION in said.out
    assert copy.read_bytes() == b"key\nleaf\nchain\n"
    assert len(everleaf("status", "--json").of("a")["versions"]) == 1
