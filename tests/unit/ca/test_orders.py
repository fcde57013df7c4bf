"""Orders and authorizations as read from the wire; nothing malformed gets through."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.ca import orders
from everleaf.ca.answer import Answer
from everleaf.ca.jws import load, new_key
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.errors import AuthorityError
from everleaf.ports import Status

SIGNER = load(new_key()).of("https://ca.test/account/1")
ORDER: dict[str, Any] = {
    "status": "pending",
    "identifiers": [{"type": "dns", "value": "WWW.example.org"}, {"type": "ip", "value": "::1"}],
    "authorizations": ["https://ca.test/a/1", "/a/2"],
    "finalize": "https://ca.test/f/1",
}
HTTP_01 = {"type": "http-01", "url": "https://ca.test/c/1", "status": "pending", "token": "t_-0"}
AUTHORIZATION: dict[str, Any] = {
    "status": "pending",
    "identifier": {"type": "dns", "value": "example.org"},
    "challenges": [HTTP_01],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def answer(body: object) -> Answer:
    return Answer(url="https://ca.test/o/1", status=200, body=json.dumps(body).encode())


def read_order(body: object) -> Any:
    return orders.order(answer(body), "https://ca.test/o/1", "show an order", None)


def read_authorization(body: object) -> Any:
    return orders.authorization(answer(body), "https://ca.test/a/1", SIGNER, None)


def test_an_order_is_read() -> None:
    one = read_order({**ORDER, "certificate": "/cert/1"})
    assert one.url == "https://ca.test/o/1"
    assert one.identifiers == (parse("www.example.org"), parse("::1"))
    assert one.authorizations == ("https://ca.test/a/1", "https://ca.test/a/2")
    assert one.certificate == "https://ca.test/cert/1"


@pytest.mark.parametrize(("said", "profile"), [("short", "short"), (None, ""), (7, "")])
def test_the_profile_of_an_order_is_read_where_it_is_a_text(said: object, profile: str) -> None:
    assert read_order({**ORDER, "profile": said}).profile == profile


@pytest.mark.rule("ACME-3")
@pytest.mark.parametrize("status", ["pending", "ready", "processing", "valid", "invalid"])
def test_an_order_may_be_in_any_state_at_any_look(status: str) -> None:
    assert read_order({**ORDER, "status": status}).status is Status(status)


@pytest.mark.rule("ACME-6")
def test_an_orders_problem_is_kept() -> None:
    error = {"type": "urn:ietf:params:acme:error:caa", "detail": "not allowed"}
    problem = read_order({**ORDER, "status": "invalid", "error": error}).problem
    assert (problem.kind, problem.detail) == ("caa", "not allowed")


def test_a_challenge_with_a_token_has_its_key_authorization() -> None:
    (challenge,) = read_authorization(AUTHORIZATION).challenges
    assert challenge.key_authorization == f"t_-0.{SIGNER.thumbprint}"
    assert SIGNER.thumbprint not in repr(challenge)


@pytest.mark.parametrize("kind", ["http-01", "dns-01", "tls-alpn-01", "dns-account-01"])
def test_challenges_with_a_token_name_the_account_too(kind: str) -> None:
    body = {**AUTHORIZATION, "challenges": [{**HTTP_01, "type": kind}]}
    (challenge,) = read_authorization(body).challenges
    assert challenge.key_authorization.startswith("t_-0.")
    assert challenge.account == "https://ca.test/account/1"
    with pytest.raises(AuthorityError, match="base64url"):
        read_authorization({**body, "challenges": [{**HTTP_01, "type": kind, "token": "a/b"}]})


def persist(**fields: object) -> Any:
    one = {"type": "dns-persist-01", "url": "/c/5", "status": "pending", **fields}
    (challenge,) = read_authorization({**AUTHORIZATION, "challenges": [one]}).challenges
    return challenge


@pytest.mark.parametrize("field", ["issuer-domain-names", "issuerDomainNames"])
def test_dns_persist_01_has_the_account_and_the_issuers_and_no_token(field: str) -> None:
    challenge = persist(**{field: ["CA.example.", "other.example"]})
    assert challenge.issuers == ("ca.example", "other.example")
    assert challenge.account == "https://ca.test/account/1"
    assert (challenge.token, challenge.key_authorization) == ("", "")


@pytest.mark.parametrize(
    "names",
    [None, "ca.example", [], [7], ["ca.example", None], ["a"] * 11, ["ä"], ["x" * 254], [""]],
)
def test_dns_persist_01_without_good_names_has_no_issuer_at_all(names: object) -> None:
    assert persist(**{"issuer-domain-names": names}).issuers == ()
    assert persist().issuers == ()


@pytest.mark.parametrize(
    "unknown",
    [
        {"type": "moon-01", "url": "https://ca.test/c/9", "status": "pending"},
        {"type": "moon-01"},
        {"type": "moon-01", "url": "x", "status": "waxing", "token": 7},
        {"type": 4},
        "text",
        None,
    ],
)
def test_unknown_kinds_of_challenge_do_no_harm(unknown: object) -> None:
    body = {**AUTHORIZATION, "challenges": [unknown, HTTP_01]}
    kinds = [one.type for one in read_authorization(body).challenges]
    assert kinds[-1] == "http-01"


@pytest.mark.parametrize("token", ["../../etc/passwd", "", "a/b", "ä", None, 5, "a b", "a\n"])
def test_a_token_that_is_not_base64url_is_the_authoritys_fault(token: object) -> None:
    with pytest.raises(AuthorityError, match="base64url"):
        read_authorization({**AUTHORIZATION, "challenges": [{**HTTP_01, "token": token}]})


@pytest.mark.parametrize("field", ["status", "identifiers", "authorizations", "finalize"])
@pytest.mark.parametrize("value", [None, 7, "https://[", {"a": 1}, [7], [{}]])
def test_a_malformed_order_is_the_authoritys_fault(field: str, value: object) -> None:
    with pytest.raises(AuthorityError) as caught:
        read_order({**ORDER, field: value})
    assert caught.value.fault.code == "authority-malformed"


@pytest.mark.parametrize(
    "identifier", [{"type": "dns"}, {"type": "ip", "value": "no"}, {"type": "mail", "value": "x"}]
)
def test_an_identifier_of_another_kind_is_the_authoritys_fault(identifier: object) -> None:
    with pytest.raises(AuthorityError):
        read_authorization({**AUTHORIZATION, "identifier": identifier})


@pytest.mark.parametrize("read", [read_order, read_authorization])
@given(data=st.data())
def test_no_json_at_all_raises_anything_but_the_authoritys_fault(
    read: Callable[[object], Any], data: st.DataObject
) -> None:
    good = ORDER if read is read_order else AUTHORIZATION
    body = {**good, data.draw(st.sampled_from([*good, "error", "wildcard"])): data.draw(JSON)}
    with suppress(AuthorityError):
        assert read(body).url


def test_identifiers_go_on_the_wire_with_their_kind() -> None:
    wanted = [Identifier(Kind.DNS, "a.test"), Identifier(Kind.IP, "192.0.2.1")]
    assert orders.wire(wanted) == [
        {"type": "dns", "value": "a.test"},
        {"type": "ip", "value": "192.0.2.1"},
    ]
