"""Revocation by lists over real HTTP, and by what a real nginx staples; lists are by openssl."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from everleaf.core.diagnosis import Expected, Finding, Question, Store
from everleaf.tls import revocation
from everleaf.tls.diagnosing import Doctor
from everleaf.tls.lists import Lists
from everleaf.tls.resolver import DnsResolver
from support import forge, lines
from support.loopback import PATIENCE, Address, free
from support.registry import Issued, Registry
from support.servers import Nginx
from support.talkers import dripping, response, talking

DAY = timedelta(days=1)
OCSP_RESPONSE = "application/ocsp-response"
MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])

# A successful answer (RFC 6960, section 4.2.1) around an OCTET STRING that holds nothing of use:
# nginx looks at no more than that before it staples a file.
HOLLOW = bytes.fromhex("3018 0a0100 a013 3011 0609 2b0601050507300101 0404") + b"bad!"

Codes = dict[str, Finding]


def by_code(found: tuple[Finding, ...]) -> Codes:
    return {one.code: one for one in found}


# -- stapled answers -----------------------------------------------------------------------------

NAMES = (
    "good",
    "revoked",
    "unknown",
    "expired",
    "future",
    "other",
    "malformed",
    "later",
    "delegated",
    "stranger",
    "usurper",
    "overdue",
    "unrelated",
    "none",
    "demanding",
    "demanding-good",
)


@dataclass(frozen=True, slots=True)
class Stapler:
    """A running nginx that staples for each name what this names."""

    registry: Registry
    address: Address
    issued: dict[str, Issued]

    def look(self, name: str, **more: Any) -> tuple[Codes, dict[str, Any]]:
        seen = lines.shaken(self.address, f"{name}.test")
        assert seen.chain == tuple(self.issued[name].chain)
        given = {"now": datetime.now(UTC), **more}
        found, facts = revocation.findings(seen.chain, seen.staple, **given)
        told: Any = facts["revocation"]
        return by_code(found), told


def staples(registry: Registry, issued: dict[str, Issued]) -> dict[str, bytes]:
    now = datetime.now(UTC)
    stranger = ec.generate_private_key(ec.SECP256R1())
    pretender = forge.authority(key=stranger, signer=stranger)
    mine, later = registry.responder_key, ocsp.OCSPResponseStatus.TRY_LATER
    usages = (ExtendedKeyUsageOID.SERVER_AUTH,)

    def by(name: str, responder: x509.Certificate) -> bytes:
        return registry.says(issued[name], responder=responder, key=mine)

    return {
        "good": registry.answer(issued["good"], "V"),
        "revoked": registry.answer(issued["revoked"], "R"),
        "unknown": registry.answer(issued["unknown"], ""),
        "expired": registry.says(issued["expired"], start=now - 2 * DAY, end=now - DAY),
        "future": registry.says(issued["future"], start=now + DAY, end=now + 2 * DAY),
        "other": registry.answer(issued["good"], "V"),
        "malformed": HOLLOW,
        "later": ocsp.OCSPResponseBuilder.build_unsuccessful(later).public_bytes(Encoding.DER),
        "delegated": by("delegated", registry.responder()),
        "stranger": registry.says(
            issued["stranger"], responder=pretender, key=stranger, carried=False
        ),
        "usurper": by("usurper", registry.responder(*usages)),
        "overdue": by("overdue", registry.responder(end=now - timedelta(minutes=10))),
        "unrelated": by("unrelated", registry.responder(signer=stranger)),
        "demanding-good": registry.answer(issued["demanding-good"], "V"),
    }


@pytest.fixture(scope="module")
def stapler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stapler]:
    folder = tmp_path_factory.mktemp("stapler")
    registry, address = Registry(folder / "ca"), free()
    issued = {
        name: registry.issue(f"{name}.test", *([MUST_STAPLE] if "demanding" in name else []))
        for name in NAMES
    }
    nginx = Nginx(folder / "nginx", [address], {f"{one}.test": issued[one].folder for one in NAMES})
    for name, staple in staples(registry, issued).items():
        (issued[name].folder / "staple.der").write_bytes(staple)
    nginx.sites = {}
    nginx.extra = "".join(
        f"server {{ listen {address[0]}:{address[1]} ssl; server_name {name}.test;"
        f" ssl_certificate {one.folder}/fullchain.pem;"
        f" ssl_certificate_key {one.folder}/privkey.pem; {_stapling(one.folder / 'staple.der')}"
        ' return 200 "fine"; }\n'
        for name, one in issued.items()
    )
    with nginx:
        yield Stapler(registry, address, issued)


def _stapling(path: Path) -> str:
    return f"ssl_stapling on; ssl_stapling_file {path};" if path.exists() else ""


def test_a_good_staple_is_nothing_to_tell(stapler: Stapler) -> None:
    found, facts = stapler.look("good")
    assert found == {}
    assert facts["staple"]["status"] == "good"
    assert facts["staple"]["signature_checked"]


def test_a_server_that_staples_nothing_is_healthy(stapler: Stapler) -> None:
    found, facts = stapler.look("none")
    assert found == {}
    assert facts["staple"] is None
    assert not facts["must_staple"]


def test_an_answer_of_an_authorised_responder_is_as_good(stapler: Stapler) -> None:
    found, _ = stapler.look("delegated")
    assert found == {}


@pytest.mark.symptom("revoked-by-staple")
def test_a_staple_that_says_revoked_is_a_fault_with_date_and_reason(stapler: Stapler) -> None:
    found, _ = stapler.look("revoked")
    assert set(found) == {"revoked-by-staple"}
    one = found["revoked-by-staple"]
    assert one.is_fault
    assert one.detail == {
        "since": stapler.registry.start.isoformat(),
        "reason": "keyCompromise",
    }


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        pytest.param(*one, marks=pytest.mark.symptom(one[1]))
        for one in [
            ("unknown", "staple-unknown", "does not know"),
            ("expired", "staple-expired", "was over at"),
            ("future", "staple-not-yet-valid", "from the future"),
            ("other", "staple-of-other", "for the certificate"),
            ("malformed", "staple-malformed", "no OCSP answer that can be read"),
            ("later", "staple-unsuccessful", "try_later"),
            ("stranger", "staple-untrusted", "neither by the issuer"),
            ("usurper", "staple-untrusted", "may not sign"),
            ("overdue", "staple-untrusted", "is not valid now"),
            ("unrelated", "staple-untrusted", "not by the issuer"),
            ("demanding", "must-staple-missing", "sends none"),
        ]
    ],
)
def test_what_is_wrong_with_a_staple_is_a_fault_and_told_apart(
    stapler: Stapler, name: str, code: str, words: str
) -> None:
    found, _ = stapler.look(name)
    assert set(found) == {code}
    assert found[code].is_fault
    assert words in found[code].what


def test_a_staple_that_is_demanded_and_there_is_nothing_to_tell(stapler: Stapler) -> None:
    found, facts = stapler.look("demanding-good")
    assert found == {}
    assert facts["must_staple"]


def test_a_staple_that_comes_with_the_second_handshake_is_taken(stapler: Stapler) -> None:
    staple = stapler.registry.answer(stapler.issued["demanding"], "V")
    answers = iter([b"", staple])
    found, _ = stapler.look("demanding", again=lambda: next(answers))
    assert found == {}
    found, _ = stapler.look("demanding", again=lambda: b"", pauses=(0, 0))
    assert set(found) == {"must-staple-missing"}


def test_nginx_that_fetches_its_staple_only_when_asked_is_healthy(tmp_path: Path) -> None:
    (host, port), address = free(), free()
    registry = Registry(tmp_path / "ca")
    place = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"http://{host}:{port}")
    )
    one = registry.issue("lazy.test", MUST_STAPLE, x509.AuthorityInformationAccess([place]))
    said = response("200 OK", registry.answer(one, "V"), **{"content-type": OCSP_RESPONSE})
    nginx = Nginx(tmp_path / "nginx", [address], {"lazy.test": one.folder})
    nginx.extra = (
        f"ssl_stapling on; ssl_trusted_certificate {registry.folder}/issuer.pem;"
        f" resolver {host}:{port};"
    )
    with talking((host, port), lambda _: said), nginx:
        found, facts = revocation.findings(
            one.chain,
            lines.shaken(address, "lazy.test").staple,
            now=datetime.now(UTC),
            again=lambda: lines.shaken(address, "lazy.test").staple,
            pauses=(0.1,) * 100,
        )
    assert found == ()
    told: Any = facts["revocation"]
    assert told["staple"]["status"] == "good"


def test_a_staple_runs_out_with_time(stapler: Stapler) -> None:
    found, _ = stapler.look("revoked", now=datetime.now(UTC) + 8 * DAY)
    assert set(found) == {"revoked-by-staple", "staple-expired"}


def test_without_the_issuer_a_staple_is_read_and_not_trusted_blindly(stapler: Stapler) -> None:
    one = stapler.issued["revoked"]
    staple = (one.folder / "staple.der").read_bytes()
    found, facts = revocation.findings(one.chain[:1], staple, now=datetime.now(UTC))
    told: Any = facts["revocation"]
    assert set(by_code(found)) == {"revoked-by-staple"}
    assert not told["staple"]["signature_checked"]
    again, _ = revocation.findings(
        one.chain[:1],
        (stapler.issued["stranger"].folder / "staple.der").read_bytes(),
        now=datetime.now(UTC),
        others=one.chain[1:],
    )
    assert set(by_code(again)) == {"staple-of-other"}


# -- revocation lists ----------------------------------------------------------------------------


@dataclass(slots=True)
class Publisher:
    """A server of lists, and an authority whose certificates name it."""

    registry: Registry
    address: Address
    published: dict[str, bytes] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    def answer(self, head: str) -> bytes:
        name = head.split(" ", 2)[1].removeprefix("/").removesuffix(".crl")
        body = self.published.get(name)
        return response("404 Not Found") if body is None else response("200 OK", body)

    def look(
        self, issued: Issued, lists: Lists | None = None, **more: Any
    ) -> tuple[Codes, list[dict[str, Any]]]:
        """What is found of a certificate and its issuer."""
        given = {
            "now": datetime.now(UTC),
            "others": [forge.der(self.registry.root)],
            "lists": lists or Lists(PATIENCE, most=100_000),
            **more,
        }
        found, facts = revocation.findings(issued.chain, b"", **given)
        told: Any = facts["revocation"]
        return by_code(found), told["lists"]


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    address = free()
    one = Publisher(Registry(tmp_path / "ca", f"http://{address[0]}:{address[1]}"), address)
    registry = one.registry
    one.published["intermediate"] = registry.list_of(key=registry.root_key, name="Root")
    with talking(address, one.answer) as one.heads:
        yield one


def test_a_certificate_that_is_not_listed_is_nothing_to_tell(publisher: Publisher) -> None:
    registry = publisher.registry
    one, other = registry.issue("one.test"), registry.issue("other.test")
    publisher.published["one.test"] = registry.crl(other)
    found, lists = publisher.look(one)
    assert found == {}
    assert [(each["revoked"], each["entries"]) for each in lists] == [(False, 1), (False, 0)]


@pytest.mark.symptom("revoked-by-crl")
def test_a_certificate_that_is_listed_is_a_fault_with_date_and_reason(publisher: Publisher) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.crl(one)
    found, _ = publisher.look(one)
    assert set(found) == {"revoked-by-crl"}
    assert found["revoked-by-crl"].is_fault
    assert found["revoked-by-crl"].detail == {
        "url": registry.url("one.test"),
        "serial": f"{one.leaf.serial_number:x}",
        "since": registry.start.isoformat(),
        "reason": "keyCompromise",
    }


@pytest.mark.symptom("revoked-by-crl")
def test_an_intermediate_that_is_listed_is_named(publisher: Publisher) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.crl()
    publisher.published["intermediate"] = registry.list_of(
        key=registry.root_key, name="Root", revoked=[registry.certificate.serial_number]
    )
    found, _ = publisher.look(one)
    assert set(found) == {"revoked-by-crl"}
    assert "CN=Intermediate" in found["revoked-by-crl"].what


@pytest.mark.symptom("crl-unreachable")
def test_a_list_that_is_not_there_is_a_notice(publisher: Publisher) -> None:
    found, _ = publisher.look(publisher.registry.issue("one.test"))
    assert set(found) == {"crl-unreachable"}
    assert not found["crl-unreachable"].is_fault
    assert "HTTP 404" in found["crl-unreachable"].what


def test_a_server_of_lists_that_is_down_is_a_notice(tmp_path: Path) -> None:
    host, port = free()
    registry = Registry(tmp_path / "ca", f"http://{host}:{port}")
    found, _ = Publisher(registry, (host, port)).look(registry.issue("one.test"))
    assert set(found) == {"crl-unreachable"}
    assert "nothing listens there" in found["crl-unreachable"].what


@contextmanager
def endless(address: Address) -> Iterator[None]:
    """A list that never ends, as fast as it is read."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.request.sendall(bytes(65536))

    class Server(ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """The client goes away."""

    with Server(address, Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("served", "timeout", "words"),
    [(endless, PATIENCE, "longer than 100,000 bytes"), (dripping, 0.3, "no answer in time")],
)
def test_a_list_that_does_not_end_is_given_up(
    tmp_path: Path, served: Callable[[Address], Any], timeout: float, words: str
) -> None:
    address = free()
    registry = Registry(tmp_path / "ca", f"http://{address[0]}:{address[1]}")
    with served(address):
        lists = Lists(timeout, most=100_000)
        found, _ = Publisher(registry, address).look(registry.issue("one.test"), lists)
    assert set(found) == {"crl-unreachable"}
    assert words in found["crl-unreachable"].what


def test_a_list_that_fails_for_one_address_is_not_asked_for_again(publisher: Publisher) -> None:
    one, lists = publisher.registry.issue("one.test"), Lists(PATIENCE)
    for _ in range(3):
        publisher.look(one, lists)
    assert len(publisher.heads) == 2, "that of the leaf and that of its issuer"


@pytest.mark.symptom("crl-malformed")
@pytest.mark.parametrize(
    ("body", "words"),
    [(b"<html>", "cannot be read"), (b"-----BEGIN X509 CRL-----\n", "it is PEM"), (b"", "read")],
)
def test_what_is_no_list_is_a_notice(publisher: Publisher, body: bytes, words: str) -> None:
    publisher.published["one.test"] = body
    found, _ = publisher.look(publisher.registry.issue("one.test"))
    assert set(found) == {"crl-malformed"}
    assert not found["crl-malformed"].is_fault
    assert words in found["crl-malformed"].what


@pytest.mark.symptom("crl-untrusted")
@pytest.mark.parametrize("name", ["Intermediate", "Somebody Else"])
def test_a_list_by_somebody_else_says_nothing(publisher: Publisher, name: str) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    key = registry.root_key if name == "Intermediate" else registry.key
    publisher.published["one.test"] = registry.list_of(
        revoked=[one.leaf.serial_number], key=key, name=name
    )
    found, lists = publisher.look(one)
    assert set(found) == {"crl-untrusted"}
    assert not found["crl-untrusted"].is_fault
    assert lists[0]["revoked"] is None


@pytest.mark.symptom("crl-not-current")
@pytest.mark.parametrize(("start", "end"), [(-3 * DAY, -DAY), (DAY, 2 * DAY)])
def test_a_list_that_is_not_of_today_is_a_notice_and_still_read(
    publisher: Publisher, start: timedelta, end: timedelta
) -> None:
    registry, now = publisher.registry, datetime.now(UTC)
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.list_of(
        start=now + start, end=now + end, revoked=[one.leaf.serial_number]
    )
    found, _ = publisher.look(one)
    assert set(found) == {"crl-not-current", "revoked-by-crl"}
    assert not found["crl-not-current"].is_fault


def scope(**changes: Any) -> x509.IssuingDistributionPoint:
    plan = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**plan, **changes})


