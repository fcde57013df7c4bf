"""diagnose finds the way to the first byte of TLS where the one asked for leads nowhere."""

from pathlib import Path

import pytest

from support.lineage import NAME, chain
from support.loopback import Address, free, written
from support.mail import Postfix
from support.servers import Haproxy, Nginx
from support.stubs import conversation, stub
from support.tls_farm import Diagnosed, Openssl, authority, diagnosed, kept, leaf, over, trusted

TOP, MIDDLE = authority(0), authority(1)
ROOT = TOP.below()
SOON = ("--timeout", "2s")


@pytest.fixture
def at() -> Address:
    return free()


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    return trusted(tmp_path, ROOT)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return kept(tmp_path / "live", chain(leaf(), MIDDLE, TOP)[:-1], leaf().key)


def look(at: Address, *options: str | Path) -> Diagnosed:
    return diagnosed(f"{NAME}:{at[1]}", "--address", at[0], *options)


# -- STARTTLS --------------------------------------------------------------------------------------


@pytest.mark.symptom("starttls-port")
def test_postfix_spoken_to_as_if_tls_began_at_once(
    tmp_path: Path, at: Address, live: Path, roots: Path
) -> None:
    with Postfix(tmp_path / "postfix", at, live):
        found = look(at, "--ca-file", roots)
        assert found.faults == ["starttls-port"]
        assert "look with --starttls smtp" in found.document["sentence"]
        assert look(at, "--ca-file", roots, "--starttls", "smtp").faults == []


@pytest.mark.symptom("starttls-port", "expired")
def test_the_certificate_behind_starttls_is_judged_all_the_same(
    tmp_path: Path, at: Address
) -> None:
    old = kept(tmp_path / "old", chain(leaf(**over()), MIDDLE, TOP)[:-1], leaf().key)
    roots = trusted(tmp_path, ROOT)
    with Postfix(tmp_path / "postfix", at, old):
        assert look(at, "--ca-file", roots).faults == ["starttls-port", "expired"]


@pytest.mark.symptom("tls-at-once")
def test_starttls_asked_of_a_port_that_speaks_tls_at_once(
    tmp_path: Path, at: Address, live: Path, roots: Path
) -> None:
    with Openssl(tmp_path / "openssl", at, live):
        found = look(at, "--ca-file", roots, "--starttls", "smtp", *SOON)
    assert found.faults == ["tls-at-once"]
    assert "without --starttls" in found.document["sentence"]


@pytest.mark.symptom("tls-at-once", "expired")
def test_the_certificate_of_a_port_that_speaks_tls_at_once_is_judged_all_the_same(
    tmp_path: Path, at: Address
) -> None:
    old = kept(tmp_path / "old", chain(leaf(**over()), MIDDLE, TOP)[:-1], leaf().key)
    roots = trusted(tmp_path, ROOT)
    with Openssl(tmp_path / "openssl", at, old):
        found = look(at, "--ca-file", roots, "--starttls", "smtp", *SOON)
    assert found.faults == ["tls-at-once", "expired"]


@pytest.mark.symptom("starttls-not-offered")
def test_postfix_with_tls_switched_off(tmp_path: Path, at: Address, live: Path) -> None:
    server = Postfix(tmp_path / "postfix", at, live)
    server.service = "-o smtpd_tls_security_level=none"
    with server:
        assert look(at, "--starttls", "smtp").faults == ["starttls-not-offered"]


@pytest.mark.symptom("starttls-refused")
def test_a_server_that_offers_starttls_and_refuses_it(at: Address) -> None:
    server = conversation(
        b"220 mail.example.org ESMTP\r\n",
        (b"EHLO", b"250-mail.example.org\r\n250 STARTTLS\r\n"),
        (b"STARTTLS", b"454 4.7.0 TLS not available due to local problem\r\n"),
    )
    with stub(at, server):
        found = look(at, "--starttls", "smtp", *SOON)
    assert found.faults == ["starttls-refused"]
    assert "454 4.7.0" in found.document["sentence"]


