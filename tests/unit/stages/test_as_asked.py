"""What the authority says of an order is held against what was asked for."""

from everleaf.core.wanted import Wanted
from support.bench import Bench


def wanted(bench: Bench, profile: str) -> Wanted:
    bench.ca.offered = {"classic": "", "short": ""}
    return bench.want("a", "edge", profile=profile)


def test_a_certificate_by_another_profile_than_asked_for_is_not_installed(bench: Bench) -> None:
    wanted(bench, "short")
    bench.ca.echo = "classic"
    assert bench.run().failing == ("a",)
    (trouble,) = bench.store.standing("a").troubles.values()
    assert trouble.fault.code == "chain-rejected"
    (words,) = trouble.fault.words
    assert "'classic'" in words
    assert "'short' was asked for" in words
    assert bench.versions("a") == 0


def test_the_profile_that_an_authority_chooses_where_none_was_asked_for_is_right(
    bench: Bench,
) -> None:
    wanted(bench, "")
    bench.ca.echo = "classic"
    assert not bench.run().failing


def test_an_authority_that_does_not_say_its_profile_is_believed(bench: Bench) -> None:
    wanted(bench, "short")
    assert not bench.run().failing
