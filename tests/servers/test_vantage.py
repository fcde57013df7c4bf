"""The way to a server through real proxies, over a real ssh, and with a PROXY header before TLS."""

import os
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from everleaf.core.approach import Approach, StartTls, Via
from everleaf.core.symptoms.connection import (
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    VANTAGE_FAILED,
)
from everleaf.ports import Ask
from everleaf.tls.handshake import shake
from everleaf.tls.line import LineError, opened
from everleaf.tls.probe import TlsProbe
from support.certs import Authority, Live
from support.loopback import PATIENCE, Address, free
from support.proxies import Microsocks, Proxy, Tinyproxy, knowing, through
from support.servers import Haproxy, Nginx, children
from support.sshd import Sshd
from support.starttls import serving
from support.tls_farm import diagnosed

NAME = "www.example.org"
PASSWORD = "correcthorsebattery"
PROXIES = [Microsocks, Tinyproxy]
BOTH = pytest.mark.parametrize("kind", PROXIES)


@pytest.fixture
def at(nginx: Nginx) -> Address:
    return nginx.addresses[0]


@pytest.fixture
def root(tmp_path: Path, authority: Authority) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(authority.root_pem())
    return path


def ask(at: Address, via: Via | None, starttls: StartTls | None = None) -> Ask:
    approach = Approach(via=via, starttls=starttls)
    return Ask(address=at[0], port=at[1], server_name=NAME, approach=approach)


def chain(one: Ask) -> list[bytes]:
    """The chain as everleaf sees it."""
    end = time.monotonic() + PATIENCE
    with opened(one, end) as line:
        return list(shake(line, server_name=NAME, end=end).chain)


def everywhere(at: Address, via: Via, root: Path) -> tuple[list[bytes], list[str]]:
    """What confirm sees, and what diagnose finds, from there."""
    seen = TlsProbe().look(ask(at, via), PATIENCE)
    url = str(via).replace("@", f":{via.password}@" if via.password else "@")
    found = diagnosed(f"{NAME}:{at[1]}", "--address", at[0], "--ca-file", root, "--via", url)
    return list(seen.chain), found.faults


def failure(one: Ask) -> LineError:
    """Why there is no way; no trace of it tells the password."""
    with pytest.raises(LineError) as caught, opened(one, time.monotonic() + PATIENCE):
        pytest.fail("there was one")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return caught.value


# -- proxies ---------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("user", ["", "joe"])
def test_a_proxy_leads_to_the_server(
    kind: type[Proxy], user: str, at: Address, live: Live, nginx: Nginx
) -> None:
    with kind(user, PASSWORD if user else "") as proxy:
        assert chain(ask(at, proxy.via)) == live.pair.chain
        nginx.stop()
        assert failure(ask(at, proxy.via)).code in {CONNECTION_REFUSED.code, CONNECTION_FAILED.code}


@BOTH
@pytest.mark.parametrize("user", ["", "joe"])
def test_confirm_and_diagnose_look_through_a_proxy(
    kind: type[Proxy], user: str, at: Address, live: Live, root: Path
) -> None:
    with kind(user, PASSWORD if user else "") as proxy:
        assert everywhere(at, proxy.via, root) == (live.pair.chain, [])


@BOTH
def test_a_name_is_passed_on_to_the_proxy(kind: type[Proxy], tmp_path: Path, live: Live) -> None:
    at = free("127.0.0.1")
    with Nginx(tmp_path / "nginx", [at], {NAME: live}), kind() as proxy:
        assert chain(ask(("localhost", at[1]), proxy.via)) == live.pair.chain


@BOTH
def test_an_ipv6_address_is_reached_through_a_proxy(
    kind: type[Proxy], tmp_path: Path, live: Live
) -> None:
    at = free("::1")
    with Nginx(tmp_path / "nginx", [at], {NAME: live}), kind() as proxy:
        assert chain(ask(at, proxy.via)) == live.pair.chain


