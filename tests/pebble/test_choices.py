"""Profiles, challenges, other chains, revocation and proxies on a real Pebble."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from everleaf.ca.authority import AcmeAuthority
from everleaf.challenges.listener import HttpListener
from everleaf.core.identifiers import parse
from everleaf.core.wanted import KeyType
from everleaf.core.window import Suggestion
from everleaf.demo.authority import LocalAuthority
from everleaf.errors import Actor, AuthorityError, UnreachableError
from everleaf.pki.certificates import facts, split
from everleaf.pki.chain import judge
from everleaf.pki.keys import make, public
from everleaf.ports import Challenge
from support.faulty import document, faulty
from support.loopback import free
from support.machine import authority as pebble
from support.pebble import Issued, adapter_of, issue, listener
from support.tunnel import tunnel
from support.wire import MemoryAccounts, adapter

OPTIONS = {
    "caaIdentities": ["pebble.example"],
    "profiles": {
        "default": {"description": "as ever", "validityPeriod": 90 * 86400},
        "sixty": {"description": "sixty days", "validityPeriod": 60 * 86400},
    },
}
ENVIRONMENT = {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_ALTERNATE_ROOTS": "2"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    """Has two profiles, a name for CAA records, and three chains."""
    folder = tmp_path_factory.mktemp("pebble")
    with pebble(folder, options=OPTIONS, environment=ENVIRONMENT) as one:
        yield one


@pytest.fixture
def name() -> str:
    return f"n{free()[0].replace('.', '-')}.test"


@pytest.fixture
def web(running: LocalAuthority, name: str) -> HttpListener:
    return listener(running, name)


@pytest.fixture
def one(running: LocalAuthority) -> AcmeAuthority:
    return adapter_of(running)


# -- profiles and challenges -----------------------------------------------------------------------


def test_an_unknown_profile_is_refused_with_those_that_are_offered(
    one: AcmeAuthority, name: str
) -> None:
    with pytest.raises(AuthorityError) as caught:
        one.new_order([parse(name)], None, "ninety")
    assert caught.value.fault.actor is Actor.OPERATOR
    assert caught.value.fault.remedy == "It offers: default (as ever); sixty (sixty days)"


def test_a_profile_that_only_the_directory_has_is_refused_in_pebbles_words(
    running: LocalAuthority, name: str, tmp_path: Path
) -> None:
    with faulty(tmp_path, running.directory, running.ca_file) as between:
        session = adapter(between.directory, between.ca_file)._session
        directory = session.get(between.directory, "look").document("look")
        other = {**directory, "meta": {"profiles": {"ghost": "gone"}}}
        between.replies["/dir"] = document(other)
        stale = adapter(between.directory, between.ca_file)
        with pytest.raises(AuthorityError, match="unrecognized profile name") as caught:
            stale.new_order([parse(name)], None, "ghost")
    assert caught.value.fault.code == "unknown-profile"
    assert "ghost (gone)" in caught.value.fault.remedy


def challenges(one: AcmeAuthority, name: str) -> dict[str, Challenge]:
    order = one.new_order([parse(name)], None)
    (url,) = order.authorizations
    return {each.type: each for each in one.authorization(url).challenges}


def test_each_kind_of_challenge_has_what_answers_it(one: AcmeAuthority, name: str) -> None:
    found = challenges(one, name)
    with_token = {"http-01", "dns-01", "tls-alpn-01", "dns-account-01"}
    assert set(found) == with_token | {"dns-persist-01"}
    for kind in with_token:
        token, thumb = found[kind].key_authorization.split(".")
        assert (token, thumb) == (found[kind].token, one.accounts.facts().thumbprint)
    assert found["dns-persist-01"].issuers == ("pebble.example",)
    assert {each.account for each in found.values()} == {one.account()}


# -- other chains and revocation -------------------------------------------------------------------


@pytest.mark.rule("ACME-7")
def test_acme_7_every_other_chain_is_downloaded_each_to_a_root_of_its_own(
    running: LocalAuthority, one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    chains = [got.pem, *one.alternates(got.order.certificate or "")]
    assert len(chains) == 3
    pool = running._pool()
    for number, pem in enumerate(chains):
        root = pool.request("GET", f"{running.management}/roots/{number}").data
        verdict = judge(
            split(pem),
            public_key=public(got.key),
            identifiers=[parse(name)],
            roots=split(root),
            now=datetime.now(UTC),
        )
        assert verdict.objections == ()


def window(one: AcmeAuthority, got: Issued) -> Suggestion:
    found = one.renewal_info(facts(got.chain[0]).cert_id or "")
    assert isinstance(found, Suggestion)
    return found


@pytest.mark.rule("ACME-13")
@pytest.mark.rule("ARI-18")
def test_acme_13_the_account_revokes_and_the_window_has_passed(
    one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    assert window(one, got).window.end > datetime.now(UTC)
    one.revoke(got.chain[0], 4)
    assert window(one, got).window.end < datetime.now(UTC)
    one.revoke(got.chain[0], 4)


@pytest.mark.rule("ACME-13")
@pytest.mark.rule("ARI-18")
def test_acme_13_the_certificates_key_revokes_without_any_account(
    running: LocalAuthority, one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    nobody = MemoryAccounts()
    adapter(running.directory, running.ca_file, accounts=nobody).revoke(got.chain[0], 1, got.key)
    assert nobody.key is None
    assert window(one, got).window.end < datetime.now(UTC)


@pytest.mark.rule("ACME-13")
def test_acme_13_neither_another_account_nor_another_key_revokes(
    running: LocalAuthority, one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    with pytest.raises(AuthorityError, match="not associated with account") as caught:
        adapter_of(running).revoke(got.chain[0], 1)
    assert "private key" in caught.value.fault.remedy
    with pytest.raises(AuthorityError, match="same public key"):
        one.revoke(got.chain[0], 1, make(KeyType.ECDSA_P256))
    assert window(one, got).window.end > datetime.now(UTC)


# -- proxy -----------------------------------------------------------------------------------------


def test_all_requests_go_through_the_authoritys_proxy_with_its_credentials(
    running: LocalAuthority, web: HttpListener, name: str
) -> None:
    wants = "Basic " + base64.b64encode(b"ops:s3cr3t").decode()
    with tunnel(wants) as between:
        proxy = f"http://ops:s3cr3t@127.0.0.1:{between.port}"
        one = adapter(running.directory, running.ca_file, proxy=proxy)
        assert len(issue(one, web, name).chain) == 2
        there = running.directory.removeprefix("https://").removesuffix("/dir")
        assert set(between.targets) == {there}
        assert len(between.targets) > 1
        between.wants = "Basic other"
        with pytest.raises(UnreachableError, match=r"the proxy .* 407") as caught:
            adapter(running.directory, running.ca_file, proxy=proxy).account()
        assert "s3cr3t" not in str(caught.value)
