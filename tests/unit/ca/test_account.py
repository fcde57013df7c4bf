"""The account: found by its key, or created; what the operator must do is said."""

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.jws import load, new_key
from everleaf.core.identifiers import parse
from everleaf.errors import AuthorityError, EverleafError, OperatorError
from support.faulty import Faulty, document, problem
from support.wire import MemoryAccounts, adapter

ORDER = {
    "status": "pending",
    "identifiers": [{"type": "dns", "value": "a.test"}],
    "authorizations": [],
    "finalize": "/f",
}


@pytest.fixture
def accounts() -> MemoryAccounts:
    return MemoryAccounts()


def authority(
    server: Faulty, accounts: MemoryAccounts, *, agreed: bool = True, contact: tuple[str, ...] = ()
) -> AcmeAuthority:
    return adapter(
        server.directory, server.ca_file, accounts=accounts, agreed=agreed, contact=contact
    )


def payloads(server: Faulty) -> list[object]:
    return [one.payload for one in server.seen if one.path == "/account"]


def with_meta(server: Faulty, **meta: object) -> None:
    urls = {name: f"{server.url}/{name}" for name in ("newNonce", "newOrder")}
    urls["newNonce"], urls["newAccount"] = f"{server.url}/nonce", f"{server.url}/account"
    server.replies["/dir"] = document({**urls, "meta": meta})


