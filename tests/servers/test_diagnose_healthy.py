"""A healthy server is called healthy, of whatever make it is and however it is set up."""

import itertools
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from everleaf.core.approach import StartTls
from support.certs import Pair
from support.daemons import Apache, Caddy
from support.forge import CLIENT, DAY, rsa_key
from support.lineage import NAME, chain
from support.loopback import PATIENCE, Address, free, written
from support.mail import Dovecot, Postfix
from support.registry import Registry
from support.servers import Haproxy, Nginx
from support.starttls import HOST, serving
from support.stubs import Act, answers, closes, greets, is_silent, resets, stub
from support.talkers import response, talking
from support.tls_farm import (
    MIDDLE,
    START,
    TOP,
    Bound,
    Farm,
    Go,
    Openssl,
    authority,
    diagnosed,
    kept,
    leaf,
    trusted,
)

HSTS = 'add_header Strict-Transport-Security "{}" always;'
HTTP = ("hsts-absent",)


def healthy(
    farm: Farm, *options: str | Path, host: str = NAME, notices: Sequence[str] = HTTP
) -> dict[str, Any]:
    """Nothing is wrong there, and of what is worth knowing there is this; what was seen.

    A client of Python's own is let in as well.
    """
    let_in(farm, host, options)
    found = farm.look(*options, host=host)
    assert found.faults == [], found.document["sentence"]
    assert found.document["healthy"] is True
    assert found.document["sentence"] == f"{host}:{farm.address[1]} is healthy"
    assert found.status == 0
    assert found.notices == list(notices)
    (facts,) = found.document["facts"].values()
    assert isinstance(facts, dict)
    return facts


def let_in(farm: Farm, host: str, options: Sequence[str | Path]) -> None:
    """Connect as a client that trusts the root and insists on the name."""
    context = ssl.create_default_context(cafile=farm.roots)
    given = dict(zip(options[::2], options[1::2], strict=True))
    if "--client-cert" in given:
        context.load_cert_chain(given["--client-cert"], given["--client-key"])
    with (
        socket.create_connection(farm.address, timeout=PATIENCE) as line,
        context.wrap_socket(line, server_hostname=host) as channel,
    ):
        assert channel.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


# -- keys and chains -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [rsa_key(2048), rsa_key(4096), ec.generate_private_key(ec.SECP256R1()),
     ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())],
    ids=["RSA 2048", "RSA 4096", "P-256", "P-384", "P-521"],
)  # fmt: skip
def test_each_kind_of_key(farm: Farm, key: Any) -> None:
    with farm.nginx(farm.live(leaf(key=key), MIDDLE, TOP)):
        healthy(farm)


@pytest.mark.symptom("key-not-for-browsers")
def test_ed25519_is_a_notice(farm: Farm) -> None:
    live = farm.live(leaf(key=ed25519.Ed25519PrivateKey.generate()), MIDDLE, TOP)
    with Openssl(farm.folder / "openssl", farm.address, live):
        healthy(farm, notices=["key-not-for-browsers", *HTTP])


def test_rsa_and_ecdsa_on_one_server(farm: Farm) -> None:
    lives = (
        farm.live(leaf(key=rsa_key(2048)), MIDDLE, TOP, name="rsa"),
        farm.live(leaf(), MIDDLE, TOP, name="ecdsa"),
    )
    second = (
        f"ssl_certificate {lives[1]}/fullchain.pem; ssl_certificate_key {lives[1]}/privkey.pem;"
    )
    site = farm.site(lives[0], f"{second} return 200;")
    with farm.alone(site):
        facts = healthy(farm)
    kinds = {tuple(facts[name][0]["names"]) for name in ("chain", "other_chain")}
    assert kinds == {(NAME,)}
    assert facts["chain"][0]["sha256"] != facts["other_chain"][0]["sha256"]


def test_a_chain_with_three_intermediates(farm: Farm) -> None:
    links = [authority(number) for number in (3, 2, 1, 0)]
    with farm.nginx(farm.live(leaf(), *links)):
        facts = healthy(farm)
    assert len(facts["chain"]) == 4


