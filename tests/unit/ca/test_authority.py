"""The adapter where Pebble cannot be made to misbehave."""

import json

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.core.identifiers import parse
from everleaf.errors import Actor, AuthorityError, UnreachableError
from everleaf.ports import Status
from support.faulty import Fault, Faulty, Reply, document, problem
from support.wire import Turning, adapter

ORDER = {
    "status": "ready",
    "identifiers": [{"type": "dns", "value": "a.test"}],
    "authorizations": ["/authorization"],
    "finalize": "/finalize",
}
NAMES = [parse("a.test"), parse("192.0.2.7")]


@pytest.fixture
def authority(server: Faulty, clock: Turning) -> AcmeAuthority:
    server.replies["/order"] = document(ORDER, 201, location="/order/1")
    server.replies["/order/1"] = document(ORDER)
    return adapter(server.directory, server.ca_file, clock=clock)


def payload(server: Faulty, path: str) -> object:
    return [one.payload for one in server.seen if one.path == path][-1]


@pytest.mark.rule("ARI-15")
def test_replaces_is_sent_only_where_the_directory_has_renewal_info(
    server: Faulty, authority: AcmeAuthority
) -> None:
    authority.new_order(NAMES, "abc.def")
    identifiers = [{"type": "dns", "value": "a.test"}, {"type": "ip", "value": "192.0.2.7"}]
    assert payload(server, "/order") == {"identifiers": identifiers}
    assert not authority.has_renewal_info()


@pytest.mark.rule("ARI-15")
def test_replaces_stands_in_new_order_and_its_reflection_is_not_relied_on(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.serve_acme(renewalInfo="/ari")
    assert authority.has_renewal_info()
    authority.new_order(NAMES[:1], "abc.def")
    expected = {"identifiers": [{"type": "dns", "value": "a.test"}], "replaces": "abc.def"}
    assert payload(server, "/order") == expected


def with_profiles(server: Faulty, **profiles: str) -> None:
    body = json.loads(server.replies["/dir"].body)
    server.replies["/dir"] = document({**body, "meta": {"profiles": profiles}})


def test_a_profile_is_sent_only_where_one_is_asked_for(
    server: Faulty, authority: AcmeAuthority
) -> None:
    with_profiles(server, short="six days")
    authority.new_order(NAMES[:1], None)
    assert payload(server, "/order") == {"identifiers": [{"type": "dns", "value": "a.test"}]}
    authority.new_order(NAMES[:1], None, "short")
    assert payload(server, "/order") == {
        "identifiers": [{"type": "dns", "value": "a.test"}],
        "profile": "short",
    }


@pytest.mark.parametrize(
    ("profiles", "remedy"),
    [
        ({"b": "the second", "a": "the first"}, "It offers: a (the first); b (the second)"),
        ({"a": ""}, "It offers: a"),
        ({}, "It offers no profiles: take `profile` out"),
    ],
)
def test_a_profile_that_is_not_offered_is_refused_without_asking(
    server: Faulty, authority: AcmeAuthority, profiles: dict[str, str], remedy: str
) -> None:
    with_profiles(server, **profiles)
    with pytest.raises(AuthorityError) as caught:
        authority.new_order(NAMES, None, "c")
    fault = caught.value.fault
    assert (fault.actor, fault.code, fault.remedy) == (Actor.OPERATOR, "unknown-profile", remedy)
    assert server.paths("POST") == []


def test_a_profile_that_the_authority_refuses_all_the_same_comes_in_its_words(
    server: Faulty, authority: AcmeAuthority
) -> None:
    with_profiles(server, short="six days")
    server.replies["/order"] = problem("invalidProfile", 400, "not for this account")
    with pytest.raises(AuthorityError, match="not for this account") as caught:
        authority.new_order(NAMES, None, "short")
    assert caught.value.fault.actor is Actor.OPERATOR
    assert caught.value.fault.remedy == "It offers: short (six days)"
    assert caught.value.problem is not None
    assert caught.value.problem.kind == "invalidProfile"


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.RESET])
def test_new_order_is_sent_once_when_its_answer_is_lost(
    server: Faulty, authority: AcmeAuthority, fault: Fault
) -> None:
    server.faults = [("/order", fault)]
    with pytest.raises(UnreachableError):
        authority.new_order(NAMES, None)
    assert server.paths("POST").count("/order") == 1


def test_finalize_is_sent_once_when_its_answer_is_lost(
    server: Faulty, authority: AcmeAuthority
) -> None:
    order = authority.order(server.url + "/order/1")
    server.faults = [("/finalize", Fault.LOST_ANSWER)]
    with pytest.raises(UnreachableError):
        authority.finalize(order, b"csr")
    assert server.paths("POST").count("/finalize") == 1