@pytest.mark.symptom("crl-not-applicable")
@pytest.mark.parametrize(
    ("extension", "words"),
    [
        (scope(only_contains_ca_certs=True), "of authorities only"),
        (scope(indirect_crl=True), "indirect"),
        (scope(only_contains_attribute_certs=True), "attribute certificates"),
        (
            scope(full_name=[x509.UniformResourceIdentifier("http://other.test/1.crl")]),
            "another distribution point",
        ),
        (x509.DeltaCRLIndicator(7), "only what has changed"),
    ],
)
def test_a_list_that_is_for_others_is_a_notice(
    publisher: Publisher, extension: x509.ExtensionType, words: str
) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.list_of(extension, revoked=[one.leaf.serial_number])
    found, _ = publisher.look(one)
    assert set(found) == {"crl-not-applicable"}
    assert words in found["crl-not-applicable"].what


def test_a_list_of_this_distribution_point_is_read(publisher: Publisher) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    mine = x509.UniformResourceIdentifier(registry.url("one.test"))
    publisher.published["one.test"] = registry.list_of(
        scope(full_name=[mine], only_contains_user_certs=True), revoked=[one.leaf.serial_number]
    )
    found, _ = publisher.look(one)
    assert set(found) == {"revoked-by-crl"}


def test_without_the_issuer_a_listed_certificate_is_told_with_a_doubt(publisher: Publisher) -> None:
    registry = publisher.registry
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.crl(one)
    found, _ = revocation.findings(one.chain[:1], b"", now=datetime.now(UTC), lists=Lists(PATIENCE))
    assert set(by_code(found)) == {"revoked-by-crl"}
    assert "cannot be checked" in found[0].what


