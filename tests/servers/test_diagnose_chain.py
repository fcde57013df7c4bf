"""diagnose tells what is wrong with the chain that a real nginx sends, each fault by its code."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID

from everleaf.core.diagnosis import Diagnosis, Question, Store
from everleaf.tls.diagnosing import Doctor
from everleaf.tls.resolver import DnsResolver
from support.forge import CLIENT, DAY, der, key, rsa_key, usage
from support.lineage import NAME, Link, broken, chain, constraints, weakly_signed
from support.tls_farm import (
    MIDDLE,
    ROOT,
    START,
    TOP,
    Diagnosed,
    Farm,
    authority,
    diagnosed,
    kept,
    leaf,
    over,
    trusted,
)

WEAK = "ssl_ciphers DEFAULT:@SECLEVEL=0;"
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0"), True)
LEAF, INTERMEDIATE = leaf().below(MIDDLE), MIDDLE.below(TOP)
OTHER_TOP = authority(80, subject="Other Top")
STRANGER = authority(81, subject="Stranger").below(OTHER_TOP)
LONG = chain(leaf(), authority(89), authority(88), TOP)
BRAINPOOL = ec.generate_private_key(ec.BrainpoolP256R1())
Sent = Sequence[x509.Certificate | bytes]


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def fault(code: str, *sent: x509.Certificate | bytes, key: Any = None) -> Any:
    """A chain and what is wrong with it, marked with that."""
    return pytest.param(code, sent, key or leaf().key, marks=pytest.mark.symptom(code), id=code)


def below(code: str, one: Link, above: Link) -> Any:
    """A chain of three, of which the root is not sent."""
    return fault(code, *chain(one, above, TOP)[:-1], key=one.key)


def of_another_version(certificate: x509.Certificate) -> bytes:
    """The same with a version of X.509 that does not exist, DER; nothing signs that."""
    return der(certificate).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)


def look(farm: Farm, sent: Sent, key: Any, *options: str | Path) -> Diagnosed:
    with farm.nginx(kept(farm.folder / "live", sent, key), WEAK):
        return farm.look(*options)


@pytest.mark.parametrize(
    ("code", "sent", "key"),
    [
        below("expired", leaf(**over()), MIDDLE),
        below("not-yet-valid", leaf(start=START + DAY), MIDDLE),
        below("weak-key", leaf(key=rsa_key(1024)), MIDDLE),
        below("uncommon-key", leaf(), authority(92, key=BRAINPOOL)),
        below("wrong-usage", leaf(usages=CLIENT), MIDDLE),
        below("unknown-critical-extension", leaf(more=(UNKNOWN,)), MIDDLE),
        below("no-subject-alternative-name", replace(leaf(), names=(), subject=NAME), MIDDLE),
        below("intermediate-expired", leaf(), authority(82, **over())),
        below("intermediate-not-yet-valid", leaf(), authority(83, start=START + DAY)),
        below("issuer-is-no-authority", leaf(), authority(84, key_usage=usage())),
        below("name-not-permitted", leaf(), authority(85, more=(constraints(["example.net"]),))),
        fault(
            "path-too-long",
            *chain(leaf(), authority(87), authority(86, path_length=0), TOP)[:-1],
        ),
        fault("missing-intermediate", LEAF),
        fault("intermediate-of-another-lineage", LEAF, replace(MIDDLE, key=key(99)).below(TOP)),
        fault("broken-signature", broken(LEAF), INTERMEDIATE),
        fault("wrong-order", LONG[0], LONG[2], LONG[1]),
        fault("misleading-cross-signature", LEAF, MIDDLE.below(OTHER_TOP), INTERMEDIATE),
        fault("self-signed", leaf().below()),
        fault("untrusted-authority", *chain(leaf(), authority(90), OTHER_TOP)[:-1]),
    ],
)  # fmt: skip
def test_a_fault_of_the_chain_is_the_one_that_is_told(
    farm: Farm, code: str, sent: Sent, key: Any
) -> None:
    found = look(farm, sent, key)
    assert found.faults == [code], found.document["sentence"]
    assert found.status == 1


@pytest.mark.parametrize(
    ("code", "sent", "key"),
    [
        fault("root-sent", LEAF, INTERMEDIATE, ROOT),
        fault("unrelated-certificates", LEAF, INTERMEDIATE, STRANGER),
        fault("certificate-sent-twice", LEAF, INTERMEDIATE, INTERMEDIATE),
        fault(
            "expired-cross-signature",
            LEAF,
            INTERMEDIATE,
            authority(0, **over()).below(authority(80, subject="Other Top", **over())),
        ),
    ],
)
def test_what_is_only_worth_knowing_leaves_the_server_healthy(
    farm: Farm, code: str, sent: Sent, key: Any
) -> None:
    found = look(farm, sent, key)
    assert found.faults == []
    assert code in found.notices
    assert found.status == 0


@pytest.mark.symptom("weak-signature")
@pytest.mark.parametrize("how", ["sha1", "md5"])
def test_a_weak_signature(farm: Farm, how: str) -> None:
    above = authority(91, key=rsa_key(2048))
    sent: Sent = [weakly_signed(leaf().below(above), rsa_key(2048), how), above.below(TOP)]
    assert look(farm, sent, leaf().key).faults == ["weak-signature"]


@pytest.mark.symptom("root-expired")
def test_an_expired_root(farm: Farm) -> None:
    top = authority(0, **over())
    farm.roots = trusted(farm.folder, top.below())
    assert look(farm, [LEAF, MIDDLE.below(top)], leaf().key).faults == ["root-expired"]


@pytest.mark.symptom("unreadable-certificate")
def test_certificates_that_openssl_reads_and_strict_clients_do_not(farm: Farm) -> None:
    bent = of_another_version(INTERMEDIATE)
    found = look(farm, [LEAF, INTERMEDIATE, bent], leaf().key)
    assert found.faults == ["unreadable-certificate"]


@pytest.mark.symptom("no-certificate")
def test_a_leaf_that_strict_clients_cannot_read(farm: Farm) -> None:
    alone = look(farm, [of_another_version(LEAF)], leaf().key)
    assert alone.faults == ["no-certificate", "unreadable-certificate"]


def test_a_missing_intermediate_is_named_with_where_it_is_to_be_had(farm: Farm) -> None:
    url = "http://pki.example/one.der"
    where = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
    )
    aia = x509.AuthorityInformationAccess([where])
    found = look(farm, [leaf(more=((aia, False),)).below(MIDDLE)], leaf().key)
    assert found.faults == ["missing-intermediate"]
    (one,) = [one for one in found.document["findings"] if one["code"] == "missing-intermediate"]
    assert one["detail"]["issuer"] == "CN=Authority 1"
    assert one["detail"]["url"] == url
    assert url in found.document["sentence"]


# -- more than one trust store ---------------------------------------------------------------------


def between(farm: Farm, *stores: Store) -> Diagnosis:
    """What is served below the usual root, in the eyes of these stores."""
    at, port = farm.address
    question = Question(host=NAME, port=port, addresses=(at,), stores=stores)
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP)):
        return Doctor(DnsResolver(())).look(question)


@pytest.mark.symptom("trusted-by-some")
def test_a_root_that_the_deciding_store_lacks(farm: Farm) -> None:
    lacks = Store(name="system", roots=(der(OTHER_TOP.below()),))
    found = between(farm, lacks, Store(name="mozilla", roots=(der(ROOT),)))
    assert [one.code for one in found.faults] == ["trusted-by-some"]
    assert found.faults[0].detail["trusted"] == ["mozilla"]


@pytest.mark.symptom("root-of-one-store")
def test_a_private_root_is_trusted_here_and_not_by_mozilla(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's store is that of SSL_CERT_FILE; Mozilla's is certifi's own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(farm.roots))
    at, port = farm.address
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP)):
        found = diagnosed(f"{NAME}:{port}", "--address", at)
    assert found.faults == []
    assert "root-of-one-store" in found.notices


# -- before a server has it ------------------------------------------------------------------------


@pytest.mark.symptom("key-mismatch")
def test_a_pair_that_nginx_refuses_is_told_apart_offline(farm: Farm) -> None:
    live = kept(farm.folder / "live", [LEAF, INTERMEDIATE], key(99))
    server = farm.nginx(live)
    server.configure()
    done = subprocess.run(
        [*server.command(), "-t"], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr
    files = ("--chain", live / "fullchain.pem", "--key", live / "privkey.pem")
    found = diagnosed(NAME, *files, "--root", farm.roots)
    assert found.faults == ["key-mismatch"]
    assert found.status == 1
