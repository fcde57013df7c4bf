"""Revoking: what is sent, by whom it is signed, what is no error."""

import base64
from typing import Any

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.jws import load_other
from everleaf.core.wanted import KeyType
from everleaf.errors import Actor, AuthorityError, OperatorError
from everleaf.pki.keys import make
from support.faulty import Fault, Faulty, Reply, problem
from support.wire import adapter

LEAF = b"any DER"


@pytest.fixture
def authority(server: Faulty) -> AcmeAuthority:
    server.serve_acme(revokeCert="/revoke")
    server.replies["/revoke"] = Reply()
    return adapter(server.directory, server.ca_file)


def last(server: Faulty) -> Any:
    return next(one for one in reversed(server.seen) if one.path == "/revoke")


@pytest.mark.rule("ACME-13")
def test_the_account_signs_and_the_reason_is_sent(server: Faulty, authority: AcmeAuthority) -> None:
    authority.revoke(LEAF, 4)
    text = base64.urlsafe_b64encode(LEAF).rstrip(b"=").decode()
    assert last(server).payload == {"certificate": text, "reason": 4}
    assert last(server).protected["kid"] == server.url + "/me"


@pytest.mark.rule("ACME-13")
def test_no_reason_in_particular_is_not_sent(server: Faulty, authority: AcmeAuthority) -> None:
    authority.revoke(LEAF, 0)
    assert last(server).payload.keys() == {"certificate"}


@pytest.mark.rule("ACME-13")
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        (KeyType.ECDSA_P256, "ES256"),
        (KeyType.ECDSA_P384, "ES384"),
        (KeyType.RSA_2048, "RS256"),
    ],
)
def test_the_certificates_key_signs_where_it_is_given_and_no_account_is_needed(
    server: Faulty, authority: AcmeAuthority, kind: KeyType, algorithm: str
) -> None:
    key = make(kind)
    authority.revoke(LEAF, 1, key)
    protected = last(server).protected
    assert (protected["alg"], protected["jwk"]) == (algorithm, load_other(key).public)
    assert "kid" not in protected
    assert "/account" not in server.paths()


@pytest.mark.rule("ACME-13")
def test_what_is_revoked_already_is_no_error_and_a_lost_answer_is_asked_for_again(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.faults = [("/revoke", Fault.LOST_ANSWER)]
    server.replies["/revoke"] = problem("alreadyRevoked", 400)
    authority.revoke(LEAF, 1)
    assert server.paths().count("/revoke") == 2


def test_an_authority_that_revokes_nothing_is_said_to(server: Faulty) -> None:
    with pytest.raises(AuthorityError) as caught:
        adapter(server.directory, server.ca_file).revoke(LEAF, 1)
    assert caught.value.fault.code == "no-revocation"


def test_a_certificate_of_another_account_comes_with_the_way_out(
    server: Faulty, authority: AcmeAuthority
) -> None:
    server.replies["/revoke"] = problem("unauthorized", 403, "it is not yours")
    with pytest.raises(AuthorityError, match="it is not yours") as caught:
        authority.revoke(LEAF, 1)
    assert caught.value.fault.actor is Actor.OPERATOR
    assert "private key" in caught.value.fault.remedy


def test_a_key_that_cannot_be_read_is_never_shown(server: Faulty, authority: AcmeAuthority) -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    with pytest.raises(OperatorError) as caught:
        authority.revoke(LEAF, 1, key)
    assert caught.value.fault.code == "bad-key"
    assert "c2VjcmV0" not in repr(caught.value) + str(caught.value.fault)
    assert "/revoke" not in server.paths()