def test_where_no_list_is_named_or_wanted_nothing_is_fetched(
    publisher: Publisher, tmp_path: Path
) -> None:
    plain = Registry(tmp_path / "plain").issue("plain.test")
    found, lists = publisher.look(plain)
    assert found == {}
    assert lists == []
    revocation.findings(
        publisher.registry.issue("one.test").chain, b"", now=datetime.now(UTC), lists=None
    )
    assert publisher.heads == []


@pytest.mark.parametrize("staple", [b"this is no OCSP answer", HOLLOW[:9], HOLLOW + b"more", b"0"])
def test_any_bytes_in_place_of_a_staple_are_told(tmp_path: Path, staple: bytes) -> None:
    chain = Registry(tmp_path / "ca").issue("one.test").chain
    found, _ = revocation.findings(chain, staple, now=datetime.now(UTC))
    assert set(by_code(found)) == {"staple-malformed"}


def test_what_is_no_certificate_is_left_to_others() -> None:
    assert revocation.findings([b"rubbish"], b"", now=datetime.now(UTC)) == ((), {})
    assert revocation.findings([], b"", now=datetime.now(UTC)) == ((), {})


def test_a_later_staple_of_a_second_certificate_is_not_taken_for_this_one(stapler: Stapler) -> None:
    other = (stapler.issued["good"].folder / "staple.der").read_bytes()
    found, _ = stapler.look("demanding", again=lambda: other, pauses=(0, 0))
    assert set(found) == {"must-staple-missing"}


