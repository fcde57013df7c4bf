"""Who is to blame for a reload that fails, and what a reload costs in the quiet hours."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from everleaf.core.outcome import Held
from everleaf.core.quiet import QuietHours
from everleaf.core.wanted import Copy, CopyKind
from everleaf.ports import Changed, HookResult
from fakes.edges import Edges
from support.bench import Bench

DAYS = 70
NAMES = ("a", "b", "c")


class Refusing(Edges):
    """Its reload fails with the new pairs of some; or with each one's own words, as certbot's."""

    guilty: tuple[str, ...] = ()
    old: dict[str, str | None]
    bench: Bench
    singly = False

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        if not self.singly:
            return self._one(terminator, changed, NAMES)
        each = {
            one.certificate: self._one(terminator, [one], (one.certificate,)) for one in changed
        }
        return HookResult(ok=all(one.ok for one in each.values()), each=each)

    def _one(self, terminator: str, changed: Sequence[Changed], read: Iterable[str]) -> HookResult:
        bad = [n for n in read if n in self.guilty and self.bench.live(n) != self.old[n]]
        if bad:
            self._called("reload", terminator, changed)
            return HookResult(ok=False, words=(f"{bad[0]} is bad",))
        return Edges.reload(self, terminator, changed)


@pytest.fixture
def edges(bench: Bench) -> Refusing:
    """One edge, that has the old ones of all."""
    edges = Refusing(bench.on_disk, without_check={"edge"})
    bench.edges = edges
    for name in NAMES:
        bench.want(name, "edge")
    bench.run()
    edges.bench, edges.old = bench, {name: bench.live(name) for name in NAMES}
    bench.clock.turn(days=DAYS)
    edges.calls.clear()
    return edges


def renewed(bench: Bench, edges: Refusing) -> set[str]:
    return {name for name in NAMES if bench.live(name) != edges.old[name]}


@pytest.mark.parametrize("guilty", [("a",), ("b",), ("a", "c")])
def test_without_a_check_the_guilty_pair_is_found_by_the_reload_itself(
    bench: Bench, edges: Refusing, guilty: tuple[str, ...]
) -> None:
    edges.guilty = guilty
    assert bench.run().failing == guilty
    well = set(NAMES) - set(guilty)
    assert renewed(bench, edges) == well
    for name in guilty:
        (trouble,) = bench.store.standing(name).troubles.values()
        assert trouble.fault.code == "reload-failed"
        assert str(edges.old[name]) in trouble.fault.what
        assert trouble.fault.words == (f"{name} is bad",)
    assert all(bench.edges.served["edge", name] == bench.on_disk(name) for name in NAMES)


def test_it_is_tried_again_later_and_alone(bench: Bench, edges: Refusing) -> None:
    edges.guilty = ("a",)
    bench.run()
    edges.calls.clear()
    bench.run()
    assert not edges.calls
    edges.guilty = ()
    bench.clock.turn(hours=3)
    assert not bench.run().failing
    assert [call for call in edges.calls if call[0] == "reload"] == [("reload", "edge", ("a",))]


def test_a_reload_that_fails_with_the_old_ones_too_is_nobody_s_fault(
    bench: Bench, edges: Refusing
) -> None:
    edges.broken["edge"] = "it is not running"
    assert bench.run().failing == NAMES
    assert edges.count("reload") == 2
    assert renewed(bench, edges) == set()


def test_a_hook_for_each_certificate_fails_for_just_the_one(bench: Bench, edges: Refusing) -> None:
    edges.guilty, edges.singly = ("b",), True
    assert bench.run().failing == ("b",)
    assert renewed(bench, edges) == {"a", "c"}
    reloads = [call[2] for call in edges.calls if call[0] == "reload"]
    assert reloads == [("a",), ("b",), ("c",), ("b",)]


def test_a_retry_is_planned_with_the_words_of_what_went_wrong(
    bench: Bench, edges: Refusing
) -> None:
    edges.guilty = ("a",)
    bench.run()
    (held,) = [one for one in bench.pipeline().looks("a").values() if isinstance(one, Held)]
    assert held.until is not None
    assert "a is bad" in held.why


def test_a_copy_that_is_missing_is_written_in_the_quiet_hours_and_nothing_reloaded(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "copy.pem"
    bench.want("a", "edge", copies=(Copy(path=path, kind=CopyKind.COMBINED),))
    bench.run()
    bench.clock.at = bench.clock.now().replace(hour=10)
    quiet = QuietHours(start=time(9), end=time(17))
    bench.wanted["a"] = replace(bench.wanted["a"], quiet=quiet)
    path.unlink()
    bench.edges.calls.clear()
    assert not bench.run().failing
    assert path.exists()
    assert bench.edges.count("reload") == 0
