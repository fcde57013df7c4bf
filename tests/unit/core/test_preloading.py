"""What preloading demands, one by one (hstspreload.org)."""

from dataclasses import replace

import pytest

from everleaf.core.hsts import Policy
from everleaf.core.preloading import Judged, Looks, Met, demands

YES = Judged(Met.YES, "it is so")
GOOD = Looks(certificate=YES, redirect=YES, www=YES, further=YES)
FULL = Policy(max_age=31536000, include_subdomains=True, preload=True)


def met(host: str, policy: Policy | None, looks: Looks = GOOD) -> dict[str, Met]:
    return {one.code: one.met for one in demands(host, policy, looks)}


def test_a_host_that_does_all_leaves_only_what_cannot_be_seen() -> None:
    found = met("example.org", FULL)
    assert {code for code, one in found.items() if one is not Met.YES} == {"all-subdomains"}
    assert found["all-subdomains"] is Met.UNKNOWN


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        (None, {"max-age", "include-subdomains", "preload"}),
        (Policy(max_age=31536000), {"include-subdomains", "preload"}),
        (Policy(max_age=31535999, include_subdomains=True, preload=True), {"max-age"}),
        (Policy(max_age=63072000, preload=True), {"include-subdomains"}),
        (Policy(max_age=63072000, include_subdomains=True), {"preload"}),
    ],
)
def test_what_the_header_lacks_is_named(policy: Policy | None, missing: set[str]) -> None:
    found = met("example.org", policy)
    assert {code for code, one in found.items() if one is Met.NO} == missing


@pytest.mark.parametrize("which", ["certificate", "redirect", "www", "further"])
def test_what_others_found_is_handed_on_with_its_reason(which: str) -> None:
    judged = Judged(Met.NO, "it is broken")
    looks = replace(GOOD, **{which: judged})
    (one,) = [one for one in demands("example.org", FULL, looks) if one.met is Met.NO]
    assert one.judged is judged


def test_whether_a_deeper_name_is_the_base_domain_is_not_known() -> None:
    assert met("www.example.org", FULL)["base-domain"] is Met.UNKNOWN
    assert met("example.co.uk", FULL)["base-domain"] is Met.UNKNOWN
    assert met("example.org.", FULL)["base-domain"] is Met.YES


def test_every_demand_says_why() -> None:
    assert all(one.judged.why and one.what for one in demands("example.org", None, GOOD))