def test_a_certificate_of_an_unknown_version_is_left_out() -> None:
    good = forge.der(forge.Plan().make())
    odd = good.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105"))
    assert odd != good
    assert revocation.findings([odd], b"", now=datetime.now(UTC)) == ((), {})


# -- as the whole look tells it ------------------------------------------------------------------


def diagnosed(host: str, address: Address, registry: Registry, **more: Any) -> list[str]:
    """The faults of the whole look at one address."""
    question = Question(
        host=host,
        port=address[1],
        addresses=(address[0],),
        stores=(Store(name="test", roots=(forge.der(registry.root),)),),
        timeout=PATIENCE,
        **more,
    )
    return [one.code for one in Doctor(DnsResolver()).look(question).faults]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("good", []),
        ("none", []),
        ("delegated", []),
        ("demanding-good", []),
        ("revoked", ["revoked-by-staple"]),
        ("expired", ["staple-expired"]),
        ("demanding", ["must-staple-missing"]),
    ],
)
def test_the_whole_look_tells_of_staples(stapler: Stapler, name: str, codes: list[str]) -> None:
    assert diagnosed(f"{name}.test", stapler.address, stapler.registry) == codes


def test_the_whole_look_tells_of_lists_and_of_a_wrong_name_as_well(
    publisher: Publisher, tmp_path: Path
) -> None:
    registry, address = publisher.registry, free()
    one = registry.issue("one.test")
    publisher.published["one.test"] = registry.crl(one)
    nginx = Nginx(tmp_path / "nginx", [address], {"one.test": one.folder})
    with nginx:
        assert diagnosed("one.test", address, registry) == ["revoked-by-crl"]
        assert diagnosed("one.test", address, registry, brief=True) == []
        both = Expected(name="other.test")
        found = diagnosed("one.test", address, registry, expected=both)
    assert {"hostname-mismatch", "revoked-by-crl"} <= set(found)
