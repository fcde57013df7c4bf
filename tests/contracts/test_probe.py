"""What every `Probe` keeps: TLS connections, and the fake."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from everleaf.core import approach as core
from everleaf.core.approach import Approach, StartTls, Via, Way
from everleaf.ports import Ask, Probe, Seen
from everleaf.system.secrets import Secret
from everleaf.tls.probe import TlsProbe
from fakes.edges import Edges
from support.certs import Authority, Live, Pair
from support.loopback import Address, free

NAME, OTHER = "www.a.test", "mail.a.test"
PAIR, SECOND = Authority().issue(NAME), Authority("Second").issue(OTHER)


@dataclass(slots=True)
class Place:
    """A server that knows two names, an address with nobody, and the probe."""

    probe: Probe
    server: Address
    nobody: Address

    def look(self, address: Address, name: str = NAME) -> Seen:
        return self.probe.look(ask(address, name), 10)


def ask(address: Address, name: str = NAME, present: str | None = None) -> Ask:
    host, port = address
    return Ask(address=host, port=port, server_name=name, present=present)


def context_of(folder: Path, pair: Pair) -> ssl.SSLContext:
    live = Live(folder)
    live.switch(pair)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(live.path / "fullchain.pem", live.path / "privkey.pem")
    return context


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[Address]:
    """Whatever `answer` does with each connection, one after the other."""
    address = free()
    with socket.create_server(address) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    try:
                        line.settimeout(10)
                        answer(line)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield address
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def handshake(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as channel:
            channel.recv(1)

    return answer


@contextmanager
def connections(folder: Path) -> Iterator[Place]:
    one, two = context_of(folder / "1", PAIR), context_of(folder / "2", SECOND)

    def choose(channel: ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        channel.context = two if name == OTHER else one

    one.sni_callback = choose  # type: ignore[assignment]  # an SSLObject would do as well
    with listening(handshake(one)) as address:
        yield Place(TlsProbe(), address, free())


@contextmanager
def memory(_: Path) -> Iterator[Place]:
    edges = Edges(lambda _: (), down={"nobody"})
    edges.served = {("edge", "www"): tuple(PAIR.chain), ("edge", "mail"): tuple(SECOND.chain)}
    yield Place(edges, ("edge", 443), ("nobody", 443))


@pytest.fixture(params=[connections, memory])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with request.param(tmp_path) as one:
        yield one


def test_the_chain_is_seen_as_sent_leaf_first(place: Place) -> None:
    seen = place.look(place.server)
    assert seen.chain == tuple(PAIR.chain)
    assert not seen.words


def test_the_server_name_chooses(place: Place) -> None:
    assert place.look(place.server, OTHER).chain == tuple(SECOND.chain)


def test_every_look_is_fresh(place: Place) -> None:
    for name, pair in ((NAME, PAIR), (OTHER, SECOND)) * 3:
        assert place.look(place.server, name).chain == tuple(pair.chain)


def test_nobody_there_is_said_in_words(place: Place) -> None:
    seen = place.look(place.nobody)
    assert seen.chain == ()
    assert "nothing listens there" in seen.words
    assert not seen.no_route


# -- what only connections show ------------------------------------------------------------------


def shown(answer: Callable[[socket.socket], None], timeout: float = 10) -> str:
    with listening(answer) as address:
        seen = TlsProbe().look(ask(address), timeout)
    assert seen.chain == ()
    return seen.words


def test_plain_http_is_recognized() -> None:
    assert "plain HTTP" in shown(lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


def test_a_server_that_closes_after_the_hello_is_told_so() -> None:
    assert "closed the connection" in shown(lambda line: void(line.recv(65536)))


def void(_: object) -> None:
    """No more."""


def test_a_server_that_says_nothing_costs_no_more_than_the_limit() -> None:
    done = threading.Event()
    try:
        assert shown(lambda _: void(done.wait(2)), timeout=0.2) == "no answer in time"
    finally:
        done.set()


def test_only_old_versions_are_told_so(tmp_path: Path) -> None:
    context = context_of(tmp_path, PAIR)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with listening(handshake(context)) as address:
        assert TlsProbe().look(ask(address), 10).chain == tuple(PAIR.chain)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_demands_a_client_certificate_still_shows_its_own(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = context_of(tmp_path, PAIR)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    with listening(handshake(context)) as address:
        assert TlsProbe().look(ask(address), 10).chain == tuple(PAIR.chain)


@dataclass(slots=True)
class Strict:
    """A server that asks for a client certificate, and what a look of a client comes to."""

    folder: Path
    version: ssl.TLSVersion
    trusts: bytes | None = None
    http: bytes = b""

    def look(self, pair: Pair) -> Seen:
        context = context_of(self.folder / "server", PAIR)
        context.minimum_version = context.maximum_version = self.version
        if self.trusts is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.trusts.decode("ascii"))
        if self.http:
            context.set_alpn_protocols(["http/1.1"])
        client = Live(self.folder / "client")
        client.switch(pair)

        def answer(line: socket.socket) -> None:
            with context.wrap_socket(line, server_side=True) as channel:
                if channel.recv(4096) and self.http:
                    channel.sendall(self.http)

        with listening(answer) as address:
            return TlsProbe().look(ask(address, present=str(client.path)), 10)


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
@pytest.mark.parametrize("http", [b"", b"HTTP/1.1 404 Not Found\r\n\r\n"])
def test_a_client_certificate_that_is_trusted_is_taken(
    tmp_path: Path, version: ssl.TLSVersion, http: bytes
) -> None:
    ca = Authority("Clients")
    seen = Strict(tmp_path, version, ca.root_pem(), http).look(ca.issue("client.test", client=True))
    assert seen.taken, seen.words
    assert seen.chain == tuple(PAIR.chain)


@VERSIONS
def test_a_client_certificate_that_is_not_trusted_is_refused_in_words(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    strange = Authority("Strange").issue("client.test", client=True)
    seen = Strict(tmp_path, version, Authority("Clients").root_pem()).look(strange)
    assert not seen.taken
    assert "does not trust the issuer of the client's certificate" in seen.words


@VERSIONS
def test_a_server_that_asks_for_no_client_certificate_has_taken_none(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    seen = Strict(tmp_path, version).look(Authority("Clients").issue("client.test", client=True))
    assert not seen.taken
    assert seen.words == "the server asks for no client certificate"


def test_a_refusal_in_http_after_the_handshake_is_a_refusal(tmp_path: Path) -> None:
    ca = Authority("Clients")
    refusal = b"HTTP/1.1 400 The SSL certificate error\r\n\r\n"
    strict = Strict(tmp_path, ssl.TLSVersion.TLSv1_3, ca.root_pem(), refusal)
    seen = strict.look(ca.issue("client.test", client=True))
    assert not seen.taken
    assert "400" in seen.words


def test_an_address_is_never_sent_as_a_server_name(tmp_path: Path) -> None:
    names: list[str | None] = []
    context = context_of(tmp_path, PAIR)

    def note(_: ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    context.sni_callback = note  # type: ignore[assignment]
    with listening(handshake(context)) as address:
        TlsProbe().look(ask(address, "127.0.0.1"), 10)
        TlsProbe().look(ask(address, "a.test."), 10)
    assert names == [None, "a.test"]


def test_no_way_from_here_is_told_apart_from_nobody_there() -> None:
    seen = TlsProbe().look(ask(("2001:db8::1", 443)), 0.5)
    assert seen.chain == ()
    assert seen.no_route or seen.words == "no answer in time"


# -- ways there, and what is presented ------------------------------------------------------------


def pair_of(folder: Path, pair: Pair) -> core.Pair:
    live = Live(folder)
    live.switch(pair)
    return core.Pair(certificate=live.path / "fullchain.pem", key=live.path / "privkey.pem")


def client_of(folder: Path, pair: Pair, trusts: bytes, client: core.Pair | None) -> list[object]:
    """What a server that demands a client's certificate gets, and what is seen of its own."""
    context = context_of(folder / "server", pair)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusts.decode("ascii"))
    came: list[object] = []

    def answer(line: socket.socket) -> None:
        try:
            with context.wrap_socket(line, server_side=True) as channel:
                came.append(channel.getpeercert(binary_form=True))
        except ssl.SSLError:
            came.append(None)

    with listening(answer) as address:
        seen = TlsProbe().look(replace(ask(address), client=client), 10)
    return [*came, seen.chain, seen.words]