def test_a_leaf_that_the_root_issued_itself(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(), TOP)):
        facts = healthy(farm)
    assert len(facts["chain"]) == 1


def test_a_long_chain_of_p_384(farm: Farm) -> None:
    keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(6)]
    links = [authority(20 + place, key=key) for place, key in enumerate(keys)]
    farm.roots = trusted(farm.folder, links[-1].below())
    live = farm.live(leaf(key=ec.generate_private_key(ec.SECP384R1())), *links)
    with farm.nginx(live):
        facts = healthy(farm)
    assert len(facts["chain"]) == 6


@pytest.mark.parametrize("trusts", ["old root", "new root", "both"])
def test_a_cross_signed_root(farm: Farm, trusts: str) -> None:
    old, new = authority(30), authority(31)
    roots = {"old root": [old], "new root": [new], "both": [old, new]}[trusts]
    farm.roots = trusted(farm.folder, *(one.below() for one in roots))
    sent = [leaf().below(MIDDLE), MIDDLE.below(new), new.below(old)]
    with farm.nginx(kept(farm.folder / "live", sent, leaf().key)):
        healthy(farm)


@pytest.mark.symptom("root-sent")
def test_a_root_that_is_sent_along_is_a_notice(farm: Farm) -> None:
    sent = chain(leaf(), MIDDLE, TOP)
    with farm.nginx(kept(farm.folder / "live", sent, leaf().key)):
        healthy(farm, notices=["root-sent", *HTTP])


def test_an_rsa_leaf_below_an_ecdsa_authority_and_the_other_way_round(farm: Farm) -> None:
    links = leaf(key=rsa_key(2048)), authority(40), authority(41, key=rsa_key(4096))
    farm.roots = trusted(farm.folder, links[-1].below())
    with farm.nginx(farm.live(*links)):
        healthy(farm)


@pytest.mark.symptom("expires-soon")
def test_the_last_hours_of_a_certificate_are_a_notice(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(start=START - 80 * DAY, end=START + DAY / 4), MIDDLE, TOP)):
        healthy(farm, notices=["expires-soon", *HTTP])


def test_a_file_of_the_leaf_alone_says_nothing_of_the_chain(farm: Farm) -> None:
    live = farm.live(leaf(), MIDDLE, TOP)
    with farm.nginx(live):
        healthy(farm, "--expect", live / "cert.pem")


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (("*.example.org", "example.org"), "shop.example.org"),
        (("*.example.org", "example.org"), "example.org"),
        (("WWW.Example.ORG",), "www.example.org"),
        (("www.example.org",), "WWW.EXAMPLE.org"),
        (("www.example.org",), "www.example.org."),
        (tuple(f"n{number}.example.org" for number in range(100)), "n99.example.org"),
        (("xn--bcher-kva.example",), "bücher.example"),
        (("xn--bcher-kva.example",), "xn--bcher-kva.example"),
        (("*.xn--bcher-kva.example",), "www.bücher.example"),
        (("my_host.example.org",), "my_host.example.org"),
        (("intranet",), "intranet"),
    ],
    ids=["wildcard", "beside a wildcard", "capitals", "asked for in capitals", "final dot", "many",
         "internationalized", "in ASCII", "internationalized wildcard", "underscore",
         "one label"],
)  # fmt: skip
def test_each_kind_of_name(farm: Farm, names: tuple[str, ...], host: str) -> None:
    with farm.nginx(farm.live(leaf(*names), MIDDLE, TOP)):
        at, port = farm.address
        place = f"{host}:{port}"
        found = diagnosed(place, "--address", at, "--ca-file", farm.roots)
    assert (found.faults, found.notices, found.status) == ([], ["hsts-absent"], 0)


def test_a_leaf_without_a_subject(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(subject=""), MIDDLE, TOP)):
        healthy(farm)


