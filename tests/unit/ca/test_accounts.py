"""What is done with our account, where Pebble cannot be made to answer as it must."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from everleaf.ca.jws import load, new_key
from everleaf.errors import AuthorityError, OperatorError, UnreachableError
from everleaf.ports import Accounts
from support.faulty import Fault, Faulty, Reply, document, problem
from support.wire import MemoryAccounts, adapter

TERMS = "https://ca.test/terms/"
ACCOUNT = {"status": "valid", "contact": ["mailto:old@a.test"]}
UNKNOWN = problem("accountDoesNotExist", 400)


@pytest.fixture
def files(server: Faulty) -> MemoryAccounts:
    return MemoryAccounts(new_key(), server.url + "/me")


@pytest.fixture
def ours(server: Faulty, files: MemoryAccounts) -> Accounts:
    server.replies |= {"/me": document(ACCOUNT), "/key": document({})}
    with_meta(server, termsOfService=TERMS + "1")
    return accounts(server, files)


def accounts(server: Faulty, files: MemoryAccounts, **more: Any) -> Accounts:
    return adapter(server.directory, server.ca_file, accounts=files, **more).accounts


def with_meta(server: Faulty, **meta: object) -> None:
    names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "keyChange": "key"}
    resources = {name: f"{server.url}/{path}" for name, path in names.items()}
    server.replies["/dir"] = document({**resources, "meta": meta})


def sent(server: Faulty, path: str) -> list[Any]:
    return [one.payload for one in server.seen if one.path == path]


# -- facts and update ------------------------------------------------------------------------------


@pytest.mark.rule("ACME-9")
def test_the_account_is_shown_as_the_authority_has_it(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    files.agreed = TERMS + "0"
    facts = ours.facts()
    assert (facts.url, facts.status) == (server.url + "/me", "valid")
    assert facts.contact == ("mailto:old@a.test",)
    assert facts.thumbprint == load(files.key or b"").thumbprint
    assert (facts.terms, facts.agreed) == (TERMS + "1", TERMS + "0")
    assert sent(server, "/me") == [None]


def test_an_account_without_contact_has_none(server: Faulty, ours: Accounts) -> None:
    server.replies["/me"] = document({"status": "valid", "contact": None})
    assert ours.facts().contact == ()


def test_an_account_that_was_deactivated_elsewhere_is_said_to_be(
    server: Faulty, ours: Accounts
) -> None:
    server.replies["/me"] = problem("unauthorized", 403, "it is deactivated")
    with pytest.raises(OperatorError, match="it is deactivated") as caught:
        ours.facts()
    assert caught.value.fault.code == "account-refused"


@pytest.mark.rule("ACME-9")
@pytest.mark.parametrize("contact", [("mailto:new@a.test",), ()])
def test_the_contact_becomes_what_is_configured_where_that_is_none_too(
    server: Faulty, files: MemoryAccounts, ours: Accounts, contact: tuple[str, ...]
) -> None:
    del ours
    accounts(server, files, contact=contact).update()
    assert sent(server, "/me") == [{"contact": list(contact)}]


@pytest.mark.parametrize("kind", ["invalidContact", "unsupportedContact"])
def test_a_contact_that_is_refused_agrees_to_nothing(
    server: Faulty, files: MemoryAccounts, ours: Accounts, kind: str
) -> None:
    files.agreed = TERMS + "0"
    server.replies["/me"] = problem(kind, 400, "no such mailbox")
    with pytest.raises(OperatorError, match="no such mailbox") as caught:
        ours.update()
    assert caught.value.fault.code == "contact-refused"
    assert files.agreed == TERMS + "0"


# -- terms of service ------------------------------------------------------------------------------


@pytest.mark.rule("ACME-8")
def test_terms_that_are_agreed_to_with_a_new_account_are_remembered(
    server: Faulty, ours: Accounts
) -> None:
    del ours
    fresh = MemoryAccounts()
    accounts(server, fresh).facts()
    assert fresh.agreed == TERMS + "1"


@pytest.mark.rule("ACME-8")
def test_terms_that_changed_are_reported_until_an_update_agrees_to_them(
    files: MemoryAccounts, ours: Accounts
) -> None:
    files.agreed = TERMS + "0"
    assert ours.new_terms() == TERMS + "1"
    assert ours.update().agreed == TERMS + "1"
    assert ours.new_terms() == ""


@pytest.mark.rule("ACME-8")
def test_an_update_agrees_to_nothing_where_the_operator_does_not(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    del ours
    files.agreed = TERMS + "0"
    one = accounts(server, files, agreed=False)
    one.update()
    assert one.new_terms() == TERMS + "1"


@pytest.mark.parametrize(
    ("agreed", "meta"),
    [(TERMS + "1", {"termsOfService": TERMS + "1"}), ("", {"termsOfService": "x"}), ("x", {})],
)
def test_no_terms_are_new_that_are_agreed_to_or_not_known_or_not_there(
    server: Faulty, files: MemoryAccounts, agreed: str, meta: dict[str, str]
) -> None:
    files.agreed = agreed
    with_meta(server, **meta)
    assert accounts(server, files).new_terms() == ""


@pytest.mark.rule("ACME-8")
def test_terms_stay_known_when_the_account_is_found_again_by_its_key(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    del ours
    files.agreed, files.url = TERMS + "0", None
    one = accounts(server, files, agreed=False)
    one.facts()
    assert one.facts().agreed == TERMS + "0"
    assert files.load()[1] == server.url + "/me"


# -- roll-over -------------------------------------------------------------------------------------


def decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.mark.rule("ACME-9")
def test_a_roll_over_holds_both_keys_as_section_7_3_5_asks(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    old = load(files.key or b"")
    facts = ours.roll_over()
    new = load(files.key or b"")
    assert facts.thumbprint == new.thumbprint != old.thumbprint
    assert files.following is None
    (outer,) = [one for one in server.seen if one.path == "/key"]
    assert outer.protected["kid"] == server.url + "/me"
    assert outer.payload.keys() == {"protected", "payload", "signature"}
    inner = decoded(outer.payload["protected"])
    assert inner == {"alg": "ES256", "jwk": new.public, "url": server.url + "/key"}
    assert decoded(outer.payload["payload"]) == {
        "account": server.url + "/me",
        "oldKey": old.public,
    }


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["ecdsa-p384", "rsa-2048"],
)
def test_the_new_key_is_of_the_old_ones_kind(
    files: MemoryAccounts, ours: Accounts, key: Any
) -> None:
    old = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.key = old
    ours.roll_over()
    assert files.key not in (None, old)
    before, after = load(old), load(files.key or b"")
    assert after.algorithm == before.algorithm
    assert after.key.key.key_size == key.key_size


@pytest.mark.rule("ACME-9")
def test_the_new_key_is_kept_before_anything_is_sent(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    class Full(MemoryAccounts):
        def save_next_key(self, _: bytes) -> None:
            raise OSError("the disk is full")

    full = Full(files.key, files.url)
    with pytest.raises(OSError, match="full"):
        accounts(server, full).roll_over()
    assert "/key" not in server.paths()
    assert ours.facts().url == server.url + "/me"


@pytest.mark.parametrize("kind", ["malformed", "badPublicKey", "rateLimited"])
def test_a_roll_over_that_is_refused_leaves_the_old_key(
    server: Faulty, files: MemoryAccounts, ours: Accounts, kind: str
) -> None:
    before = files.key
    server.replies["/key"] = problem(kind, 403, "not now")
    with pytest.raises(AuthorityError, match="not now"):
        ours.roll_over()
    assert (files.key, files.following) == (before, None)
    assert ours.facts().thumbprint == load(before or b"").thumbprint


def test_an_authority_without_key_change_is_said_to_have_none(
    server: Faulty, files: MemoryAccounts
) -> None:
    server.replies["/me"] = document(ACCOUNT)
    with pytest.raises(AuthorityError) as caught:
        accounts(server, files).roll_over()
    assert caught.value.fault.code == "no-key-change"
    assert files.following is None


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LOST_REQUEST, problem("x", 500)])
def test_where_nobody_knows_both_keys_stay_until_the_authority_has_been_asked(
    server: Faulty, files: MemoryAccounts, ours: Accounts, fault: Fault | Reply
) -> None:
    before = files.key
    server.faults = [("/key", fault)]
    server.replies["/account"] = UNKNOWN
    with pytest.raises(UnreachableError):
        ours.roll_over()
    assert files.key == before
    assert files.following is not None
    assert server.paths().count("/key") == 1


# -- deactivation ----------------------------------------------------------------------------------


@pytest.mark.rule("ACME-9")
def test_a_deactivated_account_is_put_aside_and_the_next_use_opens_another(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    before = files.key
    ours.deactivate()
    assert sent(server, "/me") == [{"status": "deactivated"}]
    assert files.retired is not None
    assert files.key is None
    ours.facts()
    assert files.key not in (None, before)


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, problem("unauthorized", 403)])
def test_an_account_that_turns_out_to_be_deactivated_is_put_aside_too(
    server: Faulty, files: MemoryAccounts, ours: Accounts, fault: Fault | Reply
) -> None:
    server.faults = [("/me", fault)]
    server.replies["/account"] = problem("unauthorized", 403, "it is deactivated")
    ours.deactivate()
    assert files.retired is not None


def test_an_account_that_the_authority_does_not_know_is_put_aside_too(
    server: Faulty, files: MemoryAccounts, ours: Accounts
) -> None:
    server.replies["/me"] = UNKNOWN
    ours.deactivate()
    assert files.retired is not None


@pytest.mark.parametrize(
    "fault", [Fault.LOST_REQUEST, problem("unauthorized", 403), problem("rateLimited", 429)]
)
def test_an_account_that_is_still_valid_stays(
    server: Faulty, files: MemoryAccounts, ours: Accounts, fault: Fault | Reply
) -> None:
    server.faults = [("/me", fault)]
    server.replies["/account"] = document(ACCOUNT, location=server.url + "/me")
    with pytest.raises(AuthorityError):
        ours.deactivate()
    assert files.retired is None


def test_where_there_is_no_account_none_is_opened_to_be_deactivated(server: Faulty) -> None:
    with pytest.raises(OperatorError) as caught:
        accounts(server, MemoryAccounts()).deactivate()
    assert caught.value.fault.code == "no-account"
    assert server.paths("POST") == []
