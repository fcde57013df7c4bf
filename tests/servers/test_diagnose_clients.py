"""diagnose says why a server turns a client away: by its alerts, or by its answer in HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.core.approach import Pair
from everleaf.core.diagnosis import Question
from everleaf.system.trust import stores
from everleaf.tls.diagnosing import Doctor
from everleaf.tls.resolver import DnsResolver
from support.daemons import Apache
from support.forge import CLIENT, rsa_key
from support.lineage import NAME, Link, chain
from support.loopback import Address, free
from support.servers import Haproxy, Nginx
from support.stubs import hanging_up, stub
from support.tls_farm import (
    START,
    Diagnosed,
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
PEOPLE = authority(40, subject="People")  # who issues to clients
STRANGERS = authority(41, subject="Strangers")
BOTH = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])


class Door:
    """A server that demands certificates of its clients, and a client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at: Address = free()
        self.roots = trusted(folder, ROOT)
        self.live = kept(folder / "live", chain(leaf(), MIDDLE, TOP)[:-1], leaf().key)
        self.people = folder / "people.pem"
        self.people.write_bytes(PEOPLE.below().public_bytes(Encoding.PEM))

    @property
    def demand(self) -> tuple[str, ...]:
        """The options by which OpenSSL's server lets nobody in without a good certificate."""
        return "-Verify", "2", "-CAfile", str(self.people), "-verify_return_error"

    def openssl(self, *options: str) -> Openssl:
        return Openssl(self.folder / "openssl", self.at, self.live, *self.demand, *options)

    def nginx(self, more: str = "ssl_verify_client on;") -> Nginx:
        server = Nginx(self.folder / "nginx", [self.at], {NAME: self.live})
        server.extra = f"ssl_client_certificate {self.people}; {more}"
        return server

    def client(self, above: Link = PEOPLE, **changes: Any) -> list[str | Path]:
        """The options that present a client's certificate."""
        one = leaf("client", **{"usages": CLIENT, **changes})
        pair = kept(self.folder / "client", [one.below(above)], one.key)
        return ["--client-cert", pair / "fullchain.pem", "--client-key", pair / "privkey.pem"]

    def look(self, *options: str | Path) -> Diagnosed:
        host, port = self.at
        return diagnosed(f"{NAME}:{port}", "--address", host, "--ca-file", self.roots, *options)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def details(found: Diagnosed, code: str) -> dict[str, Any]:
    (one,) = [one["detail"] for one in found.document["findings"] if one["code"] == code]
    return dict(one)


# -- none is presented -----------------------------------------------------------------------------


@BOTH
@pytest.mark.symptom("client-certificate-required")
def test_a_certificate_is_demanded(door: Door, version: str) -> None:
    with door.openssl(version):
        found = door.look()
    assert found.faults == ["client-certificate-required"]
    assert "accepts certificates from CN=People" in found.document["sentence"]
    assert details(found, "client-certificate-required")["authorities"] == ["CN=People"]
    assert found.document["facts"][door.at[0]]["client_certificate"] == {
        "asked": True,
        "authorities": ["CN=People"],
    }


@pytest.mark.symptom("client-certificate-required")
def test_haproxy_demands_one(door: Door) -> None:
    with StrictHaproxy(door):
        assert door.look().faults == ["client-certificate-required"]


class StrictHaproxy(Haproxy):
    """haproxy that lets nobody in without a certificate."""

    def __init__(self, door: Door) -> None:
        super().__init__(door.folder / "haproxy", [door.at], [door.live / "combined.pem"])
        self.people = door.people

    def configuration(self) -> str:
        demand = f" ssl verify required ca-file {self.people} "
        return super().configuration().replace(" ssl ", demand)


@pytest.mark.symptom("client-certificate-required", "client-certificate-refused")
def test_a_server_that_hangs_up_without_an_alert(door: Door) -> None:
    there, door.at = door.at, free()
    behind = Openssl(door.folder / "openssl", there, door.live, *door.demand, "-tls1_2")
    with behind, stub(door.at, hanging_up(there)):
        found = door.look()
        assert found.faults == ["client-certificate-required"]
        assert "closed the connection" in found.document["sentence"]
        client = door.client(key=rsa_key(1024))
        assert door.look(*client).faults == ["client-certificate-refused"]


@pytest.mark.symptom("client-certificate-refused-in-http")
def test_nginx_refuses_whoever_has_none_in_http(door: Door) -> None:
    with door.nginx():
        assert door.look().faults == ["client-certificate-refused-in-http"]


def test_one_that_is_only_asked_for_is_no_fault(door: Door) -> None:
    with door.nginx("ssl_verify_client optional;"):
        assert door.look().faults == []


# -- one is presented ------------------------------------------------------------------------------


@BOTH
def test_a_good_one_is_taken(door: Door, version: str) -> None:
    with door.openssl(version):
        found = door.look(*door.client())
    assert found.faults == []
    assert found.status == 0