@pytest.mark.parametrize("at", ["127.0.0.1", "::1"])
def test_an_address_in_place_of_a_name(farm: Farm, at: str) -> None:
    address = free(at)
    with farm.nginx(farm.live(leaf(at), MIDDLE, TOP), addresses=[address]):
        found = diagnosed(written(address), "--ca-file", farm.roots)
    assert (found.faults, found.notices, found.status) == ([], [], 0)


# -- revocation ------------------------------------------------------------------------------------


@contextmanager
def publishing(lists: dict[str, bytes], address: Address) -> Iterator[None]:
    """Serves revocation lists by their names."""

    def answer(head: str) -> bytes:
        name = head.split()[1].strip("/").removesuffix(".crl")
        return response("200 OK", lists[name]) if name in lists else response("404 Not Found")

    with talking(address, answer):
        yield


def test_a_good_staple_where_one_must_be(farm: Farm) -> None:
    registry = Registry(farm.folder / "registry")
    farm.roots = trusted(farm.folder, registry.root)
    issued = registry.issue(NAME, x509.TLSFeature([x509.TLSFeatureType.status_request]))
    answer = farm.folder / "staple.der"
    answer.write_bytes(registry.answer(issued, "V"))
    with farm.nginx(issued.folder, f"ssl_stapling on; ssl_stapling_file {answer};"):
        facts = healthy(farm)
    assert facts["revocation"]["must_staple"] is True


def test_revocation_lists_that_name_others(farm: Farm) -> None:
    place = free()
    registry = Registry(farm.folder / "registry", f"http://{written(place)}")
    farm.roots = trusted(farm.folder, registry.root)
    issued, other = registry.issue(NAME), registry.issue("other.example.org")
    lists = {
        NAME: registry.crl(other),
        "intermediate": registry.list_of(key=registry.root_key, name="Root"),
    }
    with publishing(lists, place), farm.nginx(issued.folder):
        facts = healthy(farm)
    assert [one["revoked"] for one in facts["revocation"]["lists"]] == [False, False]


# -- virtual hosts ---------------------------------------------------------------------------------


def test_a_placeholder_where_no_name_is_sent(farm: Farm) -> None:
    placeholder = kept(farm.folder / "other", [leaf("placeholder").below()], leaf().key)
    sites = (
        farm.site(placeholder, "return 200;", name="_", listen="ssl default_server"),
        farm.site(farm.live(leaf(), MIDDLE, TOP), "return 200;"),
    )
    with farm.alone(*sites):
        facts = healthy(farm)
    assert facts["without_server_name"][0]["names"] == ["placeholder"]


def test_a_refusal_where_no_name_is_sent(farm: Farm) -> None:
    listen = f"listen {written(farm.address)} ssl default_server;"
    sites = (
        f"server {{ {listen} ssl_reject_handshake on; }}",
        farm.site(farm.live(leaf(), MIDDLE, TOP), "return 200;"),
    )
    with farm.alone(*sites):
        healthy(farm)


# -- who answers little ----------------------------------------------------------------------------


@pytest.mark.parametrize("then", [is_silent, closes, greets(bytes(range(256)) * 100)])
def test_tls_and_then_nothing_of_use(farm: Farm, then: Act) -> None:
    with stub(farm.address, farm.shaking(then)):
        healthy(farm, "--timeout", "1s", notices=[])


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_few_connections_and_then_resets(farm: Farm, most: int) -> None:
    good, count = farm.shaking(answers(response("200 OK"))), itertools.count(1)

    def act(line: socket.socket) -> None:
        (good if next(count) <= most else resets)(line)

    with stub(farm.address, act):
        assert farm.look().faults == []


# -- versions and clients --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoken", "versions"),
    [
        ("TLSv1.2", ["TLSv1.2"]),
        ("TLSv1.3", ["TLSv1.3"]),
        ("TLSv1.2 TLSv1.3", ["TLSv1.2", "TLSv1.3"]),
    ],
)
def test_versions(farm: Farm, spoken: str, versions: list[str]) -> None:
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), f"ssl_protocols {spoken};"):
        facts = healthy(farm)
    assert facts["versions"] == versions


