"""A version that lacks a file is none: an older whole one serves, else another is ordered."""

from pathlib import Path

import pytest

from support.bench import Bench


def of_live(bench: Bench, name: str, file: str) -> Path:
    return Path(bench.shelf.live_path(name)).resolve() / file


@pytest.mark.parametrize("file", ["privkey.pem", "fullchain.pem", "version.json"])
def test_a_file_of_the_only_version_that_is_gone_is_had_again(bench: Bench, file: str) -> None:
    wanted = bench.want("a", "edge")
    bench.run()
    before = bench.live("a")
    of_live(bench, "a", file).unlink()
    assert bench.shelf.holding(wanted).damaged == (
        str(Path(bench.shelf.live_path("a")).parent / "versions" / str(before) / file),
    )
    bench.clock.turn(hours=1)
    report = bench.run()
    assert bench.stages(report, "a")[:2] == ["order", "validate"]
    assert bench.live("a") != before
    assert of_live(bench, "a", file).exists()
    assert bench.edges.served["edge", "a"] == bench.on_disk("a")
    assert bench.ca.ordered == 2


def test_an_older_whole_version_is_deployed_at_once(bench: Bench) -> None:
    wanted = bench.want("a", "edge")
    bench.run()
    older = bench.live("a")
    bench.clock.turn(days=1)
    bench.run(force=True)
    bench.clock.turn(hours=1)
    of_live(bench, "a", "privkey.pem").unlink()
    report = bench.run()
    assert "order" not in bench.stages(report, "a")
    assert bench.live("a") == older
    assert report.failing == ()
    (path,) = bench.shelf.holding(wanted).damaged
    assert path.endswith("privkey.pem")


def test_what_is_damaged_goes_with_the_oldest(bench: Bench) -> None:
    wanted = bench.want("a", keep_versions=1)
    bench.run()
    of_live(bench, "a", "privkey.pem").unlink()
    for _ in range(2):
        bench.clock.turn(days=1)
        bench.run(force=True)
    holding = bench.shelf.holding(wanted)
    assert holding.damaged == ()
    assert bench.live("a") == holding.versions[-1].id
