"""What a certificate may ask for: authorities, solvers, usages, looks beforehand, rehearsals."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.rehearsed import Rehearsed
from everleaf.core.wanted import Preflight, Usage
from everleaf.errors import UnreachableError
from everleaf.ports import Concern
from fakes.authority import MemoryAuthority, refusal
from support.bench import Bench

WORD = Concern(identifier="a.example.org", code="unreachable", what="nobody answers at 192.0.2.1")


@pytest.fixture
def two(bench: Bench) -> MemoryAuthority:
    """Two authorities: `memory` is the bench's own, `second` the one that is returned."""
    second = MemoryAuthority(bench.clock)
    second.hierarchy = bench.ca.hierarchy
    second.responses = bench.ca.responses
    known = {"memory": bench.ca, "second": second}
    bench.authorities = known.__getitem__
    bench.want("a", authorities=("memory", "second"))
    return second


def authority(bench: Bench, name: str) -> str:
    version = bench.shelf.holding(bench.wanted[name]).newest
    assert version is not None
    return version.authority


def lost() -> UnreachableError:
    return UnreachableError("no answer", where="ca")


# -- authorities ---------------------------------------------------------------------------------


def test_the_preferred_authority_is_asked_first(bench: Bench, two: MemoryAuthority) -> None:
    bench.run()
    assert authority(bench, "a") == "memory"
    assert not two.calls