@pytest.mark.symptom("old-versions-too")
def test_old_versions_beside_new_ones_are_a_notice(farm: Farm) -> None:
    old = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT:@SECLEVEL=0;"
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), old):
        facts = healthy(farm, notices=["old-versions-too", *HTTP])
    assert facts["versions"] == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


def test_few_ciphers(farm: Farm) -> None:
    few = "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;"
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), few):
        healthy(farm)


def client(farm: Farm) -> tuple[str | Path, ...]:
    link = leaf("client.example.org", subject="client", usages=CLIENT)
    live = farm.live(link, MIDDLE, TOP, name="client")
    return "--client-cert", live / "fullchain.pem", "--client-key", live / "privkey.pem"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("given", [False, True], ids=["not given", "given"])
def test_an_optional_client_certificate(farm: Farm, version: str, *, given: bool) -> None:
    optional = (
        f"ssl_client_certificate {farm.roots}; ssl_verify_client optional; ssl_verify_depth 3;"
        f"ssl_protocols {version};"
    )
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), optional):
        facts = healthy(farm, *(client(farm) if given else ()))
    assert facts["client_certificate"]["asked"] is True


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_client_certificate_that_is_demanded_and_given(farm: Farm, version: str) -> None:
    demanded = (
        f"ssl_client_certificate {farm.roots}; ssl_verify_client on; ssl_verify_depth 3;"
        f"ssl_protocols {version};"
    )
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), demanded):
        healthy(farm, *client(farm))


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_client_certificate_that_the_handshake_itself_demands(farm: Farm, version: str) -> None:
    live = farm.live(leaf(), MIDDLE, TOP)
    server = Bound(farm.folder / "haproxy", [farm.address], [live / "combined.pem"])
    server.options = f"ca-file {farm.roots} verify required ssl-min-ver {version}"
    with server:
        healthy(farm, *client(farm))


@pytest.mark.symptom("client-certificate-not-asked")
def test_a_client_certificate_that_nobody_asks_for_is_a_notice(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP)):
        healthy(farm, *client(farm), notices=["client-certificate-not-asked", *HTTP])


# -- makes -----------------------------------------------------------------------------------------


