"""Servers that nobody foresaw, and files and names that are none: one sentence, no traceback."""

import io
import socket
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from everleaf.cli import status
from everleaf.cli.diagnosed import show_all
from everleaf.core.diagnosis import Diagnosis
from support.daemons import Apache
from support.forge import CLIENT
from support.lineage import NAME, chain
from support.loopback import free
from support.servers import need
from support.stubs import Act, alert, answers, conversation, greets, is_silent, stub
from support.talkers import response
from support.tls_farm import MIDDLE, TOP, Diagnosed, Farm, Openssl, authority, kept, leaf, trusted

SOON = ("--timeout", "1s")


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def said(*arguments: str | Path) -> tuple[int, str, str]:
    """What a person is told: status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        found = status(["diagnose", *map(str, arguments)])
    assert "Traceback" not in err.getvalue()
    assert "bug" not in err.getvalue()
    return found, out.getvalue(), err.getvalue()


def what(found: Diagnosed) -> str:
    """The first finding's own words."""
    words: str = found.document["findings"][0]["what"]
    return words


# -- what answers ----------------------------------------------------------------------------------


def drips(line: socket.socket) -> None:
    """Announces a record, and sends it byte by byte for longer than anybody waits."""
    line.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        line.sendall(b"\x02")
        time.sleep(0.02)


SERVERS: dict[str, tuple[Act, str, str]] = {
    "noise": (greets(bytes(range(128, 256)) * 40), "other-protocol", "no TLS, and no protocol"),
    "zeros": (greets(bytes(100)), "other-protocol", "no TLS, and no protocol"),
    "a line without end": (greets(b"A" * 300_000), "other-protocol", f"'{'A' * 60}'"),
    "a terminal's commands": (greets(b"\x1b[31mred\x07\r\n"), "other-protocol", "'.[31mred.'"),
    "a greeting without end": (greets(b"220 " + b"x" * 100_000), "starttls-port", "SMTP"),
    "a record that is none": (
        answers(b"\x16\x03\x03\x00\x10" + b"\xff" * 16), "handshake-failed", "unexpected message",
    ),
    "a record that does not end": (drips, "silent", "begins to answer, and does not go on"),
    "an alert that there is not": (alert(255), "handshake-failed", "255"),
    "SSL 2.0": (answers(b"\x80\x03\x00\x00\x01"), "other-protocol", "no TLS"),
    "HTTP/0.9": (answers(b"<html>old</html>"), "plain-http", "<html>old</html>"),
    "nothing at all": (is_silent, "silent", "says nothing"),
}  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_whatever_answers_is_said_in_one_sentence(farm: Farm, server: str) -> None:
    act, code, words = SERVERS[server]
    with stub(farm.address, act):
        found = farm.look(*SOON)
    assert (found.faults, found.status) == ([code], 1)
    assert words in what(found)
    assert "\n" not in found.document["sentence"]
    assert found.document["sentence"].isprintable()


@pytest.mark.symptom("starttls-port", "starttls-not-offered")
def test_a_port_of_starttls_that_does_not_offer_it(farm: Farm) -> None:
    act = conversation(b"220 mail.example.org ESMTP\r\n", (b"EHLO", b"250 mail.example.org\r\n"))
    with stub(farm.address, act):
        found = farm.look()
    assert found.faults == ["starttls-not-offered", "starttls-port"]
    second = found.document["findings"][1]["what"]
    assert second == "it speaks SMTP ('220 mail.example.org ESMTP')"


@pytest.mark.symptom("client-certificate-required")
def test_apache_that_asks_for_a_certificate_when_the_request_has_been_made(farm: Farm) -> None:
    server = Apache(farm.folder / "apache", farm.address, farm.live(leaf(), MIDDLE, TOP))
    server.extra = (
        f"SSLProtocol TLSv1.2\nSSLCACertificateFile {farm.roots}\n"
        "<Location />\nSSLVerifyClient require\nSSLVerifyDepth 3\n</Location>\n"
    )
    one = leaf("client", subject="client", usages=CLIENT)
    pair = farm.live(one, MIDDLE, TOP, name="client")
    given = ("--client-cert", pair / "fullchain.pem", "--client-key", pair / "privkey.pem")
    with server:
        without, with_one = farm.look(), farm.look(*given)
    assert without.faults == ["client-certificate-required"]
    assert "when a request has been made" in what(without)
    assert (with_one.faults, with_one.notices) == ([], ["hsts-absent"])


@pytest.mark.symptom("starttls-port", "handshake-failed")
def test_a_port_of_starttls_whose_tls_fails(farm: Farm) -> None:
    steps = (b"EHLO", b"250-mail\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 go\r\n")

    def act(line: socket.socket) -> None:
        conversation(b"220 mail ESMTP\r\n", *steps)(line)
        line.sendall(b"\x15\x03\x03\x00\x02\x02\x50")

    with stub(farm.address, act):
        found = farm.look()
    assert found.faults == ["starttls-port", "handshake-failed"]
    assert "look with --starttls smtp" in what(found)


