"""diagnose tells which certificate is served in place of the right one, and at which address."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from everleaf.core.diagnosis import Diagnosis, Question, Store
from everleaf.tls.diagnosing import Doctor
from everleaf.tls.resolver import DnsResolver
from support.forge import DAY, der, rsa_key
from support.lineage import NAME, Link, chain
from support.loopback import Address, free, written
from support.servers import Nginx
from support.talkers import response, talking
from support.tls_farm import (
    START,
    Diagnosed,
    Go,
    Openssl,
    authority,
    diagnosed,
    kept,
    leaf,
    over,
    trusted,
)

TOP, MIDDLE = authority(0), authority(1)
ROOT = TOP.below()
OTHER = "other.example.org"


class Stage:
    """A folder, an address, and what is served there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = free()
        self.roots = trusted(folder, ROOT)

    def live(self, label: str, one: Link) -> Path:
        """A folder with a leaf below the usual authority."""
        return kept(self.folder / label, chain(one, MIDDLE, TOP)[:-1], one.key)

    def nginx(self, sites: dict[str, Path], at: Address | None = None) -> Nginx:
        at = at or self.at
        return Nginx(self.folder / f"nginx-{at[0]}", [at], sites)

    def nginx_with_both(self, *lives: Path) -> Nginx:
        """One site with several certificates."""
        pairs = "".join(
            f"ssl_certificate {one}/fullchain.pem; ssl_certificate_key {one}/privkey.pem;"
            for one in lives
        )
        server = Nginx(self.folder / "nginx", [], {})
        server.addresses = (self.at,)
        server.extra = f"server {{ listen {written(self.at)} ssl; {pairs} return 200; }}"
        return server

    def look(self, *options: str | Path, host: str = NAME) -> Diagnosed:
        here, port = self.at
        where = () if "--address" in options else ("--address", here)
        return diagnosed(f"{host}:{port}", *where, "--ca-file", self.roots, *options)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def finding(found: Diagnosed, code: str) -> dict[str, Any]:
    (one,) = [one for one in found.document["findings"] if one["code"] == code]
    return dict(one)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.symptom("wrong-virtual-host")
def test_the_default_virtual_host_answers_for_the_name(stage: Stage) -> None:
    sites = {
        OTHER: stage.live("other", leaf(OTHER)),
        "third.example.org": stage.live("third", leaf("third.example.org")),
    }
    with stage.nginx(sites):
        found = stage.look()
    assert found.faults == ["wrong-virtual-host", "hostname-mismatch"]
    assert f"no virtual host answers for {NAME}" in found.document["sentence"]


@pytest.mark.symptom("hostname-mismatch")
def test_a_virtual_host_of_its_own_with_the_wrong_certificate(stage: Stage) -> None:
    sites = {
        OTHER: stage.live("other", leaf(OTHER)),
        NAME: stage.live("wrong", leaf("www.example.com")),
    }
    with stage.nginx(sites):
        found = stage.look()
    assert found.faults == ["hostname-mismatch"]


@pytest.mark.symptom("hostname-mismatch")
def test_a_host_that_is_looked_at_by_its_address(stage: Stage) -> None:
    with stage.nginx({NAME: stage.live("www", leaf())}):
        found = stage.look(host=stage.at[0])
    assert found.faults == ["hostname-mismatch"]
    assert found.document["facts"][stage.at[0]]["without_server_name"] is None


def test_another_name_than_the_host_s_may_be_expected(stage: Stage) -> None:
    with stage.nginx({NAME: stage.live("www", leaf(OTHER))}):
        assert stage.look("--expect", OTHER).faults == []
        assert "hostname-mismatch" in stage.look().faults


@pytest.mark.symptom("no-subject-alternative-name")
def test_a_certificate_without_subject_alternative_name(stage: Stage) -> None:
    one = leaf(names=())
    with stage.nginx({NAME: stage.live("www", one)}):
        assert "no-subject-alternative-name" in stage.look().faults


# -- the file that should be served ----------------------------------------------------------------


@pytest.mark.symptom("not-reloaded")
def test_renewed_but_not_reloaded(stage: Stage) -> None:
    live = stage.live("www", leaf(start=START - 60 * DAY, end=START + 30 * DAY))
    with stage.nginx({NAME: live}):
        stage.live("www", leaf())
        found = stage.look("--expect", live / "fullchain.pem")
        assert found.faults == ["not-reloaded"]
        assert f"but {live / 'fullchain.pem'} has had serial" in found.document["sentence"]
        assert "Reload the server" in found.document["sentence"]


