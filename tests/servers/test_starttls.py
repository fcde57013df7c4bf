"""STARTTLS of every protocol, spoken to real servers; `openssl s_client` is the cross-check."""

import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.core.approach import Approach, StartTls
from everleaf.core.symptoms.connection import (
    PROXY_HEADER_UNEXPECTED,
    SILENT,
    STARTTLS_FAILED,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
    TLS_AT_ONCE,
)
from everleaf.ports import Ask
from everleaf.tls.handshake import shake
from everleaf.tls.line import LineError, opened
from everleaf.tls.probe import TlsProbe
from support.certs import Authority, Live
from support.loopback import PATIENCE, Address, free
from support.mail import Postfix
from support.servers import Nginx, need
from support.sshd import Sshd
from support.starttls import HOST, serving, written

_SOON = 3.0  # seconds, where the server will say nothing
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def ask(at: Address, starttls: StartTls, proxy_protocol: int = 0) -> Ask:
    approach = Approach(starttls=starttls, proxy_protocol=proxy_protocol)
    return Ask(address=at[0], port=at[1], server_name=HOST, approach=approach)


def chain(one: Ask) -> list[bytes]:
    """The chain as everleaf sees it."""
    end = time.monotonic() + PATIENCE
    with opened(one, end) as line:
        return list(shake(line, server_name=HOST, end=end).chain)


def failure(one: Ask, limit: float = PATIENCE) -> LineError:
    """Why there is no turn to TLS."""
    with pytest.raises(LineError) as caught, opened(one, time.monotonic() + limit):
        pytest.fail("there was one")
    return caught.value


def cross_checked(at: Address, starttls: StartTls) -> list[bytes]:
    """The chain as OpenSSL's own client sees it."""
    command = [need("openssl"), "s_client", "-connect", f"{at[0]}:{at[1]}", "-showcerts"]
    spoken = ["-starttls", starttls, "-servername", HOST]
    host = ["-name", HOST] if starttls is StartTls.XMPP else []
    done = subprocess.run(
        [*command, *spoken, *host],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return [ssl.PEM_cert_to_DER_cert(block) for block in _BLOCK.findall(done.stdout)]


# -- as it should be -------------------------------------------------------------------------------


@pytest.mark.parametrize("starttls", StartTls)
def test_the_chain_is_seen_as_openssl_sees_it(
    tmp_path: Path, authority: Authority, starttls: StartTls
) -> None:
    pair = authority.issue(HOST)
    with serving(starttls, tmp_path, pair) as at:
        assert chain(ask(at, starttls)) == pair.chain
        assert cross_checked(at, starttls) == pair.chain
        assert list(TlsProbe().look(ask(at, starttls), PATIENCE).chain) == pair.chain


# -- as it should not ------------------------------------------------------------------------------


@pytest.mark.parametrize("starttls", StartTls)
def test_a_server_without_tls_does_not_offer_it(tmp_path: Path, starttls: StartTls) -> None:
    with serving(starttls, tmp_path, None) as at:
        error = failure(ask(at, starttls))
    assert error.code == STARTTLS_NOT_OFFERED.code, error


@pytest.fixture
def tls(tmp_path: Path, live: Live) -> Iterator[Address]:
    at = free()
    with Nginx(tmp_path / "nginx", [at], {HOST: live}):
        yield at


@pytest.mark.parametrize(
    "starttls", [StartTls.SMTP, StartTls.LDAP, StartTls.XMPP, StartTls.POSTGRES, StartTls.MYSQL]
)
def test_a_port_that_speaks_tls_at_once_is_told_from_a_silent_one(
    tls: Address, starttls: StartTls
) -> None:
    assert failure(ask(tls, starttls), _SOON).code == TLS_AT_ONCE.code


@pytest.mark.parametrize("starttls", StartTls)
def test_another_protocol_is_not_taken_for_the_one_that_is_meant(
    tmp_path: Path, starttls: StartTls
) -> None:
    at = free()
    with Sshd(tmp_path / "sshd", at):
        error = failure(ask(at, starttls))
    assert error.code == STARTTLS_FAILED.code
    assert "OpenSSH" in str(error)


@pytest.mark.parametrize(
    ("spoken", "there"),
    [
        (StartTls.SMTP, StartTls.FTP),
        (StartTls.FTP, StartTls.SMTP),
        (StartTls.IMAP, StartTls.POP3),
        (StartTls.POP3, StartTls.IMAP),
        (StartTls.MYSQL, StartTls.SMTP),
        (StartTls.POSTGRES, StartTls.MYSQL),
        (StartTls.LDAP, StartTls.XMPP),
        (StartTls.XMPP, StartTls.IMAP),
    ],
)
def test_neighbours_are_not_taken_for_each_other(
    tmp_path: Path, authority: Authority, spoken: StartTls, there: StartTls
) -> None:
    with serving(there, tmp_path, authority.issue(HOST)) as at:
        error = failure(ask(at, spoken))
    assert error.code == STARTTLS_FAILED.code, error


def test_a_server_that_waits_to_be_spoken_to_is_silent(tmp_path: Path) -> None:
    with serving(StartTls.LDAP, tmp_path, None) as at:
        assert failure(ask(at, StartTls.SMTP), _SOON).code == SILENT.code


def test_postfix_offers_what_it_cannot_do_with_a_certificate_that_it_cannot_read(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue(HOST)
    live = written(pair.with_key(authority.issue(HOST).key), tmp_path / "www")
    with Postfix(tmp_path / "postfix", at := free(), live):
        error = failure(ask(at, StartTls.SMTP))
    assert error.code == STARTTLS_REFUSED.code
    assert "454" in str(error)


# -- with a PROXY header ---------------------------------------------------------------------------


@pytest.fixture
def mail(tmp_path: Path, authority: Authority) -> Postfix:
    live = written(authority.issue(HOST), tmp_path / "www")
    return Postfix(tmp_path / "postfix", free(), live)


@pytest.mark.parametrize("version", [1, 2])
def test_postfix_takes_the_proxy_header_before_its_greeting(mail: Postfix, version: int) -> None:
    mail.service = "-o smtpd_upstream_proxy_protocol=haproxy"
    with mail:
        assert chain(ask(mail.addresses[0], StartTls.SMTP, version))


@pytest.mark.parametrize("version", [1, 2])
def test_postfix_that_wants_no_proxy_header_takes_it_for_commands(
    mail: Postfix, version: int
) -> None:
    with mail:
        error = failure(ask(mail.addresses[0], StartTls.SMTP, version))
    assert error.code == PROXY_HEADER_UNEXPECTED.code