def test_thirty_intermediates(farm: Farm) -> None:
    links = [authority(200 + number) for number in range(31)]
    farm.roots = trusted(farm.folder, links[-1].below())
    with farm.nginx(farm.live(leaf(), *links)):
        assert farm.look().faults == []


def test_a_certificate_of_a_thousand_names(farm: Farm) -> None:
    names = [NAME, *(f"a-rather-long-label-{number}.example.org" for number in range(1000))]
    with farm.nginx(farm.live(leaf(*names), MIDDLE, TOP)):
        assert farm.look().faults == []
        at, port = farm.address
        _, out, _ = said(f"{NAME}:{port}", "--address", at, "--ca-file", farm.roots)
    assert max(map(len, out.splitlines())) < 2000


@pytest.mark.symptom("no-common-cipher", "self-signed", "weak-key")
def test_a_certificate_with_a_dsa_key(farm: Farm) -> None:
    live = farm.folder / "live"
    live.mkdir()
    key, parameters = live / "privkey.pem", live / "dsa.pem"
    openssl("dsaparam", "-out", str(parameters), "1024")
    openssl(
        *("req", "-x509", "-nodes", "-newkey", f"dsa:{parameters}", "-keyout", str(key)),
        *("-out", f"{live}/fullchain.pem", "-subj", f"/CN={NAME}", "-days", "10"),
        *("-addext", f"subjectAltName=DNS:{NAME}"),
    )
    (live / "chain.pem").write_bytes((live / "fullchain.pem").read_bytes())
    with Openssl(farm.folder / "openssl", farm.address, live, "-cipher", "ALL:@SECLEVEL=0"):
        found = farm.look()
    assert found.faults == ["no-common-cipher", "self-signed", "weak-key"]


