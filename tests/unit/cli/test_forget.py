"""`everleaf forget`, and orphans: nothing is removed while it is not known what is configured."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.settled import settle
from support.shell import Everleaf


def on_disk(config: Path, name: str) -> bool:
    return (config.parent / "state" / "certificates" / name / "live" / "privkey.pem").exists()


@pytest.mark.parametrize("slip", ["oops", "[certificates.b]\n", "[solvers.x]\n"])
def test_a_slip_in_an_included_file_makes_nobody_an_orphan(
    slip: str, config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    with (config.parent / "conf.d" / "b.toml").open("a", encoding="utf-8") as file:
        file.write(slip)
    assert "orphaned" not in everleaf("status").out
    assert everleaf("status", "--json").document["orphaned"] == []
    for name in ("b", "unheard-of"):
        refused = everleaf("forget", name)
        assert refused.status == 2
        assert "an included file is wrong" in refused.err
        assert "b.toml" in refused.err
    assert on_disk(config, "b")


@pytest.mark.parametrize(
    "hide",
    [
        lambda folder: folder.rename(folder.with_name("conf.old")),
        lambda folder: (
            (folder / "b.toml").rename(folder.parent / "b")
            and (folder / "b.toml").symlink_to("nowhere")
        ),
    ],
    ids=["its folder", "its link"],
)
def test_an_included_file_that_cannot_be_found_makes_nobody_an_orphan(
    hide: Callable[[Path], object], config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    hide(config.parent / "conf.d")
    assert everleaf("forget", "b").status == 2
    assert "orphaned: on disk" not in everleaf("status").out
    assert on_disk(config, "b")


def test_what_was_taken_out_of_a_right_configuration_is_an_orphan_and_can_be_forgotten(
    config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    (config.parent / "conf.d" / "b.toml").unlink()
    assert "b: orphaned" in everleaf("status").out
    assert everleaf("status", "--json").document["orphaned"] == ["b"]
    assert everleaf("forget", "a").status == 2
    assert everleaf("forget", "b").status == 0
    assert not on_disk(config, "b")
    assert everleaf("status", "--json").document["orphaned"] == []
    assert everleaf("forget", "b").status == 2