@pytest.mark.symptom("not-reloaded", "expired")
def test_what_was_not_reloaded_explains_what_is_over(stage: Stage) -> None:
    live = stage.live("www", leaf(**over()))
    with stage.nginx({NAME: live}):
        stage.live("www", leaf())
        found = stage.look("--expect", live / "fullchain.pem")
    assert found.faults == ["not-reloaded", "expired"]


@pytest.mark.symptom("not-as-installed")
def test_a_newer_certificate_than_the_file_s_was_put_there_by_somebody_else(stage: Stage) -> None:
    live = stage.live("www", leaf())
    with stage.nginx({NAME: live}):
        before = stage.live("before", leaf(start=START - 60 * DAY, end=START + 30 * DAY))
        found = stage.look("--expect", before / "fullchain.pem")
    assert found.faults == ["not-as-installed"]
    detail = finding(found, "not-as-installed")["detail"]
    assert detail["served"] == found.document["facts"][stage.at[0]]["chain"][0]["serial"]
    assert detail["expected"] != detail["served"]


@pytest.mark.symptom("not-as-installed")
def test_an_older_certificate_than_the_file_s_which_came_before_it(stage: Stage) -> None:
    """An old image: the file is the newer one, and was there before what is served was issued."""
    live = stage.live("www", leaf(start=START - timedelta(minutes=1)))
    should = stage.live("should", leaf())
    long_ago = time.time() - 100 * 86400
    os.utime(should / "fullchain.pem", (long_ago, long_ago))
    with stage.nginx({NAME: live}):
        found = stage.look("--expect", should / "fullchain.pem")
    assert found.faults == ["not-as-installed"]


@pytest.mark.symptom("chain-not-as-installed", "missing-intermediate")
def test_the_right_leaf_without_its_intermediate(stage: Stage) -> None:
    links = chain(leaf(), MIDDLE, TOP)
    should = kept(stage.folder / "should", links[:-1], leaf().key)
    cut = kept(stage.folder / "cut", links[:1], leaf().key)
    with stage.nginx({NAME: cut}):
        found = stage.look("--expect", should / "fullchain.pem")
    assert found.faults == ["missing-intermediate", "chain-not-as-installed"]


def test_the_expected_file_may_be_that_of_either_key(stage: Stage) -> None:
    rsa = stage.live("rsa", leaf(key=rsa_key(2048)))
    ecdsa = stage.live("ecdsa", leaf())
    with stage.nginx_with_both(rsa, ecdsa):
        assert stage.look("--expect", rsa / "fullchain.pem").faults == []
        assert stage.look("--expect", ecdsa / "fullchain.pem").faults == []


def test_a_fault_of_one_of_two_certificates_is_said_of_that_one(stage: Stage) -> None:
    rsa = stage.live("rsa", leaf(key=rsa_key(2048), **over()))
    ecdsa = stage.live("ecdsa", leaf())
    with stage.nginx_with_both(rsa, ecdsa):
        found = stage.look()
    assert found.faults == ["expired"]
    assert "of its RSA certificate, " in found.document["sentence"]


def test_go_s_server_falls_back_to_its_default_where_the_host_has_no_rsa_key(stage: Stage) -> None:
    lives = stage.live("default", leaf(OTHER, key=rsa_key(2048))), stage.live("www", leaf())
    with Go(stage.folder / "go", stage.at, *lives):
        assert stage.look().faults == []


@pytest.mark.symptom("hostname-mismatch")
def test_the_wrong_rsa_certificate_of_the_host_itself_is_a_fault(stage: Stage) -> None:
    lives = stage.live("rsa", leaf(OTHER, key=rsa_key(2048))), stage.live("ecdsa", leaf())
    with stage.nginx_with_both(*lives):
        found = stage.look()
    assert found.faults == ["hostname-mismatch"]
    assert "of its RSA certificate, " in found.document["sentence"]


# -- several addresses -----------------------------------------------------------------------------


@pytest.mark.symptom("address-differs")
def test_one_address_of_three_serves_the_old_certificate(stage: Stage) -> None:
    new, old = stage.live("new", leaf()), stage.live("old", leaf(**over()))
    places = [(free()[0], stage.at[1]) for _ in range(3)]
    with (
        stage.nginx({NAME: new}, places[0]),
        stage.nginx({NAME: old}, places[1]),
        stage.nginx({NAME: new}, places[2]),
    ):
        found = stage.look(*(word for host, _ in places for word in ("--address", host)))
    assert found.faults == ["expired", "address-differs"]
    odd = places[1][0]
    assert finding(found, "address-differs")["where"] == [odd]
    assert finding(found, "expired")["where"] == [odd]
    assert found.document["sentence"].startswith(f"{NAME}:{stage.at[1]} at {odd}: ")
    assert set(found.document["facts"]) == {host for host, _ in places}


