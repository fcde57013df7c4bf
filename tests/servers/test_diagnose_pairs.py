"""Two faults at once are both named, the one that explains or hides the other first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from everleaf.core.approach import StartTls
from support.certs import Pair
from support.forge import CLIENT, DAY, rsa_key
from support.lineage import NAME, Link, chain
from support.loopback import free, written
from support.mail import Postfix
from support.registry import Registry
from support.servers import Nginx
from support.starttls import serving
from support.talkers import response, talking
from support.tls_farm import (
    MIDDLE,
    START,
    TOP,
    Bound,
    Diagnosed,
    Farm,
    authority,
    kept,
    leaf,
    over,
    trusted,
)

OTHER = "other.example.org"
MISMATCH = ["wrong-virtual-host", "hostname-mismatch"]


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def both(found: Diagnosed, *codes: str) -> None:
    """These are the faults, in this order; the sentence has the first, and the others by code."""
    assert found.faults == list(codes)
    assert found.status == 1
    sentence: str = found.document["sentence"]
    first = found.document["findings"][0]
    assert sentence.startswith(f"{found.document['place']}: {first['what']}. {first['check']}")
    assert sentence.endswith(f" (and {len(codes) - 1} more: {', '.join(codes[1:])})")


def self_signed(farm: Farm, link: Link) -> Path:
    return kept(farm.folder / "live", [link.below()], link.key)


# -- certificates ----------------------------------------------------------------------------------


@pytest.mark.symptom("wrong-virtual-host", "hostname-mismatch", "expired")
def test_expired_and_for_another_name(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(OTHER, **over()), MIDDLE, TOP)):
        both(farm.look(), *MISMATCH, "expired")


@pytest.mark.symptom("wrong-virtual-host", "hostname-mismatch", "missing-intermediate")
def test_without_its_intermediate_and_for_another_name(farm: Farm) -> None:
    sent = chain(leaf(OTHER), MIDDLE, TOP)[:1]
    with farm.nginx(kept(farm.folder / "live", sent, leaf().key)):
        both(farm.look(), *MISMATCH, "missing-intermediate")


@pytest.mark.symptom("expired", "missing-intermediate")
def test_without_its_intermediate_and_expired(farm: Farm) -> None:
    sent = chain(leaf(**over()), MIDDLE, TOP)[:1]
    with farm.nginx(kept(farm.folder / "live", sent, leaf().key)):
        both(farm.look(), "expired", "missing-intermediate")


@pytest.mark.symptom("old-versions-only", "self-signed")
def test_old_versions_only_and_self_signed(farm: Farm) -> None:
    old = "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT:@SECLEVEL=0;"
    with farm.nginx(self_signed(farm, leaf(ca=None, key_usage=None)), old):
        both(farm.look(), "old-versions-only", "self-signed")


@pytest.mark.symptom("not-yet-valid", "weak-key")
def test_not_yet_valid_and_with_a_weak_key(farm: Farm) -> None:
    link = leaf(key=rsa_key(1024), start=START + DAY)
    with farm.nginx(farm.live(link, MIDDLE, TOP), "ssl_ciphers DEFAULT:@SECLEVEL=0;"):
        both(farm.look(), "not-yet-valid", "weak-key")


@pytest.mark.symptom("expired", "wrong-usage")
def test_expired_and_for_clients(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(usages=CLIENT, **over()), MIDDLE, TOP)):
        both(farm.look(), "expired", "wrong-usage")


@pytest.mark.symptom("no-subject-alternative-name", "self-signed")
def test_without_any_alternative_name_and_self_signed(farm: Farm) -> None:
    link = Link(subject=NAME, names=(), start=START, end=START + 90 * DAY)
    with farm.nginx(self_signed(farm, link)):
        both(farm.look(), "no-subject-alternative-name", "self-signed")


@pytest.mark.symptom("intermediate-expired", "wrong-order")
def test_in_the_wrong_order_and_below_an_expired_intermediate(farm: Farm) -> None:
    first, second = authority(51, **over()), authority(50)
    sent = chain(leaf(), first, second, TOP)
    live = kept(farm.folder / "live", [sent[0], sent[2], sent[1]], leaf().key)
    with farm.nginx(live):
        both(farm.look(), "intermediate-expired", "wrong-order")


@pytest.mark.symptom("wrong-virtual-host", "hostname-mismatch", "untrusted-authority")
def test_the_wrong_virtual_host_and_a_root_that_nobody_trusts(farm: Farm) -> None:
    mine = farm.live(leaf(), MIDDLE, TOP, name="mine")
    theirs = farm.live(leaf(OTHER), authority(60), authority(61), name="theirs")
    sites = (
        farm.site(theirs, "return 200;", name=OTHER, listen="ssl default_server"),
        farm.site(mine, "return 200;", name=f"www.{NAME}"),
    )
    with farm.alone(*sites):
        both(farm.look(), *MISMATCH, "untrusted-authority")


@pytest.mark.symptom("path-too-long", "name-not-permitted")
def test_too_many_intermediates_and_a_name_that_is_not_permitted(farm: Farm) -> None:
    constraint = x509.NameConstraints([x509.DNSName("example.net")], None)
    links = authority(70), authority(71, path_length=0, more=((constraint, True),))
    with farm.nginx(farm.live(leaf(), *links, TOP)):
        both(farm.look(), "path-too-long", "name-not-permitted")


def test_expired_both_at_the_leaf_and_above(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(**over()), authority(52, **over()), TOP)):
        both(farm.look(), "expired", "intermediate-expired")


def test_each_of_two_certificates_with_a_fault_of_its_own(farm: Farm) -> None:
    lives = (
        farm.live(leaf(**over()), MIDDLE, TOP, name="ecdsa"),
        farm.live(leaf(OTHER, key=rsa_key(2048)), MIDDLE, TOP, name="rsa"),
    )
    second = f"ssl_certificate {lives[1]}/fullchain.pem;ssl_certificate_key {lives[1]}/privkey.pem;"
    with farm.alone(farm.site(lives[0], f"{second} return 200;")):
        found = farm.look()
    both(found, "hostname-mismatch", "expired")
    what = {one["code"]: one["what"] for one in found.document["findings"]}
    assert what["hostname-mismatch"].startswith("of its RSA certificate, ")
    assert what["expired"].startswith("of its ECDSA certificate, ")


# -- revocation, HTTP, clients ---------------------------------------------------------------------


@pytest.mark.symptom("expired", "hsts-malformed")
def test_expired_and_with_a_malformed_hsts_header(farm: Farm) -> None:
    header = 'add_header Strict-Transport-Security "max-age=1y" always;'
    with farm.nginx(farm.live(leaf(**over()), MIDDLE, TOP), header):
        both(farm.look(), "expired", "hsts-malformed")


@pytest.mark.symptom("wrong-virtual-host", "hostname-mismatch", "revoked-by-crl")
def test_revoked_and_for_another_name(farm: Farm) -> None:
    place = free()
    registry = Registry(farm.folder / "registry", f"http://{written(place)}")
    farm.roots = trusted(farm.folder, registry.root)
    issued = registry.issue(OTHER)
    lists = {
        OTHER: registry.crl(issued),
        "intermediate": registry.list_of(key=registry.root_key, name="Root"),
    }

    def answer(head: str) -> bytes:
        return response("200 OK", lists[head.split()[1].strip("/").removesuffix(".crl")])

    with talking(place, answer), farm.nginx(issued.folder):
        both(farm.look(), *MISMATCH, "revoked-by-crl")


@pytest.mark.symptom("expired", "must-staple-missing")
def test_expired_and_without_the_staple_that_must_be(farm: Farm) -> None:
    demanded = x509.TLSFeature([x509.TLSFeatureType.status_request])
    with farm.nginx(farm.live(leaf(**over(), more=((demanded, False),)), MIDDLE, TOP)):
        both(farm.look(), "expired", "must-staple-missing")


@pytest.mark.symptom("expired", "client-certificate-required")
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_expired_and_demanding_a_client_certificate(farm: Farm, version: str) -> None:
    live = farm.live(leaf(**over()), MIDDLE, TOP)
    server = Bound(farm.folder / "haproxy", [farm.address], [live / "combined.pem"])
    server.options = f"ca-file {farm.roots} verify required ssl-min-ver {version}"
    server.options += f" ssl-max-ver {version}"
    with server:
        both(farm.look(), "expired", "client-certificate-required")


@pytest.mark.symptom("missing-intermediate", "client-certificate-refused-in-http")
def test_without_its_intermediate_and_refusing_in_http(farm: Farm) -> None:
    sent = chain(leaf(), MIDDLE, TOP)[:1]
    live = kept(farm.folder / "live", sent, leaf().key)
    with farm.nginx(live, f"ssl_client_certificate {farm.roots}; ssl_verify_client on;"):
        both(farm.look(), "missing-intermediate", "client-certificate-refused-in-http")


# -- the connection --------------------------------------------------------------------------------


@pytest.mark.symptom("connection-refused", "expired", "address-differs")
def test_one_address_down_and_the_other_expired(farm: Farm) -> None:
    down = free()[0]
    with farm.nginx(farm.live(leaf(**over()), MIDDLE, TOP)):
        found = farm.look("--address", down)
    assert found.faults[:2] == ["connection-refused", "expired"]
    where = {one["code"]: one["where"] for one in found.document["findings"]}
    assert where["connection-refused"] == [down]
    assert where["expired"] == [farm.address[0]]


def test_two_addresses_with_a_fault_each(farm: Farm) -> None:
    other = (free()[0], farm.address[1])
    theirs = farm.live(leaf(OTHER), MIDDLE, TOP, name="other")
    with (
        farm.nginx(farm.live(leaf(**over()), MIDDLE, TOP)),
        Nginx(farm.folder / "other", [other], {NAME: theirs}),
    ):
        found = farm.look("--address", other[0])
    assert found.faults[:3] == [*MISMATCH, "expired"]
    where = {one["code"]: one["where"] for one in found.document["findings"]}
    assert (where["hostname-mismatch"], where["expired"]) == ([other[0]], [farm.address[0]])


@pytest.mark.symptom("proxy-header-expected", "expired")
def test_a_proxy_header_expected_and_expired(farm: Farm) -> None:
    live = farm.live(leaf(**over()), MIDDLE, TOP)
    with farm.alone(farm.site(live, "return 200;", listen="ssl proxy_protocol")):
        both(farm.look(), "proxy-header-expected", "expired")


@pytest.mark.symptom("starttls-port", "expired")
def test_a_port_of_starttls_spoken_to_at_once_and_expired(farm: Farm) -> None:
    with Postfix(farm.folder / "postfix", farm.address, farm.live(leaf(**over()), MIDDLE, TOP)):
        both(farm.look(), "starttls-port", "expired")


@pytest.mark.parametrize("protocol", [StartTls.IMAP, StartTls.POSTGRES, StartTls.LDAP])
def test_expired_and_for_another_name_behind_starttls(farm: Farm, protocol: StartTls) -> None:
    first, second, _ = chain(leaf(OTHER, **over()), MIDDLE, TOP)
    pair = Pair(leaf=first, intermediate=second, key=leaf().key)
    with serving(protocol, farm.folder, pair, farm.address):
        both(farm.look("--starttls", protocol), *MISMATCH, "expired")


@pytest.mark.symptom("not-reloaded", "expired")
def test_not_reloaded_and_expired(farm: Farm) -> None:
    fresh = farm.live(leaf(), MIDDLE, TOP, name="fresh")
    with farm.nginx(farm.live(leaf(**over()), MIDDLE, TOP)):
        found = farm.look("--expect", fresh / "fullchain.pem")
    both(found, "not-reloaded", "expired")


@pytest.mark.symptom("missing-intermediate", "not-reloaded")
def test_not_reloaded_and_without_the_intermediate(farm: Farm) -> None:
    fresh = farm.live(leaf(), MIDDLE, TOP, name="fresh")
    old = chain(leaf(start=START - 30 * DAY), MIDDLE, TOP)[:1]
    with farm.nginx(kept(farm.folder / "live", old, leaf().key)):
        found = farm.look("--expect", fresh / "fullchain.pem")
    both(found, "not-reloaded", "missing-intermediate")


# -- any two ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What makes one: changes of the leaf and of the two intermediates, what is sent, the site."""

    leaf: dict[str, Any] = field(default_factory=dict)
    lower: dict[str, Any] = field(default_factory=dict)
    upper: dict[str, Any] = field(default_factory=dict)
    sent: tuple[int, ...] = ()
    site: str = ""

    def goes_with(self, other: "Fault") -> bool:
        """Whether a server can have both."""
        changed = ((self.leaf, other.leaf), (self.lower, other.lower), (self.upper, other.upper))
        if any(one.keys() & another.keys() for one, another in changed):
            return False
        alone = (0,) in {self.sent, other.sent}
        above = any(
            (one.lower, one.upper, len(one.sent) > 1) != ({}, {}, False) for one in (self, other)
        )
        return not (self.sent and other.sent) and not (alone and above)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")