def test_a_client_certificate_is_presented_where_the_server_demands_one(tmp_path: Path) -> None:
    ca = Authority("Clients")
    own = ca.issue("client.test", client=True)
    client = pair_of(tmp_path / "client", own)
    right = client_of(tmp_path / "1", PAIR, ca.root_pem(), client)
    assert right == [own.chain[0], tuple(PAIR.chain), ""]
    assert client_of(tmp_path / "2", PAIR, ca.root_pem(), None) == [None, tuple(PAIR.chain), ""]


@pytest.mark.parametrize("kind", ["", "ecdsa"])
def test_a_client_certificate_that_cannot_be_read_is_told_so(tmp_path: Path, kind: str) -> None:
    missing = core.Pair(certificate=tmp_path / "none.pem", key=tmp_path / "none.key")
    with listening(handshake(context_of(tmp_path, PAIR))) as address:
        seen = TlsProbe().look(replace(ask(address), client=missing, key_kind=kind), 10)
    assert seen.chain == ()
    assert "none.pem" in seen.words
    assert "cannot be read" in seen.words


def test_nobody_is_asked_for_the_passphrase_of_a_key(tmp_path: Path) -> None:
    pair = pair_of(tmp_path / "client", Authority("Clients").issue("client.test", client=True))
    key = load_pem_private_key(pair.key.read_bytes(), None)
    locked = BestAvailableEncryption(b"secret")
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with listening(handshake(context_of(tmp_path, PAIR))) as address:
        for kind in ("", "ecdsa"):
            seen = TlsProbe().look(replace(ask(address), client=pair, key_kind=kind), 10)
            assert "no pair" in seen.words


def test_a_failure_before_tls_keeps_its_code() -> None:
    approach = Approach(starttls=StartTls.SMTP)
    with listening(lambda line: line.sendall(b"220 a.test\r\n250-a.test\r\n250 HELP\r\n")) as at:
        seen = TlsProbe().look(replace(ask(at), approach=approach), 10)
    assert (seen.chain, seen.code) == ((), "starttls-not-offered")


def test_a_vantage_without_a_way_is_not_our_own_lack_of_one() -> None:
    host, port = free()
    via = Via(way=Way.SOCKS5, host=host, port=port)
    seen = TlsProbe().look(replace(ask(("2001:db8::1", 443)), approach=Approach(via=via)), 10)
    assert (seen.code, seen.no_route) == ("vantage-failed", False)


def test_the_password_of_a_proxy_that_is_not_where_it_should_be_is_told_so() -> None:
    host, port = free()
    hidden = Secret(env="NO_SUCH_VARIABLE")
    via = Via(way=Way.SOCKS5, host=host, port=port, user="me", hidden=hidden)
    seen = TlsProbe().look(replace(ask(free()), approach=Approach(via=via)), 10)
    assert seen.code == "vantage-failed"
    assert "NO_SUCH_VARIABLE" in seen.words