def test_a_finalize_that_meets_an_internal_error_leaves_the_order_to_say_what_became_of_it(
    server: Faulty, authority: AcmeAuthority
) -> None:
    order = authority.order(server.url + "/order/1")
    server.replies["/finalize"] = problem("serverInternal", 500, "try again")
    with pytest.raises(UnreachableError, match="try again"):
        authority.finalize(order, b"csr")


@pytest.mark.rule("ACME-2")
def test_finalize_keeps_the_orders_url_and_its_retry_after(
    server: Faulty, authority: AcmeAuthority, clock: Turning
) -> None:
    order = authority.order(server.url + "/order/1")
    server.replies["/finalize"] = document({**ORDER, "status": "processing"}, retry_after="9")
    after = authority.finalize(order, b"csr")
    assert after.url == order.url
    assert after.status is Status.PROCESSING
    assert after.retry_at is not None
    assert 0 < (after.retry_at - clock.now()).total_seconds() <= 9


def test_an_answer_to_a_challenge_that_was_lost_on_its_way_is_given_again(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/challenge"] = document({"type": "http-01", "status": "pending"})
    server.faults = [("/challenge", Fault.LOST_REQUEST)]
    authority.answer(server.url + "/challenge")
    assert [one.payload for one in server.seen if one.path == "/challenge"] == [{}, None, {}]


def test_an_answer_to_a_challenge_that_arrived_is_not_given_twice(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/challenge"] = document({"type": "http-01", "status": "processing"})
    server.faults = [("/challenge", Fault.LOST_ANSWER)]
    authority.answer(server.url + "/challenge")
    assert [one.payload for one in server.seen if one.path == "/challenge"] == [{}, None]


@pytest.mark.rule("ACME-12")
def test_an_authorization_is_given_up_by_its_status(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/authorization"] = document({"status": "deactivated"})
    authority.deactivate(server.url + "/authorization")
    assert payload(server, "/authorization") == {"status": "deactivated"}


def test_looks_are_post_as_get(server: Faulty, authority: AcmeAuthority) -> None:
    authority.order(server.url + "/order/1")
    seen = server.seen[-1]
    assert (seen.method, seen.path, seen.payload) == ("POST", "/order/1", None)


def test_a_download_that_is_no_chain_is_the_authoritys_fault(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/certificate"] = Reply(body=b"<html>sorry</html>")
    with pytest.raises(AuthorityError, match="sorry"):
        authority.certificate(server.url + "/certificate")
    assert server.seen[-1].headers["accept"] == "application/pem-certificate-chain"


CHAIN = b"-----BEGIN CERTIFICATE-----"


@pytest.mark.rule("ACME-7")
def test_other_chains_are_downloaded_each_once_and_as_chains(
    server: Faulty, authority: AcmeAuthority
) -> None:
    links = '</certificate/1>;rel="alternate", </certificate>;rel=alternate, </dir>;rel="index"'
    again = ', </certificate/2>;rel=alternate, </certificate/1>;rel="alternate"'
    server.replies["/certificate"] = Reply(body=CHAIN, headers={"link": links + again})
    server.replies["/certificate/1"] = Reply(body=CHAIN + b" 1")
    server.replies["/certificate/2"] = Reply(body=CHAIN + b" 2")
    found = authority.alternates(server.url + "/certificate")
    assert found == (CHAIN + b" 1", CHAIN + b" 2")
    assert server.seen[-1].headers["accept"] == "application/pem-certificate-chain"


@pytest.mark.rule("ACME-7")
def test_a_certificate_without_links_has_no_other_chains(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/certificate"] = Reply(body=CHAIN)
    assert authority.alternates(server.url + "/certificate") == ()


def test_another_chain_that_is_none_is_the_authoritys_fault(
    server: Faulty, authority: AcmeAuthority
) -> None:
    headers = {"link": "</other>;rel=alternate"}
    server.replies["/certificate"] = Reply(body=CHAIN, headers=headers)
    server.replies["/other"] = Reply(body=b"sorry")
    with pytest.raises(AuthorityError, match="sorry"):
        authority.alternates(server.url + "/certificate")


def test_a_new_order_without_a_location_is_the_authoritys_fault(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/order"] = document(ORDER, 201)
    with pytest.raises(AuthorityError, match="Location"):
        authority.new_order(NAMES, None)


@pytest.mark.rule("ACME-5")
def test_a_limit_on_new_orders_comes_with_its_time(
    server: Faulty, authority: AcmeAuthority, clock: Turning
) -> None:
    server.replies["/order"] = problem("rateLimited", 429, "too many", retry_after="7200")
    with pytest.raises(AuthorityError) as caught:
        authority.new_order(NAMES, None)
    assert caught.value.limited
    assert caught.value.retry_at is not None
    assert 7100 < (caught.value.retry_at - clock.now()).total_seconds() <= 7200