ELSEWHERE = x509.NameConstraints([x509.DNSName("example.net")], None)
ANY = {
    "expired": Fault(leaf=over()),
    "not-yet-valid": Fault(leaf={"start": START + DAY}),
    "hostname-mismatch": Fault(leaf={"names": ("elsewhere.test", "elsewhere.example.net")}),
    "wrong-usage": Fault(leaf={"usages": CLIENT}),
    "weak-key": Fault(leaf={"key": rsa_key(1024)}),
    "unknown-critical-extension": Fault(leaf={"more": ((UNKNOWN, True),)}),
    "missing-intermediate": Fault(sent=(0,)),
    "wrong-order": Fault(sent=(0, 2, 1)),
    "intermediate-expired": Fault(lower=over()),
    "issuer-is-no-authority": Fault(lower={"ca": False}),
    "path-too-long": Fault(upper={"path_length": 0}),
    "name-not-permitted": Fault(upper={"more": ((ELSEWHERE, True),)}),
    "hsts-malformed": Fault(site='add_header Strict-Transport-Security "max-age" always;'),
    "client-certificate-refused-in-http": Fault(site="ssl_verify_client on;"),
}
TWO = [
    (first, second) for first, second in combinations(ANY, 2) if ANY[first].goes_with(ANY[second])
]