@pytest.mark.symptom("address-differs", "connection-refused")
def test_one_address_of_two_is_down(stage: Stage) -> None:
    down = free()[0]
    with stage.nginx({NAME: stage.live("www", leaf())}):
        found = stage.look("--address", stage.at[0], "--address", down)
    assert found.faults == ["connection-refused", "address-differs"]
    assert finding(found, "address-differs")["where"] == [down]


@pytest.mark.symptom("certificates-differ")
def test_different_good_certificates_are_a_notice(stage: Stage) -> None:
    places = [(free()[0], stage.at[1]) for _ in range(2)]
    lives = [stage.live(name, leaf()) for name in ("one", "two")]
    with stage.nginx({NAME: lives[0]}, places[0]), stage.nginx({NAME: lives[1]}, places[1]):
        found = stage.look(*(word for host, _ in places for word in ("--address", host)))
    assert found.faults == []
    assert "certificates-differ" in found.notices


# -- clocks ----------------------------------------------------------------------------------------


def at_time(stage: Stage, now: datetime, *, brief: bool = False) -> Diagnosis:
    """As a machine sees it whose clock says this."""
    question = Question(
        host=NAME,
        port=stage.at[1],
        addresses=(stage.at[0],),
        stores=(Store(name="own", roots=(der(ROOT),)),),
        brief=brief,
    )
    return Doctor(DnsResolver(), now=lambda: now).look(question)


def codes(found: Diagnosis) -> list[str]:
    return [one.code for one in found.faults]


@pytest.mark.symptom("our-clock", "not-yet-valid")
@pytest.mark.parametrize("brief", [False, True])
def test_our_clock_is_behind(stage: Stage, *, brief: bool) -> None:
    with stage.nginx({NAME: stage.live("www", leaf())}):
        found = at_time(stage, START - DAY, brief=brief)
    assert codes(found) == ["our-clock", "not-yet-valid"]
    assert "the server says" in found.sentence


@pytest.mark.symptom("our-clock", "not-yet-valid")
def test_all_certificates_begin_in_our_future_where_nobody_tells_the_time(stage: Stage) -> None:
    live = stage.live("www", leaf())
    with Openssl(stage.folder / "openssl", stage.at, live, http=False):
        found = at_time(stage, START - 400 * DAY)
    assert "our-clock" in codes(found)
    assert "each of the 2 certificates" in found.sentence


@pytest.mark.symptom("clocks-differ", "expired")
def test_the_server_s_clock_alone_does_not_excuse_what_is_over(stage: Stage) -> None:
    with stage.nginx({NAME: stage.live("www", leaf())}):
        found = at_time(stage, START + 100 * DAY)
    assert codes(found) == ["expired"]
    assert "clocks-differ" in [one.code for one in found.findings]


@pytest.mark.symptom("our-clock", "expired")
def test_our_clock_is_ahead_of_the_server_s_and_the_authority_s(stage: Stage) -> None:
    elsewhere = free()
    url = x509.UniformResourceIdentifier(f"http://{written(elsewhere)}/issuer.crt")
    method = AuthorityInformationAccessOID.CA_ISSUERS
    access = x509.AuthorityInformationAccess([x509.AccessDescription(method, url)])
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with (
        stage.nginx({NAME: stage.live("www", leaf(more=((access, False),)))}),
        talking(elsewhere, lambda _: response("404 Not Found", date=now)),
    ):
        found = at_time(stage, START + 100 * DAY)
    assert codes(found) == ["our-clock", "expired"]
    assert elsewhere[0] in found.sentence


# -- a brief look, after a confirmation that failed ------------------------------------------------


def test_a_brief_look_leaves_out_what_explains_no_failure(stage: Stage) -> None:
    server = stage.nginx({NAME: stage.live("www", leaf())})
    server.extra = "ssl_protocols TLSv1.2 TLSv1; ssl_ciphers ALL:@SECLEVEL=0;"
    with server:
        whole, brief = (at_time(stage, START + DAY, brief=one) for one in (False, True))
    assert {"old-versions-too", "hsts-absent"} <= {one.code for one in whole.findings}
    assert [one.code for one in brief.findings] == []


@pytest.mark.symptom("wrong-virtual-host")
def test_a_brief_look_tells_virtual_hosts_apart(stage: Stage) -> None:
    with stage.nginx({OTHER: stage.live("other", leaf(OTHER))}):
        found = at_time(stage, START + DAY, brief=True)
    assert codes(found) == ["wrong-virtual-host", "hostname-mismatch"]