@BOTH
def test_a_proxy_that_does_not_know_the_user_is_the_fault(kind: type[Proxy], at: Address) -> None:
    with kind("joe", "another") as proxy:
        wrong = failure(ask(at, replace(proxy.via, password=PASSWORD)))
        nobody = failure(ask(at, replace(proxy.via, user="", password="")))
    assert (wrong.code, nobody.code) == (VANTAGE_FAILED.code, VANTAGE_FAILED.code)
    assert str(proxy.via) in str(wrong)


def test_a_password_that_socks_cannot_carry_is_not_shown_either(at: Address) -> None:
    with Microsocks("joe", "another") as proxy:
        error = failure(ask(at, replace(proxy.via, password=PASSWORD + "\N{SNOWMAN}")))
    assert error.code == VANTAGE_FAILED.code
    assert "\N{SNOWMAN}" not in str(error)


@BOTH
def test_a_proxy_that_is_not_there_is_not_taken_for_the_server(
    kind: type[Proxy], at: Address
) -> None:
    proxy = kind()
    proxy.stop()
    error = failure(ask(at, proxy.via))
    assert error.code == VANTAGE_FAILED.code
    assert "refused" in str(error)


@BOTH
def test_starttls_is_spoken_through_a_proxy_and_no_word_of_the_server_is_lost(
    kind: type[Proxy], tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue(NAME)
    with serving(StartTls.SMTP, tmp_path, pair) as at, kind() as proxy:
        for _ in range(5):  # the greeting may come together with the proxy's answer, or after it
            assert chain(ask(at, proxy.via, StartTls.SMTP)) == pair.chain


# -- ssh -------------------------------------------------------------------------------------------


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd", free()) as running:
        folder = knowing(running, tmp_path / "bin")
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield running


def no_ssh_left() -> None:
    """See that every ssh has ended with its connection."""
    names = [Path(f"/proc/{pid}/comm") for pid in children(os.getpid())]
    assert "ssh" not in [name.read_text().strip() for name in names if name.exists()]


def test_ssh_leads_to_the_server_from_another_host(sshd: Sshd, at: Address, live: Live) -> None:
    assert chain(ask(at, through(sshd))) == live.pair.chain
    no_ssh_left()


def test_a_name_is_resolved_on_the_other_host(sshd: Sshd, tmp_path: Path, live: Live) -> None:
    at = free("127.0.0.1")
    with Nginx(tmp_path / "nginx", [at], {NAME: live}):
        assert chain(ask(("localhost", at[1]), through(sshd))) == live.pair.chain


def test_an_ipv6_address_is_reached_over_ssh(sshd: Sshd, tmp_path: Path, live: Live) -> None:
    at = free("::1")
    with Nginx(tmp_path / "nginx", [at], {NAME: live}):
        assert chain(ask(at, through(sshd))) == live.pair.chain


def test_confirm_and_diagnose_look_over_ssh(
    sshd: Sshd, at: Address, live: Live, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = knowing(sshd, root.parent / "with a key", "user")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    assert everywhere(at, replace(through(sshd), identity=None), root) == (live.pair.chain, [])


def test_ssh_ends_also_where_the_look_fails(sshd: Sshd, at: Address) -> None:
    with pytest.raises(ZeroDivisionError), opened(ask(at, through(sshd)), time.monotonic() + 20):
        raise ZeroDivisionError
    no_ssh_left()


def test_a_server_that_refuses_is_not_the_fault_of_ssh(sshd: Sshd) -> None:
    error = failure(ask(free(), through(sshd)))
    assert error.code == CONNECTION_REFUSED.code
    assert "Connection refused" in str(error)
    no_ssh_left()


def test_ssh_says_in_its_own_words_why_it_is_not_let_in(sshd: Sshd, at: Address) -> None:
    error = failure(ask(at, through(sshd, "stranger")))
    assert error.code == VANTAGE_FAILED.code
    assert "Permission denied" in str(error)
    no_ssh_left()


def test_another_host_key_than_the_known_one_is_not_taken(sshd: Sshd, at: Address) -> None:
    sshd.trust("stranger")
    error = failure(ask(at, through(sshd)))
    assert error.code == VANTAGE_FAILED.code
    assert "Host key verification failed" in str(error)


def test_an_ssh_host_that_is_not_there_is_the_fault(sshd: Sshd, at: Address) -> None:
    sshd.stop()
    error = failure(ask(at, through(sshd)))
    assert error.code == VANTAGE_FAILED.code
    assert "Connection refused" in str(error)


def test_without_ssh_it_is_said_so(
    sshd: Sshd, at: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "not installed" in str(failure(ask(at, through(sshd))))


def test_an_ssh_host_that_never_answers_is_given_up_in_time(sshd: Sshd, at: Address) -> None:
    os.kill(sshd.pid, signal.SIGSTOP)
    with pytest.raises(LineError), opened(ask(at, through(sshd)), time.monotonic() + 1):
        pytest.fail("it answered")
    os.kill(sshd.pid, signal.SIGCONT)
    no_ssh_left()


def test_starttls_is_spoken_over_ssh(sshd: Sshd, tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue(NAME)
    with serving(StartTls.IMAP, tmp_path, pair) as at:
        assert chain(ask(at, through(sshd), StartTls.IMAP)) == pair.chain


# -- the PROXY header ------------------------------------------------------------------------------


class ProxiedNginx(Nginx):
    """nginx that wants a PROXY header, and answers with the client that it names."""

    def configuration(self) -> str:
        """The text of nginx.conf."""
        client = 'return 200 "$proxy_protocol_addr $proxy_protocol_port"'
        text = super().configuration().replace(f'return 200 "{NAME}"', client)
        return text.replace(" ssl;", " ssl proxy_protocol;")


class ProxiedHaproxy(Haproxy):
    """haproxy that wants a PROXY header, and answers with the client that it names."""

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        client = 'return status 200 content-type text/plain lf-string "%[src] %[src_port]"'
        text = super().configuration().replace("return status 200", client)
        return text.replace(" ssl ", " accept-proxy ssl ")


def headed(at: Address, version: int, via: Via | None = None) -> Ask:
    one = ask(at, via)
    return replace(one, approach=replace(one.approach, proxy_protocol=version))


def client_of(one: Ask) -> tuple[str, str]:
    """Who the server takes us for, and who we are."""
    end = time.monotonic() + PATIENCE
    with opened(one, end) as line:
        host, port = line.getsockname()[:2]
        channel = shake(line, server_name=NAME, end=end).channel
        assert channel is not None
        channel.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: channel.recv(4096), b""))
    return answer.rpartition(b"\r\n\r\n")[2].decode(), f"{host} {port}"


@pytest.fixture(params=[None, "::1"], ids=["IPv4", "IPv6"])
def address(request: pytest.FixtureRequest) -> Address:
    return free(request.param)


def proxied(which: str, folder: Path, at: Address, live: Live) -> Nginx | Haproxy:
    if which == "nginx":
        return ProxiedNginx(folder / which, [at], {NAME: live})
    return ProxiedHaproxy(folder / which, [at], [live.path / "combined.pem"])


SERVERS = pytest.mark.parametrize("which", ["nginx", "haproxy"])
VERSIONS = pytest.mark.parametrize("version", [1, 2])


@SERVERS
@VERSIONS
def test_the_proxy_header_tells_the_server_who_we_are(
    which: str, version: int, tmp_path: Path, address: Address, live: Live
) -> None:
    with proxied(which, tmp_path, address, live):
        taken_for, is_truly = client_of(headed(address, version))
        assert taken_for == is_truly
        assert chain(ask(address, None)) == []


@SERVERS
@VERSIONS
def test_through_a_proxy_the_header_claims_nothing(
    which: str, version: int, tmp_path: Path, live: Live
) -> None:
    at = free()
    with proxied(which, tmp_path, at, live), Microsocks() as proxy:
        assert chain(headed(at, version, proxy.via)) == live.pair.chain


@VERSIONS
def test_a_server_that_wants_no_proxy_header_has_no_handshake_after_it(
    version: int, nginx: Nginx, haproxy: Haproxy
) -> None:
    for server in (nginx, haproxy):
        assert chain(headed(server.addresses[0], version)) == []
        assert chain(ask(server.addresses[0], None)) != []