@pytest.mark.symptom("starttls-failed")
def test_starttls_of_another_protocol_than_the_server_s(
    tmp_path: Path, at: Address, live: Path
) -> None:
    with Postfix(tmp_path / "postfix", at, live):
        assert look(at, "--starttls", "imap", *SOON).faults == ["starttls-failed"]


SMTP = ((b"EHLO", b"250-hi\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 go\r\n"))
FTP = ((b"AUTH TLS", b"234 go\r\n"),)


@pytest.mark.symptom("starttls-port")
@pytest.mark.parametrize(("steps", "protocol"), [(SMTP, "smtp"), (FTP, "ftp")])
def test_a_greeting_that_names_no_protocol_is_tried(
    tmp_path: Path, live: Path, steps: tuple[tuple[bytes, bytes], ...], protocol: str
) -> None:
    at, roots = free(), trusted(tmp_path, ROOT)
    with stub(at, conversation(b"220 hello\r\n", *steps, live=live)):
        found = look(at, "--ca-file", roots, *SOON)
    assert found.faults == ["starttls-port"]
    assert f"look with --starttls {protocol}" in found.document["sentence"]
    assert found.document["facts"][at[0]]["chain"][0]["names"] == [NAME]


# -- PROXY headers ---------------------------------------------------------------------------------


class ProxiedHaproxy(Haproxy):
    """haproxy that wants a PROXY header."""

    def configuration(self) -> str:
        return super().configuration().replace(" ssl ", " accept-proxy ssl ")


def proxied_nginx(folder: Path, at: Address, live: Path) -> Nginx:
    server = Nginx(folder / "nginx", [], {})
    server.addresses = (at,)
    pair = f"ssl_certificate {live}/fullchain.pem; ssl_certificate_key {live}/privkey.pem;"
    server.extra = f"server {{ listen {written(at)} ssl proxy_protocol; {pair} return 200; }}"
    return server


@pytest.mark.symptom("proxy-header-expected")
def test_nginx_wants_a_proxy_header(tmp_path: Path, at: Address, live: Path, roots: Path) -> None:
    with proxied_nginx(tmp_path, at, live):
        assert look(at, "--ca-file", roots).faults == ["proxy-header-expected"]
        for version in ("1", "2"):
            found = look(at, "--ca-file", roots, "--proxy-protocol", version)
            assert found.faults == []


@pytest.mark.symptom("proxy-header-expected")
def test_haproxy_wants_a_proxy_header(tmp_path: Path, at: Address, live: Path, roots: Path) -> None:
    with ProxiedHaproxy(tmp_path / "haproxy", [at], [live / "combined.pem"]):
        assert look(at, "--ca-file", roots).faults == ["proxy-header-expected"]
        assert look(at, "--ca-file", roots, "--proxy-protocol", "2").faults == []


@pytest.mark.symptom("proxy-header-unexpected")
@pytest.mark.parametrize("version", ["1", "2"])
def test_nginx_that_expects_no_proxy_header(tmp_path: Path, live: Path, version: str) -> None:
    at = free()
    with Nginx(tmp_path / "nginx", [at], {NAME: live}):
        found = look(at, "--ca-file", trusted(tmp_path, ROOT), "--proxy-protocol", version)
    assert found.faults == ["proxy-header-unexpected"]


@pytest.mark.symptom("proxy-header-unexpected")
def test_haproxy_that_expects_no_proxy_header(
    tmp_path: Path, at: Address, live: Path, roots: Path
) -> None:
    with Haproxy(tmp_path / "haproxy", [at], [live / "combined.pem"]):
        found = look(at, "--ca-file", roots, "--proxy-protocol", "1")
    assert found.faults == ["proxy-header-unexpected"]


# -- a vantage elsewhere ---------------------------------------------------------------------------


@pytest.mark.symptom("vantage-failed")
@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_proxy_that_is_not_there(at: Address, scheme: str) -> None:
    found = look(at, "--via", f"{scheme}://{written(free())}", *SOON)
    assert found.faults == ["vantage-failed"]