def test_where_it_is_down_the_next_one_issues_in_the_same_run(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.ca.fail("new_order", lost(), times=9)
    report = bench.run()
    assert not report.failing
    assert authority(bench, "a") == "second"
    assert two.issued == 1


@pytest.mark.parametrize(
    "error", [refusal("rateLimited", 429, "slow"), refusal("rejectedIdentifier", 403, "no")]
)
def test_where_it_limits_or_refuses_the_next_one_issues(
    bench: Bench, two: MemoryAuthority, error: Exception
) -> None:
    bench.ca.fail("new_order", error)
    assert not bench.run().failing
    assert authority(bench, "a") == "second"
    assert two.issued == 1


def test_an_order_that_cannot_be_followed_is_given_up_for_another_authority(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.ca.fail("authorization", lost(), times=99)
    assert not bench.run().failing
    assert authority(bench, "a") == "second"
    assert two.issued == 1
    assert not bench.ca.responses


def test_what_was_finalized_is_waited_for_since_it_may_be_issued(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.ca.fail("finalize", lost(), times=3)
    assert bench.run().failing == ("a",)
    bench.clock.turn(minutes=2)
    bench.ca._faults.clear()
    bench.run()
    assert authority(bench, "a") == "memory"
    assert two.issued == 0


def test_replaces_and_polls_go_only_to_the_authority_that_issued(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.run()
    bench.ca.fail("new_order", lost(), times=9)
    bench.clock.turn(days=75)
    bench.run()
    assert authority(bench, "a") == "second"
    assert not two._predecessors
    polled = bench.ca.calls.count("renewal_info")
    bench.clock.turn(days=1)
    bench.run()
    assert bench.ca.calls.count("renewal_info") == polled
    assert "renewal_info" in two.calls


def test_the_next_renewal_goes_back_to_the_preferred_one(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.ca.fail("new_order", lost(), times=2)
    bench.run()
    assert two.issued == 1
    bench.ca._faults.clear()
    bench.clock.turn(days=80)
    bench.run()
    assert authority(bench, "a") == "memory"
    # Coming back is no cause of its own.
    assert bench.versions("a") == 2


def test_failures_are_counted_for_each_authority_by_itself(
    bench: Bench, two: MemoryAuthority
) -> None:
    bench.ca.fail("new_order", lost(), times=99)
    two.fail("new_order", lost(), times=99)
    assert bench.run().failing == ("a",)
    job = bench.pipeline().read("a")
    assert [one.attempts.failures for one in job.venues] == [1, 1]
    calls = len(bench.ca.calls)
    bench.run()
    assert len(bench.ca.calls) == calls


# -- a look beforehand ---------------------------------------------------------------------------


def test_a_look_beforehand_warns_and_the_order_is_placed(bench: Bench) -> None:
    bench.want("a")
    bench.concerns = (WORD,)
    assert not bench.run().failing
    warned = [one for one in bench.events.lines if one[1] == "validation is likely to fail"]
    assert len(warned) == 1
    assert bench.live("a")


def test_it_stops_the_order_where_it_is_to_and_tells_what_it_saw(bench: Bench) -> None:
    bench.want("a", preflight=Preflight.STOP)
    bench.concerns = (WORD,)
    assert bench.run().failing == ("a",)
    assert bench.code("a") == "preflight"
    assert bench.ca.ordered == 0


def test_in_an_emergency_it_never_stops(bench: Bench) -> None:
    bench.want("a", preflight=Preflight.STOP)
    bench.run()
    bench.concerns = (WORD,)
    bench.clock.turn(days=87)
    bench.run()
    assert bench.versions("a") == 2


def test_it_is_left_out_where_it_is_off(bench: Bench) -> None:
    bench.want("a", preflight=Preflight.OFF)
    bench.concerns = (WORD,)
    bench.run()
    assert not [one for one in bench.events.lines if one[1] == "validation is likely to fail"]


# -- usages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("usages", [(Usage.CLIENT,), (Usage.SERVER, Usage.CLIENT)])
def test_a_certificate_for_clients_is_verified_as_asked_and_presented(
    bench: Bench, usages: tuple[Usage, ...]
) -> None:
    bench.ca.copies_usages = True
    one = bench.want("a", "edge", usages=usages)
    present = tuple(replace(each, present=True) for each in one.endpoints)
    bench.wanted["a"] = replace(one, endpoints=present)
    assert not bench.run().failing
    assert bench.live("a")
    (seen,) = bench.store.standing("a").observations
    assert seen.sight.value == "confirmed"


def test_a_server_that_refuses_it_is_failing(bench: Bench) -> None:
    bench.ca.copies_usages = True
    one = bench.want("a", "edge", usages=(Usage.CLIENT,))
    present = tuple(replace(each, present=True) for each in one.endpoints)
    bench.wanted["a"] = replace(one, endpoints=present)
    bench.edges.strict.add("edge")
    assert bench.run().failing == ("a",)
    (seen,) = bench.store.standing("a").observations
    assert seen.sight.value == "refused"
    bench.edges.strict.clear()
    bench.clock.turn(hours=1)
    assert not bench.run().failing
    assert bench.versions("a") == 1


def test_a_usage_that_the_authority_does_not_certify_is_not_installed(bench: Bench) -> None:
    bench.want("a", usages=(Usage.CLIENT,))
    assert bench.run().failing == ("a",)
    assert bench.code("a") == "chain-rejected"
    assert bench.live("a") is None


# -- terms, rehearsals, keys ---------------------------------------------------------------------


@pytest.mark.rule("ACME-8")
def test_changed_terms_of_service_are_told_once(bench: Bench) -> None:
    for name in "ab":
        bench.want(name)
    bench.terms = "https://ca.example/terms/2"
    bench.run()
    bench.run(force=True)
    told = [one for one in bench.events.lines if one[1] == "terms of service changed"]
    assert len(told) == 1


def test_a_first_order_waits_for_a_rehearsal_of_just_that(bench: Bench) -> None:
    one = bench.want("a", rehearse=True)
    bench.rehearsals["a"] = Rehearsed(ask="of something else")
    bench.run()
    assert bench.ca.ordered == 0
    bench.rehearsals["a"] = Rehearsed(ask=one.ask)
    bench.run()
    assert bench.live("a")
    bench.rehearsals.clear()
    bench.clock.turn(days=80)
    bench.run()
    assert bench.versions("a") == 2


@pytest.mark.parametrize("reuse", [True, False])
def test_a_key_is_reused_only_where_that_is_wanted(bench: Bench, reuse: bool) -> None:
    bench.want("a", reuse_key=reuse)
    bench.run()
    key = Path(bench.shelf.live_path("a"), "privkey.pem").read_bytes()
    bench.clock.turn(days=80)
    bench.run()
    assert (Path(bench.shelf.live_path("a"), "privkey.pem").read_bytes() == key) == reuse


def test_a_revoked_version_is_due_at_once_and_never_goes_live_again(bench: Bench) -> None:
    one = bench.want("a")
    bench.run()
    version = bench.shelf.holding(one).newest
    assert version is not None
    bench.shelf.amend("a", replace(version, revoked_at=bench.clock.now()))
    bench.clock.turn(minutes=1)
    bench.run()
    assert bench.versions("a") == 2
    assert bench.live("a") != version.id
    assert bench.clock.now() - version.installed_at < timedelta(hours=1)