@contextmanager
def python(farm: Farm, live: Path) -> Iterator[None]:
    """Python's `ssl`, which goes away without a close_notify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(live / "fullchain.pem", live / "privkey.pem")
    with talking(farm.address, lambda _: response("200 OK", b"python"), context):
        yield


MAKES = {
    "nginx": lambda farm, live: farm.nginx(live),
    "haproxy": lambda farm, live: Haproxy(
        farm.folder / "haproxy", [farm.address], [live / "combined.pem"]
    ),
    "Apache": lambda farm, live: Apache(farm.folder / "apache", farm.address, live),
    "Caddy": lambda farm, live: Caddy(
        farm.folder / "caddy", farm.address, free(farm.address[0]), [(NAME, live)]
    ),
    "Go": lambda farm, live: Go(farm.folder / "go", farm.address, live),
    "OpenSSL, one connection at a time": lambda farm, live: Openssl(
        farm.folder / "openssl", farm.address, live
    ),
    "Python, without close_notify": python,
}


@pytest.mark.parametrize("make", MAKES)
def test_each_make(farm: Farm, make: str) -> None:
    """And each is told from a healthy one, for another name or another root."""
    with MAKES[make](farm, farm.live(leaf(), MIDDLE, TOP)):
        facts = healthy(farm)
        other = farm.look("--expect", "other.example.org").faults
        farm.roots = trusted(farm.folder, authority(61).below())
        strange = farm.look().faults
    assert len(facts["chain"]) == 2
    assert other[-1] == "hostname-mismatch"
    assert strange == ["untrusted-authority"]


def test_rsa_and_ecdsa_on_go(farm: Farm) -> None:
    lives = (
        farm.live(leaf(key=rsa_key(2048)), MIDDLE, TOP, name="rsa"),
        farm.live(leaf(), MIDDLE, TOP, name="ecdsa"),
    )
    with Go(farm.folder / "go", farm.address, *lives):
        healthy(farm)


def test_rsa_and_ecdsa_on_haproxy(farm: Farm) -> None:
    lives = (
        farm.live(leaf(key=rsa_key(2048)), MIDDLE, TOP, name="rsa"),
        farm.live(leaf(), MIDDLE, TOP, name="ecdsa"),
    )
    both = [live / "combined.pem" for live in lives]
    with Haproxy(farm.folder / "haproxy", [farm.address], both):
        healthy(farm)


def test_tls_without_http(farm: Farm) -> None:
    live = farm.live(leaf(), MIDDLE, TOP)
    with Openssl(farm.folder / "openssl", farm.address, live, http=False):
        healthy(farm, notices=[])


def test_imap_over_tls(farm: Farm) -> None:
    live = farm.live(leaf(), MIDDLE, TOP)
    server = Dovecot(farm.folder / "dovecot", farm.address, live)
    with server:
        healthy(farm, notices=[])


def test_smtp_over_tls(farm: Farm) -> None:
    live = farm.live(leaf(), MIDDLE, TOP)
    server = Postfix(farm.folder / "postfix", farm.address, live)
    server.service = "-o smtpd_tls_wrappermode=yes -o smtpd_tls_mandatory_protocols=>=TLSv1.2"
    with server:
        healthy(farm, notices=[])


@pytest.mark.parametrize("protocol", StartTls)
def test_each_protocol_that_turns_to_tls(farm: Farm, protocol: StartTls) -> None:
    first, second, _ = chain(leaf(HOST), MIDDLE, TOP)
    pair = Pair(leaf=first, intermediate=second, key=leaf().key)
    with serving(protocol, farm.folder, pair, farm.address):
        found = farm.look("--starttls", protocol, host=HOST)
    assert (found.faults, found.status) == ([], 0)
    assert set(found.notices) <= {"old-versions-too"}, "some still speak them"


# -- what is said in HTTP --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", ["301 https://elsewhere.example.org/", "302 /login", "404", "503"]
)
def test_an_answer_that_is_no_page(farm: Farm, answer: str) -> None:
    site = farm.site(farm.live(leaf(), MIDDLE, TOP), f"return {answer};")
    with farm.alone(site):
        healthy(farm)


@pytest.mark.symptom("hsts-absent")
def test_no_hsts_is_a_notice(farm: Farm) -> None:
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP)):
        healthy(farm, notices=["hsts-absent"])


@pytest.mark.symptom("hsts-step", "hsts-preload")
@pytest.mark.parametrize("policy", ["max-age=300", "max-age=31536000; includeSubDomains"])
def test_hsts_on_its_way_is_a_notice(farm: Farm, policy: str) -> None:
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP), HSTS.format(policy)):
        healthy(farm, notices=["hsts-step", "hsts-preload"])


def test_two_addresses_that_are_alike(farm: Farm) -> None:
    other = (free()[0], farm.address[1])
    live = farm.live(leaf(), MIDDLE, TOP)
    with farm.nginx(live, addresses=[farm.address, other]):
        found = diagnosed(
            f"{NAME}:{other[1]}",
            *("--address", farm.address[0], "--address", other[0], "--ca-file", farm.roots),
        )
    assert (found.faults, found.notices, found.status) == ([], ["hsts-absent"], 0)
    assert sorted(found.document["facts"]) == sorted([farm.address[0], other[0]])


@pytest.mark.symptom("certificates-differ")
def test_two_addresses_with_a_certificate_of_their_own_are_a_notice(farm: Farm) -> None:
    other = (free()[0], farm.address[1])
    lives = [farm.live(leaf(), MIDDLE, TOP, name=name) for name in ("one", "two")]
    with (
        farm.nginx(lives[0]),
        Nginx(farm.folder / "other", [other], {NAME: lives[1]}),
    ):
        found = diagnosed(
            f"{NAME}:{other[1]}",
            *("--address", farm.address[0], "--address", other[0], "--ca-file", farm.roots),
        )
    notices = ["certificates-differ", "hsts-absent"]
    assert (found.faults, found.notices, found.status) == ([], notices, 0)
