"""diagnose says why there is no connection, or no handshake: each cause by a code of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bind import Bind, Zone
from support.forge import rsa_key
from support.lineage import NAME, chain
from support.loopback import Address, free, written
from support.servers import Haproxy, Nginx, need
from support.sshd import Sshd
from support.stubs import alert, answers, closes, deaf, greets, is_silent, resets, stub
from support.tls_farm import Diagnosed, Openssl, authority, diagnosed, kept, leaf, trusted

TOP, MIDDLE = authority(0), authority(1)
ROOT = TOP.below()
SOON = ("--timeout", "1s")


@pytest.fixture
def at() -> Address:
    return free()


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    return trusted(tmp_path, ROOT)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """An RSA certificate, with which every old server can do something."""
    one = leaf(key=rsa_key(2048))
    return kept(tmp_path / "live", chain(one, MIDDLE, TOP)[:-1], one.key)


def look(at: Address, *options: str | Path, host: str = NAME) -> Diagnosed:
    return diagnosed(f"{host}:{at[1]}", "--address", at[0], *options)


def first(found: Diagnosed) -> str:
    """The one fault that there is."""
    assert found.status == 1
    (code,) = found.faults
    return code


def what(found: Diagnosed, code: str) -> str:
    (one,) = [one["what"] for one in found.document["findings"] if one["code"] == code]
    return str(one)


# -- not reached -----------------------------------------------------------------------------------


@pytest.fixture
def name_server(tmp_path: Path) -> Iterator[Bind]:
    at = free("127.0.0.1")
    zone = Zone("example.org", records=("two A 127.0.0.9", "two A 127.0.0.8"), at=(at,))
    with Bind(tmp_path / "bind", at, keys=(), zones=(zone,)) as server:
        yield server


@pytest.mark.symptom("unresolved")
def test_a_name_that_does_not_exist(name_server: Bind) -> None:
    found = diagnosed("nosuch.example.org", "--resolver", name_server.at)
    assert first(found) == "unresolved"
    assert "nosuch.example.org does not exist" in found.document["sentence"]
    assert found.document["facts"] == {}


def test_every_address_that_dns_has_is_looked_at(name_server: Bind) -> None:
    port = free("127.0.0.8")[1]
    found = diagnosed(f"two.example.org:{port}", "--resolver", name_server.at)
    assert first(found) == "connection-refused"
    assert list(found.document["facts"]) == ["127.0.0.8", "127.0.0.9"]
    (one,) = found.document["findings"]
    assert one["where"] == ["127.0.0.8", "127.0.0.9"]


@pytest.mark.symptom("connection-refused")
def test_nothing_listens(at: Address) -> None:
    found = look(at)
    assert first(found) == "connection-refused"
    assert found.document["sentence"].startswith(f"{NAME}:{at[1]}: connection refused")


@pytest.mark.symptom("timed-out")
def test_packets_are_dropped(at: Address) -> None:
    with deaf(at):
        assert first(look(at, *SOON)) == "timed-out"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        pytest.param("192.0.2.1", "no-route", marks=pytest.mark.symptom("no-route")),
        pytest.param("2001:db8::1", "no-route", marks=pytest.mark.symptom("no-route")),
        pytest.param(
            "198.51.100.1", "host-unreachable", marks=pytest.mark.symptom("host-unreachable")
        ),
        pytest.param(
            "203.0.113.1", "connection-failed", marks=pytest.mark.symptom("connection-failed")
        ),
    ],
)
def test_the_network_says_that_there_is_no_way(address: str, code: str) -> None:
    assert in_a_network_of_its_own("--address", address) == [code]


def in_a_network_of_its_own(*options: str) -> list[str]:
    """The codes that everleaf finds where one network is unreachable, another forbidden."""
    if os.geteuid() != 0:
        reason = "only root can make a network of its own"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    ip, everleaf = need("ip"), f"{sys.executable} -m everleaf"
    script = (
        f"{ip} link set lo up; {ip} route add unreachable 198.51.100.0/24; "
        f'{ip} route add prohibit 203.0.113.0/24; exec {everleaf} diagnose {NAME} --json "$@"'
    )
    command = [need("unshare"), "-n", "sh", "-c", script, "sh", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    return [one["code"] for one in document["findings"]]


@pytest.mark.symptom("no-route-from-here")
def test_one_address_to_which_there_is_no_way_is_no_fault_of_the_server() -> None:
    found = in_a_network_of_its_own("--address", "2001:db8::1", "--address", "127.0.0.1")
    assert found == ["connection-refused", "no-route-from-here"]


# -- no handshake ----------------------------------------------------------------------------------


@pytest.mark.symptom("connection-reset")
def test_a_reset_after_the_hello(at: Address) -> None:
    with stub(at, resets):
        assert first(look(at, *SOON)) == "connection-reset"


@pytest.mark.symptom("closed-after-hello")
def test_the_server_closes_after_the_hello(at: Address) -> None:
    with stub(at, closes):
        assert first(look(at, *SOON)) == "closed-after-hello"


@pytest.mark.symptom("silent")
def test_the_server_takes_the_connection_and_says_nothing(at: Address) -> None:
    with stub(at, is_silent):
        assert first(look(at, *SOON)) == "silent"


@pytest.mark.symptom("plain-http")
def test_nginx_without_tls_on_the_port(tmp_path: Path, at: Address) -> None:
    with Nginx(tmp_path / "nginx", [], {}, http=[at], webroot=tmp_path):
        found = look(at)
    assert first(found) == "plain-http"
    assert "HTTP/1.1 400 Bad Request" in found.document["sentence"]


@pytest.mark.symptom("other-protocol")
def test_ssh_on_the_port(tmp_path: Path, at: Address) -> None:
    (tmp_path / "ssh").mkdir()
    with Sshd(tmp_path / "ssh", at):
        found = look(at)
    assert first(found) == "other-protocol"
    assert "SSH-2.0-OpenSSH" in found.document["sentence"]


@pytest.mark.symptom("other-protocol")
@pytest.mark.parametrize(
    ("words", "protocol"),
    [
        (b"RFB 003.008\n", "VNC"),
        (b"AMQP\x00\x00\x09\x01", "AMQP"),
        (b"@RSYNCD: 31.0\n", "rsync"),
        (b"\xff\xfd\x18\xff\xfd\x20", "Telnet"),
        (b"nonsense", "no protocol that is known"),
    ],
)
def test_other_protocols_by_their_greeting(at: Address, words: bytes, protocol: str) -> None:
    with stub(at, greets(words)):
        found = look(at, *SOON)
    assert first(found) == "other-protocol"
    assert protocol in found.document["sentence"]


@pytest.mark.symptom("other-protocol")
def test_redis_answers_a_hello_with_an_error(at: Address) -> None:
    with stub(at, answers(b"-ERR unknown command\r\n")):
        found = look(at)
    assert first(found) == "other-protocol"
    assert "Redis" in found.document["sentence"]


@pytest.mark.symptom("starttls-port")
@pytest.mark.parametrize(
    ("words", "protocol"),
    [
        (b"220 mail.example.org ESMTP ready\r\n", "smtp"),
        (b"220 ftp.example.org FTP server ready\r\n", "ftp"),
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "imap"),
        (b"+OK POP3 ready\r\n", "pop3"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00\x0b\x00\x00\x00", "mysql"),
    ],
)
def test_protocols_that_turn_to_tls_by_their_greeting(
    at: Address, words: bytes, protocol: str
) -> None:
    with stub(at, greets(words)):
        found = look(at, *SOON)
    assert first(found) == "starttls-port"
    assert f"look with --starttls {protocol}" in found.document["sentence"]


@pytest.mark.symptom("handshake-failed")
def test_a_fault_of_the_server_itself(tmp_path: Path, at: Address, live: Path) -> None:
    """nginx reads a certificate whose path has a variable when somebody asks for it."""
    server = Nginx(tmp_path / "nginx", [], {})
    server.addresses = (at,)
    pair = f"ssl_certificate {live}/$ssl_server_name.pem; ssl_certificate_key {live}/privkey.pem;"
    server.extra = f"server {{ listen {written(at)} ssl; {pair} }}"
    with server:
        found = look(at)
    assert first(found) == "handshake-failed"
    assert "internal error" in found.document["sentence"]


# -- versions and ciphers --------------------------------------------------------------------------


@pytest.mark.symptom("old-versions-only")
@pytest.mark.parametrize(("option", "words"), [("-tls1", "TLS 1.0"), ("-tls1_1", "TLS 1.1")])
def test_only_an_old_version(tmp_path: Path, live: Path, option: str, words: str) -> None:
    at = free()
    server = Openssl(tmp_path / "old", at, live, option, "-cipher", "ALL:@SECLEVEL=0")
    with server:
        found = look(at, "--ca-file", trusted(tmp_path, ROOT))
    assert first(found) == "old-versions-only"
    assert f"it speaks {words} only" in found.document["sentence"]


@pytest.mark.symptom("old-versions-too")
def test_old_versions_beside_newer_ones_are_a_notice(
    tmp_path: Path, at: Address, live: Path, roots: Path
) -> None:
    with old_nginx(tmp_path, at, live):
        found = look(at, "--ca-file", roots)
    assert found.faults == []
    assert found.status == 0
    assert "old-versions-too" in found.notices
    assert found.document["facts"][at[0]]["versions"] == ["TLSv1", "TLSv1.1", "TLSv1.2"]


def old_nginx(folder: Path, at: Address, live: Path) -> Nginx:
    server = Nginx(folder / "nginx", [at], {NAME: live})
    server.extra = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;"
    return server


@pytest.mark.symptom("no-common-cipher")
@pytest.mark.parametrize(
    ("cipher", "words"),
    [
        ("NULL-SHA256", "it takes only such as NULL-SHA256"),
        ("ADH-AES256-GCM-SHA384", "it refuses all ciphers"),
    ],
)
def test_only_ciphers_that_nobody_offers(
    tmp_path: Path, live: Path, cipher: str, words: str
) -> None:
    at = free()
    server = Openssl(tmp_path / "weak", at, live, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    with server:
        found = look(at, "--ca-file", trusted(tmp_path, ROOT))
    assert first(found) == "no-common-cipher"
    assert words in found.document["sentence"]


@pytest.mark.symptom("no-common-version")
def test_a_server_that_knows_none_of_our_versions(at: Address) -> None:
    with stub(at, alert(70)):
        assert first(look(at)) == "no-common-version"


# -- the name is refused ---------------------------------------------------------------------------


@pytest.mark.symptom("unknown-name")
def test_nginx_refuses_names_that_it_does_not_know(tmp_path: Path, at: Address) -> None:
    server = Nginx(tmp_path / "nginx", [], {})
    server.addresses = (at,)
    server.extra = f"server {{ listen {written(at)} ssl; ssl_reject_handshake on; }}"
    with server:
        found = look(at)
    assert first(found) == "unknown-name"


@pytest.mark.symptom("unknown-name")
def test_haproxy_is_strict_about_names(tmp_path: Path, at: Address, live: Path) -> None:
    with StrictHaproxy(tmp_path / "haproxy", [at], [live / "combined.pem"]):
        found = look(at, host="other.example.org")
    assert first(found) == "unknown-name"
    assert "refuses the server name other.example.org" in found.document["sentence"]


class StrictHaproxy(Haproxy):
    """haproxy that has no default certificate."""

    def configuration(self) -> str:
        return super().configuration().replace(" ssl ", " ssl strict-sni ")
