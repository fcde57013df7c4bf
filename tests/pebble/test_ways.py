"""Every way to validate and every kind of certificate, against Pebble and BIND.

On a Pebble that is calm, and on one that refuses every second nonce and reuses authorizations.
"""

import ipaddress
import secrets
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.town import DOMAIN, Town, quoted, town

WEATHER = {
    "calm": {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"},
    "rough": {"PEBBLE_WFE_NONCEREJECT": "50", "PEBBLE_AUTHZREUSE": "100"},
}
CHAINS = {"PEBBLE_ALTERNATE_ROOTS": "2", "PEBBLE_CHAIN_LENGTH": "3"}


@pytest.fixture(scope="module", params=sorted(WEATHER))
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    environment = {**WEATHER[request.param], **CHAINS}
    with town(tmp_path_factory.mktemp("town"), environment=environment) as one:
        yield one


def label() -> str:
    return f"n{secrets.token_hex(4)}"


def key_of(pem: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize("solver", ["web", "alpn", "dns", "account"])
def test_each_kind_of_challenge_issues_and_leaves_nothing(
    place: Town, tmp_path: Path, solver: str
) -> None:
    names = [f"{label()}.web.{DOMAIN}" for _ in range(2)]
    machine = place.machine(
        tmp_path / "m", ("www", f'names = {quoted(*names)}\nsolver = "{solver}"')
    )
    machine.run()
    assert {str(one) for one in machine.facts("www").identifiers} == set(names)
    assert all(place.bind.txt(f"_acme-challenge.{name}") == [] for name in names)
    assert not list((machine.state / "pending").iterdir())
    assert len(machine.live("www").joinpath("chain.pem").read_text().split("BEGIN")) == 4


@pytest.mark.parametrize("solver", ["dns", "account"])
def test_a_wildcard_and_its_bare_name_are_validated_together(
    place: Town, tmp_path: Path, solver: str
) -> None:
    name = f"{label()}.{DOMAIN}"
    machine = place.machine(
        tmp_path / "m", ("wild", f'names = {quoted(f"*.{name}", name)}\nsolver = "{solver}"')
    )
    machine.run()
    assert {str(one) for one in machine.facts("wild").identifiers} == {f"*.{name}", name}
    assert place.bind.txt(f"_acme-challenge.{name}") == []


@pytest.mark.parametrize("solver", ["web", "alpn"])
def test_addresses_of_both_kinds_are_validated(place: Town, tmp_path: Path, solver: str) -> None:
    addresses = {place.host, "::1"}
    machine = place.machine(
        tmp_path / "m", ("ip", f'names = {quoted(*addresses)}\nsolver = "{solver}"')
    )
    machine.run()
    assert {str(one) for one in machine.facts("ip").identifiers} == addresses
    assert {ipaddress.ip_address(one).version for one in addresses} == {4, 6}


def test_names_of_many_kinds_in_one_order_each_find_their_solver(
    place: Town, tmp_path: Path
) -> None:
    name = label()
    names = {f"*.{name}.{DOMAIN}", f"{name}.web.{DOMAIN}", f"{name}.six.{DOMAIN}", place.host}
    machine = place.machine(
        tmp_path / "m", ("mixed", f'names = {quoted(*names)}\nsolver = ["web", "dns"]')
    )
    machine.run()
    assert {str(one) for one in machine.facts("mixed").identifiers} == names


def test_names_beyond_ascii_go_as_a_labels_on_the_wire(place: Town, tmp_path: Path) -> None:
    name = f"grün-{label()}.web.{DOMAIN}"
    machine = place.machine(tmp_path / "m", ("idn", f'names = {quoted(name)}\nsolver = "web"'))
    machine.run()
    (one,) = machine.facts("idn").identifiers
    assert str(one).startswith("xn--grn-")
    assert str(one) == name.encode("idna").decode("ascii")


def test_a_hundred_names_in_one_order(place: Town, tmp_path: Path) -> None:
    names = [f"{label()}.web.{DOMAIN}" for _ in range(100)]
    machine = place.machine(tmp_path / "m", ("many", f'names = {quoted(*names)}\nsolver = "dns"'))
    machine.run()
    assert {str(one) for one in machine.facts("many").identifiers} == set(names)


@pytest.mark.parametrize("profile", ["default", "shortlived"])
def test_each_profile_is_ordered_and_kept(place: Town, tmp_path: Path, profile: str) -> None:
    machine = place.machine(tmp_path / "m")
    machine.certificate(
        "www",
        f'names = {quoted(f"{label()}.web.{DOMAIN}")}\nsolver = "web"\nprofile = "{profile}"\n'
        "endpoints = []",
    )
    machine.run()
    facts = machine.facts("www")
    days = {"default": 90, "shortlived": 6}[profile]
    assert abs((facts.not_after - facts.not_before) - timedelta(days=days)) < timedelta(minutes=1)
    assert machine.status("www")["live"]["profile"] == profile
    assert machine.run().stages("www") == []


def test_a_profile_that_is_not_offered_is_refused_with_those_that_are(
    place: Town, tmp_path: Path
) -> None:
    machine = place.machine(tmp_path / "m")
    body = f'names = {quoted(f"{label()}.web.{DOMAIN}")}\nsolver = "web"\nprofile = "tlsserver"'
    machine.certificate("www", body)
    fault = machine.run(expect=1).fault("www")
    assert fault["code"] == "unknown-profile"
    assert fault["actor"] == "operator"
    told = f"{fault['what']} {fault['words']} {fault['remedy']}"
    assert all(word in told for word in ("tlsserver", "default", "shortlived", "six days"))


def test_the_chain_is_chosen_by_issuer_or_by_fingerprint(place: Town, tmp_path: Path) -> None:
    roots = [x509.load_pem_x509_certificate(place.running.root(number)) for number in range(3)]
    trust = tmp_path / "roots.pem"
    trust.write_bytes(b"".join(place.running.root(number) for number in range(3)))
    machine = place.machine(tmp_path / "m")
    ca = machine.sections["authorities.pebble"]
    machine.sections["authorities.pebble"] = ca.replace(str(place.running.roots_file), str(trust))
    wanted = {
        "byname": str(roots[1].subject.rfc4514_string()).removeprefix("CN="),
        "bydigest": roots[2].fingerprint(SHA256()).hex(":"),
    }
    for name, issuer in wanted.items():
        machine.certificate(
            name,
            f'names = {quoted(f"{label()}.web.{DOMAIN}")}\nsolver = "web"\n'
            f'profile = "default"\npreferred_chain = "{issuer}"\n'
            "preferred_chain_required = true\nendpoints = []",
        )
    machine.run()
    for name, root in zip(wanted, roots[1:], strict=True):
        chain = machine.live(name).joinpath("chain.pem").read_bytes()
        last = x509.load_pem_x509_certificates(chain)[-1]
        last.verify_directly_issued_by(root)


def test_a_chain_that_is_not_offered_is_an_error_where_it_is_required_and_else_a_warning(
    place: Town, tmp_path: Path
) -> None:
    machine = place.machine(tmp_path / "m")
    for name, required in (("must", "true"), ("may", "false")):
        machine.certificate(
            name,
            f'names = {quoted(f"{label()}.web.{DOMAIN}")}\nsolver = "web"\n'
            f'profile = "default"\npreferred_chain = "Nobody\'s Root"\n'
            f"preferred_chain_required = {required}\nendpoints = []",
        )
    run = machine.run(expect=1)
    assert run.fault("must")["code"] == "no-preferred-chain"
    assert "Pebble Root CA" in run.fault("must")["what"]
    assert machine.live("may").exists()
    assert "preferred chain not offered" in run.err
    # The issued certificate is fetched, not ordered again, once the configuration is mended.
    body = machine.sections["certificates.must"].replace("required = true", "required = false")
    machine.sections["certificates.must"] = body
    again = machine.run("--force", "must")
    assert "order" not in again.stages("must")
    assert machine.live("must").exists()


KINDS = {"ecdsa-p256": 256, "ecdsa-p384": 384, "rsa-2048": 2048, "rsa-3072": 3072}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_key_is_certified_and_rotated_unless_it_is_to_be_reused(
    place: Town, tmp_path: Path, kind: str
) -> None:
    machine = place.machine(tmp_path / "m")
    for name, reuse in (("kept", "true"), ("fresh", "false")):
        machine.certificate(
            name,
            f'names = {quoted(f"{label()}.web.{DOMAIN}")}\nsolver = "web"\nkey_type = "{kind}"\n'
            f'profile = "default"\nreuse_key = {reuse}\nendpoints = []',
        )
    machine.run()
    first = {name: machine.facts(name) for name in ("kept", "fresh")}
    key = key_of(machine.live("kept") / "privkey.pem")
    assert key.key_size == KINDS[kind]
    assert isinstance(key, rsa.RSAPrivateKey) == kind.startswith("rsa")
    machine.run("--force")
    second = {name: machine.facts(name) for name in first}
    assert all(first[name].serial != second[name].serial for name in first)
    assert first["kept"].key_sha256 == second["kept"].key_sha256
    assert first["fresh"].key_sha256 != second["fresh"].key_sha256


def test_a_request_of_the_operators_own_is_certified_and_its_key_never_asked_for(
    place: Town, tmp_path: Path
) -> None:
    name = f"{label()}.web.{DOMAIN}"
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    request = (
        x509.CertificateSigningRequestBuilder(x509.Name([]))
        .add_extension(names, critical=True)
        .sign(key, SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    (tmp_path / "own.csr").write_bytes(request.public_bytes(Encoding.PEM))
    machine = place.machine(tmp_path / "m")
    machine.certificate(
        "own", f'csr = "{tmp_path}/own.csr"\nsolver = "web"\nprofile = "default"\nendpoints = []'
    )
    machine.run()
    live = machine.live("own")
    assert sorted(one.name for one in live.iterdir()) == [
        "cert.pem", "chain.pem", "fullchain.pem", "version.json",
    ]  # fmt: skip
    leaf = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    assert leaf.public_key() == key.public_key()
    assert machine.run().stages("own") == []


def test_a_standing_record_is_printed_checked_and_renews_three_times_without_a_write(
    place: Town, tmp_path: Path
) -> None:
    name = f"{label()}.{DOMAIN}"
    machine = place.machine(
        tmp_path / "m", ("std", f'names = {quoted(name, f"*.{name}")}\nsolver = "persist"')
    )
    account = machine.everleaf("account", "show", "--json").document["accounts"][0]["url"]
    (line,) = machine.everleaf("records").out.splitlines()
    owner, text = line.split(" ", 1)[0], line[line.index('"') + 1 : line.rindex('"')]
    assert owner == f"_validation-persist.{name}."
    assert text == f"pebble.test; accounturi={account}; policy=wildcard"
    fault = machine.run(expect=1).fault("std")
    assert fault["code"] == "no-standing-record"
    assert line in fault["remedy"]
    wrong = f"pebble.test; accounturi={account}x; policy=wildcard"
    place.bind.add(owner, wrong)
    assert account in str(machine.run("--force", expect=1).fault("std"))
    place.bind.add(owner, text)
    before = place.bind.words().count("updating zone")
    serials = set()
    for _ in range(4):
        machine.run("--force")
        serials.add(machine.facts("std").serial)
    assert len(serials) == 4
    assert place.bind.txt(owner) == sorted([wrong, text])
    assert place.bind.words().count("updating zone") == before


def test_the_stage_has_ipv6(place: Town) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6):
        assert place.running.http_port
