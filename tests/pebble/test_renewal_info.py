"""Renewal information and `replaces` on a real Pebble."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from josepy.b64 import b64encode

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.session import Post
from everleaf.challenges.listener import HttpListener
from everleaf.core.identifiers import parse
from everleaf.core.window import LongTermFailure, Suggestion
from everleaf.demo.authority import LocalAuthority
from everleaf.errors import AuthorityError
from everleaf.pki.certificates import facts
from support.loopback import free
from support.pebble import Issued, adapter_of, issue, listener, pebble
from support.serials import padded

MOST = 5000  # one serial of 256 is padded: in so many none is hardly ever met


@pytest.fixture
def name() -> str:
    return f"n{free()[0].replace('.', '-')}.test"


@pytest.fixture
def one(running: LocalAuthority) -> AcmeAuthority:
    return adapter_of(running)


@pytest.fixture
def web(running: LocalAuthority, name: str) -> HttpListener:
    return listener(running, name)


def cert_id(of: Issued) -> str:
    return facts(of.chain[0]).cert_id or ""


@pytest.mark.rule("ARI-2")
@pytest.mark.rule("ARI-3")
def test_ari_2_the_cert_id_that_we_make_is_the_one_that_pebble_knows(
    one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    assert isinstance(one.renewal_info(cert_id(got)), Suggestion)
    strangers = cert_id(got)[:-4] + "AAAA"
    assert isinstance(one.renewal_info(strangers), LongTermFailure)


@pytest.mark.rule("ARI-2")
def test_ari_2_pebble_knows_serials_with_and_without_the_leading_zero_byte(
    tmp_path: Path,
) -> None:
    with pebble(tmp_path / "ca", authorizations_reused=100) as running:
        one, name = adapter_of(running), "serials.test"
        web = listener(running, name)
        found: dict[bool, str] = {}
        for _ in range(MOST):
            known = cert_id(issue(one, web, name))
            found.setdefault(padded(known), known)
            if len(found) == 2:
                break
        assert set(found) == {True, False}, f"in {MOST} serials"
        assert all(isinstance(one.renewal_info(each), Suggestion) for each in found.values())


@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"suggestedWindow": null}',
        '{"suggestedWindow": {"start": "2026-11-24T00:00:00Z"}}',
        '{"suggestedWindow": {"start": "tomorrow", "end": "2026-11-24T00:00:00Z"}}',
        '{"suggestedWindow": {"start": 0, "end": 1}}',
    ],
)
def test_ari_13_a_malformed_answer_is_a_long_term_failure(
    running: LocalAuthority, one: AcmeAuthority, web: HttpListener, name: str, text: str
) -> None:
    got = issue(one, web, name)
    running.suggest(got.pem, text)
    assert isinstance(one.renewal_info(cert_id(got)), LongTermFailure)


@pytest.mark.rule("ARI-4")
@pytest.mark.rule("ARI-5")
@pytest.mark.rule("ARI-10")
@pytest.mark.parametrize("days", [(1, 2), (2, 1), (1, 1)])
def test_ari_4_and_5_a_window_comes_as_it_is_set_with_explanation_and_retry_after(
    running: LocalAuthority, one: AcmeAuthority, web: HttpListener, name: str, days: tuple[int, int]
) -> None:
    start, end = days
    got = issue(one, web, name)
    window = {"start": f"2026-11-0{start}T00:00:00Z", "end": f"2026-11-0{end}T00:00:00+00:00"}
    answer = {"suggestedWindow": window, "explanationURL": "https://ca.test/why"}
    running.suggest(got.pem, json.dumps(answer))
    found = one.renewal_info(cert_id(got))
    assert isinstance(found, Suggestion)
    assert found.window.start == datetime(2026, 11, start, tzinfo=UTC)
    assert found.window.is_valid is (start < end)
    assert found.explanation_url == "https://ca.test/why"
    assert found.retry_at is not None
    wait = found.retry_at - datetime.now(UTC)
    assert timedelta(hours=5) < wait <= timedelta(hours=6)


@pytest.mark.rule("ARI-18")
def test_ari_18_a_revoked_certificates_window_has_passed(
    one: AcmeAuthority, running: LocalAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    url = one._session.get(running.directory, "look").document("look")["revokeCert"]
    payload = {"certificate": b64encode(got.chain[0]).decode()}
    post = Post(url=str(url), payload=payload, doing="revoke")
    one._session.post(post, one._account.signer())
    found = one.renewal_info(cert_id(got))
    assert isinstance(found, Suggestion)
    assert found.window.end < datetime.now(UTC)


@pytest.mark.rule("ARI-16")
def test_ari_16_refusals_of_replaces_come_in_pebbles_words(
    one: AcmeAuthority, web: HttpListener, name: str
) -> None:
    got = issue(one, web, name)
    while padded(cert_id(got)):
        got = issue(one, web, name)
    issue(one, web, name, replaces=cert_id(got))
    with pytest.raises(AuthorityError, match="already has a replacement order"):
        one.new_order([parse(name)], cert_id(got))
    with pytest.raises(AuthorityError, match="could not find an order"):
        one.new_order([parse(name)], cert_id(got).partition(".")[0] + ".AQ")
