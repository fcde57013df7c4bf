"""The wire against a real TLS server that fails on command."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf import __version__
from everleaf.ca.jws import Signer, load, new_key
from everleaf.ca.session import Effect, Post, Session
from everleaf.errors import AuthorityError, EndOfTimeError, OperatorError, UnreachableError
from support.faulty import Fault, Faulty, Reply, document, problem
from support.wire import Turning

LOSSES = [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.RESET, Fault.HALF_AN_ANSWER]


@pytest.fixture
def signer() -> Signer:
    return load(new_key())


def post(server: Faulty, effect: Effect = Effect.NONE, path: str = "/thing") -> Post:
    return Post(url=server.url + path, payload={"a": 1}, doing="do a thing", effect=effect)


@pytest.mark.rule("ACME-11")
def test_every_request_names_everleaf_and_its_version(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({})
    session.post(post(server), signer)
    assert server.paths() == ["/dir", "/thing"]
    agents = {one.headers["user-agent"] for one in server.seen}
    assert agents == {f"everleaf/{__version__} (+acme)"}


def test_a_signed_request_has_the_header_fields_of_section_6_2(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({})
    session.post(post(server), signer)
    session.post(post(server), signer.of("https://ca.test/me"))
    first, second = [one for one in server.seen if one.path == "/thing"]
    assert first.headers["content-type"] == "application/jose+json"
    assert first.protected.keys() == {"alg", "jwk", "nonce", "url"}
    assert second.protected.keys() == {"alg", "kid", "nonce", "url"}
    assert second.protected["kid"] == "https://ca.test/me"
    assert first.protected["alg"] == "ES256"
    assert first.protected["url"] == server.url + "/thing"
    assert first.payload == {"a": 1}


def test_nonces_of_answers_are_used_so_that_one_is_asked_for_but_once(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({})
    for _ in range(5):
        session.post(post(server), signer)
    assert server.paths("HEAD") == []  # the directory's answer brought one
    used = [one.protected["nonce"] for one in server.seen if one.path == "/thing"]
    assert len(set(used)) == 5


@pytest.mark.rule("ACME-1")
def test_bad_nonces_are_retried_with_the_nonce_of_the_refusal_many_times(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({"done": True})
    server.faults = [("/thing", problem("badNonce", 400)) for _ in range(60)]
    assert session.post(post(server, Effect.CREATE), signer).document("x") == {"done": True}
    used = [one.protected["nonce"] for one in server.seen if one.path == "/thing"]
    assert len(used) == len(set(used)) == 61
    assert server.paths("HEAD") == []


@pytest.mark.rule("ACME-1")
def test_bad_nonces_without_end_are_an_error_with_the_authoritys_words(
    server: Faulty, session: Session, signer: Signer, clock: Turning
) -> None:
    server.replies["/thing"] = problem("badNonce", 400, "stale, as ever")
    with pytest.raises(UnreachableError, match="stale, as ever"):
        session.post(post(server), signer)
    assert len(server.paths("POST")) == 120
    assert 0 < sum(clock.slept) < 120


@pytest.mark.rule("ACME-1")
def test_a_refusal_behind_bad_nonces_keeps_its_meaning(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.faults = [("/thing", problem("badNonce", 400))] * 3
    server.replies["/thing"] = problem("rateLimited", 429, "too many", retry_after="60")
    with pytest.raises(AuthorityError, match="too many") as caught:
        session.post(post(server), signer)
    assert caught.value.limited


@pytest.mark.parametrize("nonce", ["", "not base64url!", "a=b", "é"])
def test_a_nonce_that_is_none_is_not_used(
    server: Faulty, session: Session, signer: Signer, nonce: str
) -> None:
    server.replies["/nonce"] = Reply(status=204, headers={"replay-nonce": nonce})
    server.replies["/dir"] = Reply(
        body=server.replies["/dir"].body, headers={"replay-nonce": nonce}
    )
    with pytest.raises(AuthorityError, match="give a nonce"):
        session.post(post(server), signer)


@pytest.mark.parametrize("fault", LOSSES)
def test_a_get_whose_answer_is_lost_is_sent_again(
    server: Faulty, session: Session, fault: Fault
) -> None:
    server.faults = [("/dir", fault)] * 3
    assert session.directory().new_order == server.url + "/order"
    assert server.paths() == ["/dir"] * 4


@pytest.mark.parametrize("fault", LOSSES)
def test_a_request_without_effect_is_sent_again_with_another_nonce(
    server: Faulty, session: Session, signer: Signer, fault: Fault
) -> None:
    server.replies["/thing"] = document({"done": True})
    server.faults = [("/thing", fault)]
    assert session.post(post(server), signer).document("x") == {"done": True}
    used = [one.protected["nonce"] for one in server.seen if one.path == "/thing"]
    assert len(used) == len(set(used)) == 2


@pytest.mark.parametrize("effect", [Effect.CHANGE, Effect.CREATE])
@pytest.mark.parametrize("fault", LOSSES)
def test_a_request_with_an_effect_is_never_sent_again_once_it_left(
    server: Faulty, session: Session, signer: Signer, fault: Fault, effect: Effect
) -> None:
    server.replies["/thing"] = document({"done": True})
    server.faults = [("/thing", fault)]
    with pytest.raises(UnreachableError) as caught:
        session.post(post(server, effect), signer)
    assert caught.value.fault.where == server.url + "/thing"
    assert len(server.paths("POST")) == 1


def test_losses_without_end_are_an_error_that_says_why(
    server: Faulty, session: Session, clock: Turning
) -> None:
    server.faults = [("/dir", Fault.LOST_REQUEST)] * 10
    with pytest.raises(UnreachableError, match="does not answer"):
        session.directory()
    assert len(server.seen) == 4
    assert clock.slept[0] == 0
    assert sum(clock.slept) < 5


def test_losing_the_nonces_does_not_multiply_the_attempts(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/dir"] = Reply(body=server.replies["/dir"].body, headers={"replay-nonce": ""})
    server.faults = [("/nonce", Fault.LOST_REQUEST)] * 50
    with pytest.raises(UnreachableError):
        session.post(post(server), signer)
    assert len(server.paths("HEAD")) == 4


def test_connections_are_kept(server: Faulty, session: Session, signer: Signer) -> None:
    server.replies["/thing"] = document({})
    for _ in range(4):
        session.post(post(server), signer)
    assert {one.connection for one in server.seen} == {1}


def test_what_creates_something_does_not_trust_a_kept_connection(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({"done": True})
    server.one_request_each = True
    session.directory()
    assert session.post(post(server, Effect.CREATE), signer).status == 200
    assert server.paths("POST") == ["/thing"]


def test_a_kept_connection_that_died_costs_a_read_nothing_but_another_try(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = document({"done": True})
    server.one_request_each = True
    session.directory()
    assert session.post(post(server), signer).status == 200


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_read_that_meets_5xx_is_sent_again(
    server: Faulty, session: Session, signer: Signer, status: int
) -> None:
    server.faults = [("/thing", Reply(status=status))] * 2
    server.replies["/thing"] = document({"done": True})
    assert session.post(post(server), signer).document("x") == {"done": True}


def test_a_503_with_a_long_retry_after_is_the_callers_to_wait_for(
    server: Faulty, session: Session, signer: Signer, clock: Turning
) -> None:
    server.replies["/thing"] = problem("serverInternal", 503, "maintenance", retry_after="3600")
    with pytest.raises(UnreachableError, match="maintenance") as caught:
        session.post(post(server), signer)
    assert len(server.paths("POST")) == 1
    assert caught.value.retry_at is not None
    assert caught.value.retry_at - clock.now() > timedelta(minutes=59)


def test_something_new_that_is_refused_with_500_in_words_is_refused(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = problem("serverInternal", 500, "could not find an order")
    with pytest.raises(AuthorityError, match="could not find an order") as caught:
        session.post(post(server, Effect.CREATE), signer)
    assert not isinstance(caught.value, UnreachableError)
    assert caught.value.problem is not None
    assert caught.value.problem.status == 500


@pytest.mark.parametrize("effect", [Effect.CHANGE, Effect.CREATE])
def test_a_bare_502_leaves_open_whether_something_happened(
    server: Faulty, session: Session, signer: Signer, effect: Effect
) -> None:
    server.replies["/thing"] = Reply(status=502, body=b"<html>Bad Gateway</html>")
    with pytest.raises(UnreachableError, match="Bad Gateway"):
        session.post(post(server, effect), signer)
    assert len(server.paths("POST")) == 1


def test_a_get_follows_redirects(server: Faulty, session: Session) -> None:
    server.replies["/old"] = Reply(status=308, headers={"location": "/new"})
    server.replies["/new"] = document({"here": True})
    assert session.get(server.url + "/old", "x").document("x") == {"here": True}


@pytest.mark.parametrize("target", ["http://127.0.0.1/plain", "/old", "ftp://x/", "https://["])
def test_redirects_that_lead_nowhere_good_are_refused(
    server: Faulty, session: Session, target: str
) -> None:
    server.replies["/old"] = Reply(status=302, headers={"location": target})
    with pytest.raises(AuthorityError) as caught:
        session.get(server.url + "/old", "x")
    assert caught.value.fault.code == "authority-malformed"


def test_a_signed_request_is_never_redirected(
    server: Faulty, session: Session, signer: Signer
) -> None:
    server.replies["/thing"] = Reply(status=307, headers={"location": "/elsewhere"})
    with pytest.raises(AuthorityError, match="HTTP 307"):
        session.post(post(server), signer)
    assert "/elsewhere" not in server.paths()


def test_an_answer_without_end_is_cut_off(server: Faulty, session: Session) -> None:
    server.replies["/big"] = Reply(body=b"x" * (2 << 20))
    with pytest.raises(AuthorityError, match="larger than"):
        session.get(server.url + "/big", "x")


@pytest.mark.rule("ACME-14")
@pytest.mark.parametrize("missing", ["newNonce", "newAccount", "newOrder"])
def test_a_directory_that_lacks_a_resource_is_no_directory(
    server: Faulty, session: Session, missing: str
) -> None:
    names = {"newNonce": "/n", "newAccount": "/a", "newOrder": "/o"}
    del names[missing]
    server.replies["/dir"] = document(names)
    with pytest.raises(AuthorityError, match=missing):
        session.directory()


@pytest.mark.rule("ACME-14")
def test_the_directorys_urls_are_taken_as_they_are(server: Faulty, session: Session) -> None:
    paths = {"newNonce": "/x?kind=nonce", "newAccount": "/y#z", "newOrder": "https://else.test/o"}
    server.replies["/dir"] = document({**paths, "meta": "odd", "renewalInfo": None})
    directory = session.directory()
    assert directory.new_nonce == server.url + "/x?kind=nonce"
    assert directory.new_order == "https://else.test/o"
    assert directory.renewal_info is None


def test_an_untrusted_directory_names_the_ca_file_and_is_not_asked_again(
    server: Faulty, clock: Turning, tmp_path: Path
) -> None:
    from support.certs import Authority

    other = tmp_path / "other.pem"
    other.write_bytes(Authority().root_pem())
    session = Session(server.directory, clock=clock, ca_file=other)
    with pytest.raises(UnreachableError, match="not trusted") as caught:
        session.directory()
    assert "ca_file" in caught.value.fault.remedy
    assert server.seen == []
    assert clock.slept == []


@pytest.mark.parametrize("content", [None, b"no PEM"])
def test_a_ca_file_that_is_of_no_use_is_the_operators_fault(
    server: Faulty, clock: Turning, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError) as caught:
        Session(server.directory, clock=clock, ca_file=path).directory()
    assert caught.value.fault.where == str(path)


def test_where_nobody_listens_the_error_says_so(server: Faulty, clock: Turning) -> None:
    session = Session("https://127.0.0.1:9/dir", clock=clock, ca_file=server.ca_file)
    with pytest.raises(UnreachableError, match="refused"):
        session.directory()


def test_after_the_deadline_nothing_is_sent(server: Faulty) -> None:
    session = Session(server.directory, clock=Turning(deadline=0.0), ca_file=server.ca_file)
    with pytest.raises(EndOfTimeError):
        session.directory()
    assert server.seen == []


def test_retries_end_with_the_deadline(server: Faulty, signer: Signer) -> None:
    clock = Turning(deadline=3.0)
    session = Session(server.directory, clock=clock, ca_file=server.ca_file)
    server.replies["/thing"] = problem("badNonce", 400)
    with pytest.raises(EndOfTimeError):
        session.post(post(server), signer)
    assert sum(clock.slept) < 3.0
    assert len(server.paths("POST")) < 120


def test_an_https_proxy_of_the_environment_is_used(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(UnreachableError, match=re.compile("refused", re.IGNORECASE)):
        session.directory()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert session.directory().new_order


def test_nothing_is_opened_before_it_is_needed(clock: Turning, tmp_path: Path) -> None:
    Session("https://127.0.0.1:9/dir", clock=clock, ca_file=tmp_path / "not-there.pem")