@BOTH
@pytest.mark.symptom("client-certificate-untrusted")
def test_one_from_an_authority_that_the_server_does_not_trust(door: Door, version: str) -> None:
    with door.openssl(version):
        found = door.look(*door.client(STRANGERS))
    assert found.faults == ["client-certificate-untrusted"]
    assert "accepts certificates from CN=People" in found.document["sentence"]


@BOTH
@pytest.mark.symptom("client-certificate-expired")
def test_one_that_is_over(door: Door, version: str) -> None:
    with door.openssl(version):
        assert door.look(*door.client(**over())).faults == ["client-certificate-expired"]


@BOTH
@pytest.mark.symptom("client-certificate-wrong-usage")
def test_one_that_is_for_servers(door: Door, version: str) -> None:
    with door.openssl(version):
        found = door.look(*door.client(usages=leaf().usages))
    assert found.faults == ["client-certificate-wrong-usage"]


@pytest.mark.symptom("client-certificate-expired", "client-certificate-wrong-usage")
def test_two_faults_of_one_certificate_are_both_named(door: Door) -> None:
    with door.openssl():
        found = door.look(*door.client(usages=leaf().usages, **over()))
    assert found.faults == ["client-certificate-expired", "client-certificate-wrong-usage"]


@BOTH
@pytest.mark.symptom("client-certificate-revoked")
def test_one_that_is_revoked(door: Door, version: str) -> None:
    options = door.client()
    revoked = revocation_list(x509.load_pem_x509_certificate(Path(options[1]).read_bytes()))
    listed = door.folder / "list.pem"
    listed.write_bytes(revoked)
    with door.openssl(version, "-crl_check", "-CRL", str(listed)):
        assert door.look(*options).faults == ["client-certificate-revoked"]


def revocation_list(*revoked: x509.Certificate) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=PEOPLE.name, last_update=START, next_update=leaf().end
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder(one.serial_number, START).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(PEOPLE.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@BOTH
@pytest.mark.symptom("client-certificate-refused")
def test_one_that_is_refused_for_a_reason_that_is_not_said(door: Door, version: str) -> None:
    with door.openssl(version, "-cipher", "DEFAULT:@SECLEVEL=2"):
        found = door.look(*door.client(key=rsa_key(1024)))
    assert found.faults == ["client-certificate-refused"]


@pytest.mark.symptom("client-certificate-expired", "client-certificate-refused-in-http")
def test_nginx_refuses_an_expired_one_in_http(door: Door) -> None:
    with door.nginx():
        found = door.look(*door.client(**over()))
    assert found.faults == ["client-certificate-expired", "client-certificate-refused-in-http"]


@pytest.mark.symptom("client-certificate-untrusted", "client-certificate-refused-in-http")
def test_nginx_refuses_a_stranger_s_in_http(door: Door) -> None:
    with door.nginx():
        found = door.look(*door.client(STRANGERS))
    assert found.faults == ["client-certificate-untrusted", "client-certificate-refused-in-http"]


@pytest.mark.symptom("client-certificate-untrusted")
def test_apache_refuses_a_stranger_s(door: Door) -> None:
    apache = Apache(door.folder / "apache", door.at, door.live)
    apache.extra = f"SSLVerifyClient require\nSSLCACertificateFile {door.people}"
    with apache:
        found = door.look(*door.client(STRANGERS))
    assert "client-certificate-untrusted" in found.faults


@pytest.mark.symptom("client-certificate-unreadable")
def test_a_key_that_is_not_the_certificate_s(door: Door) -> None:
    options = door.client()
    other = kept(door.folder / "other", [ROOT], rsa_key(2048)) / "privkey.pem"
    with door.openssl():
        found = door.look(*options[:3], other)
    assert found.faults == ["client-certificate-unreadable", "client-certificate-required"]


@pytest.mark.symptom("client-certificate-not-asked")
def test_a_server_that_asks_for_none_is_healthy_all_the_same(door: Door) -> None:
    with Nginx(door.folder / "nginx", [door.at], {NAME: door.live}):
        found = door.look(*door.client())
    assert found.faults == []
    assert "client-certificate-not-asked" in found.notices


@pytest.mark.symptom("client-certificate-required", "expired")
def test_a_refused_client_hides_no_fault_of_the_server_s_own(door: Door) -> None:
    one: Sequence[x509.Certificate] = chain(leaf(**over()), MIDDLE, TOP)[:-1]
    door.live = kept(door.folder / "old", one, leaf().key)
    with door.openssl("-tls1_2"):
        assert door.look().faults == ["expired", "client-certificate-required"]


@pytest.mark.symptom("client-certificate-expired", "client-certificate-refused-in-http")
def test_a_brief_look_hears_a_refusal_in_http_as_well(door: Door) -> None:
    client = door.client(**over())
    question = Question(
        host=NAME,
        port=door.at[1],
        addresses=(door.at[0],),
        client=Pair(certificate=Path(client[1]), key=Path(client[3])),
        stores=stores(door.roots),
        brief=True,
    )
    with door.nginx():
        found = Doctor(DnsResolver()).look(question)
    assert [one.code for one in found.faults] == [
        "client-certificate-expired",
        "client-certificate-refused-in-http",
    ]