def openssl(*arguments: str) -> None:
    done = subprocess.run(
        [need("openssl"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_same_certificate_eighty_times(farm: Farm) -> None:
    first, second, _ = chain(leaf(), MIDDLE, TOP)
    with farm.nginx(kept(farm.folder / "live", [first, *[second] * 80], leaf().key)):
        found = farm.look()
    assert found.faults == []
    assert "certificate-sent-twice" in found.notices


@pytest.mark.symptom("clocks-differ")
@pytest.mark.parametrize(
    ("date", "seen"),
    [
        ("Wed, 01 Jan 1000 00:00:00 GMT", "1000-01-01T00:00:00Z"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z"),
    ],
)
def test_a_clock_at_the_end_of_time_is_another_one(farm: Farm, date: str, seen: str) -> None:
    said_in_http = response("200 OK", date=date)
    with stub(farm.address, farm.shaking(answers(said_in_http))):
        found = farm.look()
    assert (found.faults, found.notices[-1]) == ([], "clocks-differ")
    (facts,) = found.document["facts"].values()
    assert facts["date"] == seen


TRICKS = "\x1b[31mred\x07\r\nwww.example.org:443 is healthy\u202e"


def test_what_a_server_has_in_its_certificates_steers_no_terminal(farm: Farm) -> None:
    place = x509.UniformResourceIdentifier(f"http://127.0.0.1:1/{TRICKS[:-1]}")
    issuers = AuthorityInformationAccessOID.CA_ISSUERS
    access = x509.AuthorityInformationAccess([x509.AccessDescription(issuers, place)])
    link = leaf(NAME, f"a{TRICKS[:-1]}.org", subject=TRICKS, more=((access, False),))
    sent = chain(link, authority(301, subject=TRICKS), TOP)[:1]
    with farm.nginx(kept(farm.folder / "live", sent, link.key)):
        found = farm.look()
        at, port = farm.address
        _, out, _ = said(f"{NAME}:{port}", "--address", at, "--ca-file", farm.roots)
    assert found.faults == ["missing-intermediate"]
    assert found.document["sentence"].isprintable()
    assert all(line.isprintable() for line in out.split("\n"))
    assert not any(line.startswith(f"{NAME}:443 is healthy") for line in out.splitlines())


@pytest.mark.symptom("client-certificate-refused-in-http")
def test_a_refusal_in_http_says_whose_certificates_are_taken(farm: Farm) -> None:
    people = authority(303, subject="People")
    bundle = trusted(farm.live(leaf(), MIDDLE, TOP), people.below())
    demanded = f"ssl_client_certificate {bundle}; ssl_verify_client on;"
    with farm.nginx(farm.folder / "live", demanded):
        found = farm.look()
    assert found.faults == ["client-certificate-refused-in-http"]
    assert what(found).endswith("400 Bad Request; the server accepts certificates from CN=People")
    assert found.document["findings"][0]["detail"]["authorities"] == ["CN=People"]


# -- what is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["", " ", ":443", "www.example.org:", "www.example.org:0", "www.example.org:65536",
     f"www.example.org:{'9' * 5000}", "www.example.org:abc", "www.example.org:-1", "ex ample.org",
     "user@www.example.org", f"{'a' * 64}.org", "256.1.1.1", "1.2.3", "[::1:443", "a\nb.org",
     "a\x00b.org", "é\u202e.org", "smtp://www.example.org", "www.example.org:\uff14\uff14\uff13"],
)  # fmt: skip
def test_what_is_no_host_is_refused_as_such(place: str) -> None:
    found, out, err = said(place)
    assert (found, out) == (2, "")
    assert "HOST" in err


@pytest.mark.parametrize("place", ["::1%lo", "[::1%lo]", "[::1%lo]:443", "::1"])
def test_an_address_with_a_zone(place: str) -> None:
    found, out, _ = said(place, "--address", free()[0], *SOON)
    assert found == 1
    assert out.startswith("[::1")


@pytest.mark.parametrize(
    "place",
    ["{name}:{port}", "{name}.:{port}", "https://{name}:{port}/", "HTTPS://{name}:{port}/x"],
)
def test_a_host_in_each_form(farm: Farm, place: str) -> None:
    at, port = farm.address
    with farm.nginx(farm.live(leaf(), MIDDLE, TOP)):
        host = place.format(name=NAME, port=port)
        found, out, _ = said(host, "--address", at, "--ca-file", farm.roots)
    assert found == 0
    assert out.startswith(f"{NAME}:{port} is healthy\n")


def test_a_machine_without_any_server_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_all(())
    assert capsys.readouterr().out == "no nginx, haproxy or Apache is seen to run here\n"


def test_what_a_configuration_leaves_to_variables_is_said_to_be_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = {"not_looked_at": ["/etc/nginx/nginx.conf:15: ssl_certificate"]}
    show_all([Diagnosis(place="nginx (pid 1)", facts={"process": process})])
    assert capsys.readouterr().out.splitlines() == [
        "nginx (pid 1) is healthy",
        "not looked at: /etc/nginx/nginx.conf:15: ssl_certificate",
    ]


@pytest.mark.symptom("hostname-mismatch")
@pytest.mark.parametrize(
    ("name", "host", "why"),
    [
        ("*.example.org", "example.org", "*.example.org does not stand for example.org itself"),
        ("*.example.org", "a.b.example.org", "*.example.org stands for one label only"),
        ("www.example.org", "example.org", "with and without www are two names"),
    ],
)
def test_a_name_that_is_close_says_why_it_is_another(
    farm: Farm, name: str, host: str, why: str
) -> None:
    with farm.nginx(farm.live(leaf(name), MIDDLE, TOP)):
        found = farm.look(host=host)
    assert found.faults == ["hostname-mismatch"]
    assert what(found).endswith(f": {why}")


# -- files -----------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, Path]:
    """Files that hold no certificate that can be read."""
    held = {
        "empty": b"",
        "noise": bytes(range(256)),
        "half": b"-----BEGIN CERTIFICATE-----\nMIIB",
        "no base64": b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "no DER": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }
    found = {}
    for name, content in held.items():
        found[name] = folder / name
        found[name].write_bytes(content)
    return found


KINDS = ("empty", "noise", "half", "no base64", "no DER")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["--chain", "--root", "--key", "--ca-file", "--expect"])
def test_a_file_that_cannot_be_read_is_named(farm: Farm, option: str, kind: str) -> None:
    path = files(farm.folder)[kind]
    live = farm.live(leaf(), MIDDLE, TOP)
    given: tuple[str | Path, ...] = (option, path)
    if option in {"--root", "--key"}:
        given = ("--chain", live / "fullchain.pem", *given)
    elif option != "--chain":
        given = (NAME, "--address", free()[0], *given)
    found, out, err = said(*given)
    assert (found, out) == (2, "")
    assert str(path) in err.replace("\n", "")


@pytest.mark.symptom("client-certificate-unreadable")
@pytest.mark.parametrize("kind", KINDS)
def test_a_clients_pair_that_cannot_be_read_hides_nothing(farm: Farm, kind: str) -> None:
    path = files(farm.folder)[kind]
    sent = chain(leaf(), MIDDLE, TOP)[:1]
    with farm.nginx(kept(farm.folder / "live", sent, leaf().key)):
        found = farm.look("--client-cert", path, "--client-key", path)
    assert found.faults == ["client-certificate-unreadable", "missing-intermediate"]
    assert str(path) in what(found)


def test_a_port_that_is_taken_by_nobody_at_all_of_three_addresses() -> None:
    port = free()[1]
    hosts = [free()[0] for _ in range(3)]
    addresses = [part for host in hosts for part in ("--address", host)]
    found, out, _ = said(f"{NAME}:{port}", *addresses)
    assert found == 1
    assert out.count("Check that the server runs") == 1