def test_the_key_is_kept_before_anything_is_sent_and_the_url_after(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    server.faults = [("/account", problem("serverInternal", 400))]
    with pytest.raises(AuthorityError):
        authority(server, accounts).account()
    key = accounts.key
    assert key is not None
    assert not accounts.url
    assert authority(server, accounts).account() == server.url + "/me"
    assert (accounts.key, accounts.url) == (key, server.url + "/me")


def test_a_known_account_costs_no_request(server: Faulty, accounts: MemoryAccounts) -> None:
    authority(server, accounts).account()
    server.seen.clear()
    assert authority(server, accounts).account() == server.url + "/me"
    assert server.seen == []


def test_contact_and_agreement_are_sent(server: Faulty, accounts: MemoryAccounts) -> None:
    authority(server, accounts, contact=("mailto:ops@a.test",)).account()
    assert payloads(server) == [{"contact": ["mailto:ops@a.test"], "termsOfServiceAgreed": True}]


@pytest.mark.rule("ACME-8")
def test_terms_are_never_agreed_to_by_default_and_their_url_is_named(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    with_meta(server, termsOfService="https://ca.test/terms.pdf")
    server.replies["/account"] = problem("accountDoesNotExist", 400)
    with pytest.raises(OperatorError) as caught:
        authority(server, accounts, agreed=False).account()
    assert caught.value.fault.code == "terms-not-agreed"
    assert caught.value.fault.where == "https://ca.test/terms.pdf"
    assert "terms_of_service_agreed" in caught.value.fault.remedy
    assert payloads(server) == [{"onlyReturnExisting": True}]


@pytest.mark.rule("ACME-8")
def test_an_account_that_the_key_has_already_is_found_without_agreeing_again(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    with_meta(server, termsOfService="https://ca.test/terms.pdf")
    assert authority(server, accounts, agreed=False).account() == server.url + "/me"


@pytest.mark.rule("ACME-8")
def test_terms_that_only_the_refusal_speaks_of_are_not_agreed_to_either(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    server.replies["/account"] = problem("userActionRequired", 403)
    with pytest.raises(OperatorError) as caught:
        authority(server, accounts, agreed=False).account()
    assert caught.value.fault.code == "terms-not-agreed"
    assert payloads(server) == [{}]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalidContact", "contact-refused"),
        ("unsupportedContact", "contact-refused"),
        ("unauthorized", "account-refused"),
        ("externalAccountRequired", "external-account-required"),
    ],
)
def test_what_the_operator_must_mend_is_the_operators_fault_in_the_authoritys_words(
    server: Faulty, accounts: MemoryAccounts, kind: str, code: str
) -> None:
    server.replies["/account"] = problem(kind, 403, "as it says")
    with pytest.raises(OperatorError) as caught:
        authority(server, accounts).account()
    assert caught.value.fault.code == code
    assert caught.value.fault.remedy
    assert kind == "externalAccountRequired" or "as it says" in str(caught.value)


def test_an_account_that_the_authority_lost_is_opened_again_with_the_same_key(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    one = authority(server, accounts)
    one.account()
    key = accounts.key
    server.replies["/account"] = document({}, 201, location=server.url + "/me-again")
    server.replies["/order"] = document(ORDER, 201, location="/order/1")
    server.faults = [("/order", problem("accountDoesNotExist", 400))]
    assert one.new_order([parse("a.test")], None).url == server.url + "/order/1"
    assert (accounts.key, accounts.url) == (key, server.url + "/me-again")
    assert server.seen[-1].protected["kid"] == server.url + "/me-again"


def test_an_account_that_another_thread_opened_again_is_not_opened_once_more(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    one = authority(server, accounts)._account
    lost = one.signer()
    server.replies["/account"] = document({}, 201, location=server.url + "/me-again")
    first, second = one.open_again(lost), one.open_again(lost)
    assert first.kid == second.kid == server.url + "/me-again"
    assert len(payloads(server)) == 2


def test_an_account_that_stays_unknown_is_an_error_and_not_a_circle(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    server.replies["/order"] = problem("accountDoesNotExist", 400)
    with pytest.raises(AuthorityError, match="accountDoesNotExist"):
        authority(server, accounts).new_order([parse("a.test")], None)
    assert len(payloads(server)) == 2


def test_a_key_that_cannot_be_read_is_never_shown(server: Faulty) -> None:
    accounts = MemoryAccounts(
        key=b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    )
    with pytest.raises(OperatorError) as caught:
        authority(server, accounts).account()
    assert "c2VjcmV0" not in repr(caught.value) + str(caught.value.fault)
    assert server.seen == []


def test_an_account_without_a_location_is_the_authoritys_fault(
    server: Faulty, accounts: MemoryAccounts
) -> None:
    server.replies["/account"] = document({}, 201)
    with pytest.raises(AuthorityError, match="Location"):
        authority(server, accounts).account()


def test_after_a_roll_over_cut_short_the_key_that_the_authority_knows_goes_on(
    server: Faulty,
) -> None:
    new = new_key()
    accounts = MemoryAccounts(key=new_key(), url=server.url + "/me", following=new)
    assert authority(server, accounts).account() == server.url + "/me"
    assert (accounts.key, accounts.following) == (new, None)
    assert payloads(server) == [{"onlyReturnExisting": True}]
    assert server.seen[-1].protected["jwk"] == load(new).public


def test_after_a_roll_over_that_never_arrived_the_old_key_goes_on(server: Faulty) -> None:
    old = new_key()
    accounts = MemoryAccounts(key=old, url=server.url + "/me", following=new_key())
    server.faults = [("/account", problem("accountDoesNotExist", 400))]
    assert authority(server, accounts).account() == server.url + "/me"
    assert (accounts.key, accounts.following) == (old, None)
    assert server.seen[-1].protected["jwk"] == load(old).public


def test_no_key_is_dropped_before_the_authority_has_said_whose_account_it_is(
    server: Faulty,
) -> None:
    keys = new_key(), new_key()
    accounts = MemoryAccounts(key=keys[0], url=server.url + "/me", following=keys[1])
    for fault in (problem("rateLimited", 429), problem("unauthorized", 403)):
        server.faults = [("/account", fault)]
        with pytest.raises(EverleafError):
            authority(server, accounts).account()
        server.faults = [("/account", problem("accountDoesNotExist", 400)), ("/account", fault)]
        with pytest.raises(EverleafError):
            authority(server, accounts).account()
    assert (accounts.key, accounts.following) == keys