def host_of(pair: tuple[str, str]) -> str:
    return f"{TWO.index(pair)}.example.org"


def site_of(farm: Farm, pair: tuple[str, str]) -> str:
    """The virtual host of two faults."""
    first, second = (ANY[code] for code in pair)
    host = host_of(pair)
    link = leaf(host, **{**first.leaf, **second.leaf})
    lower = authority(80, **{**first.lower, **second.lower})
    upper = authority(81, **{**first.upper, **second.upper})
    whole = chain(link, lower, upper, TOP)
    sent = [whole[place] for place in first.sent or second.sent or (0, 1, 2)]
    live = kept(farm.folder / host, sent, link.key)
    return farm.site(live, f"{first.site} {second.site} return 200;", name=host)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """One nginx with a virtual host for each two."""
    farm = Farm(tmp_path_factory.mktemp("town"))
    default = farm.site(farm.live(leaf(), MIDDLE, TOP), "return 200;", listen="ssl default_server")
    shared = f"ssl_client_certificate {farm.roots}; ssl_ciphers DEFAULT:@SECLEVEL=0;"
    with farm.alone(shared, default, *(site_of(farm, pair) for pair in TWO)):
        yield farm


@pytest.mark.parametrize("pair", TWO, ids=" and ".join)
def test_of_any_two_both_are_named(town: Farm, pair: tuple[str, str]) -> None:
    found = town.look(host=host_of(pair))
    assert set(found.faults) == set(pair)
