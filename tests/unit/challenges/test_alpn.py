"""tls-alpn-01 by our own listener: who is shown which certificate, and who is refused."""

import os
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography import x509

from everleaf.challenges.alpn import AlpnListener, AlpnResponders, server_name
from everleaf.challenges.registry import build
from everleaf.challenges.tls_exchange import context_for
from everleaf.core.identifiers import Identifier, parse
from everleaf.core.job import Trace
from everleaf.core.wanted import KeyType
from everleaf.errors import AuthorityError, EndOfTimeError, OperatorError
from everleaf.pki.alpn import ACME_IDENTIFIER, validation_certificate
from everleaf.pki.certificates import facts
from everleaf.pki.keys import make
from everleaf.ports import Challenge, Status
from everleaf.system.clock import SystemClock
from support.handshakes import PROTOCOL, Shown, shake
from support.loopback import Address, free, until, written
from support.servers import need
from support.wire import Turning

NAME = parse("a.test")
TOKEN = "token"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def challenge(token: str) -> Challenge:
    return Challenge(
        type="tls-alpn-01",
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
    )


def present(solver: AlpnListener, token: str = TOKEN, one: Identifier = NAME) -> Trace:
    trace = solver.trace(one, challenge(token))
    solver.present(trace, challenge(token))
    return trace


def response(shown: Shown) -> bytes:
    """What the certificate holds for the authority."""
    certificate = x509.load_der_x509_certificate(shown.certificate)
    value = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER).value
    assert isinstance(value, x509.UnrecognizedExtension)
    return value.value


def expected(token: str) -> bytes:
    pem = validation_certificate(
        make(KeyType.ECDSA_P256), NAME, f"{token}.thumb", SystemClock().now()
    )
    return response(
        Shown(
            certificate=ssl.PEM_cert_to_DER_cert(pem.decode()), protocol="", version="", after=b""
        )
    )


def listens(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def address() -> Address:
    return free()


@pytest.fixture
def solver(address: Address) -> Iterator[AlpnListener]:
    """Nothing stands there; what a test leaves is taken down."""
    one = AlpnListener("alpn", [address], SystemClock(), responders=AlpnResponders())
    yield one
    for token in ("token", "first", "second"):
        one.remove(one.trace(NAME, challenge(token)))


def test_a_trace_names_the_server_and_opens_nothing(solver: AlpnListener, address: Address) -> None:
    trace = solver.trace(NAME, challenge("token"))
    assert trace == Trace(solver="alpn", identifier="a.test", place="a.test/token")
    assert not listens(address)


@pytest.mark.parametrize("newest", VERSIONS)
def test_whoever_asks_as_an_authority_does_is_shown_the_certificate_and_nothing_more(
    solver: AlpnListener, address: Address, newest: ssl.TLSVersion
) -> None:
    present(solver)
    shown = shake(address, "a.test", PROTOCOL, newest=newest)
    assert facts(shown.certificate).identifiers == (NAME,)
    assert response(shown) == expected("token")
    assert (shown.protocol, shown.after) == (PROTOCOL, b"")
    assert shown.version == ("TLSv1.2" if newest is VERSIONS[0] else "TLSv1.3")


def test_data_after_the_handshake_is_answered_with_nothing(
    solver: AlpnListener, address: Address
) -> None:
    present(solver)
    shown = shake(address, "a.test", PROTOCOL, data=b"GET / HTTP/1.1\r\n\r\n")
    assert shown.after == b""


@pytest.mark.parametrize("protocols", [(), ("h2",), ("h2", "http/1.1"), ("acme-tls/2",)])
@pytest.mark.parametrize("newest", VERSIONS)
def test_whoever_does_not_offer_the_protocol_is_refused(
    solver: AlpnListener, address: Address, protocols: tuple[str, ...], newest: ssl.TLSVersion
) -> None:
    present(solver)
    with pytest.raises(ssl.SSLError) as caught:
        shake(address, "a.test", *protocols, newest=newest)
    # Python 3.11 has no symbol for this alert.
    assert "no application protocol" in str(caught.value).replace("_", " ").lower()


def test_the_protocol_may_be_offered_among_others(solver: AlpnListener, address: Address) -> None:
    present(solver)
    assert shake(address, "a.test", "h2", PROTOCOL).protocol == PROTOCOL


@pytest.mark.parametrize("name", ["b.test", "www.a.test", "a.test.example", None])
@pytest.mark.parametrize("newest", VERSIONS)
def test_a_name_that_nobody_asked_for_is_refused(
    solver: AlpnListener, address: Address, name: str | None, newest: ssl.TLSVersion
) -> None:
    present(solver)
    with pytest.raises(ssl.SSLError) as caught:
        shake(address, name, PROTOCOL, newest=newest)
    assert caught.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def test_old_versions_of_tls_are_refused(solver: AlpnListener, address: Address) -> None:
    present(solver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.set_alpn_protocols([PROTOCOL])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(address, timeout=10) as line:
        with pytest.raises(ssl.SSLError) as caught:
            context.wrap_socket(line, server_hostname="a.test")
        assert caught.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_names_are_compared_without_their_case(solver: AlpnListener, address: Address) -> None:
    present(solver)
    assert response(shake(address, "A.TEST", PROTOCOL)) == expected("token")


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_what_is_no_tls_is_closed_without_a_byte(
    solver: AlpnListener, address: Address, first: bytes
) -> None:
    present(solver)
    with socket.create_connection(address, timeout=10) as line:
        line.sendall(first)
        assert line.recv(4096) == b""


def test_a_handshake_may_come_a_byte_at_a_time(solver: AlpnListener, address: Address) -> None:
    present(solver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([PROTOCOL])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    channel = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
    with socket.create_connection(address, timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while channel.version() is None or outgoing.pending:
            try:
                channel.do_handshake()
            except ssl.SSLWantReadError:
                pass
            else:
                break
            for byte in outgoing.read():
                line.sendall(bytes([byte]))
            incoming.write(line.recv(4096))
    assert channel.selected_alpn_protocol() == PROTOCOL


def test_slow_and_silent_clients_keep_nobody_from_being_answered(
    solver: AlpnListener, address: Address
) -> None:
    present(solver)
    slow = [socket.create_connection(address, timeout=10) for _ in range(300)]
    try:
        for line in slow[150::2]:
            line.sendall(b"\x16\x03\x01\x02")
        assert shake(address, "a.test", PROTOCOL).certificate
        assert slow[0].recv(1) == b""
    finally:
        for line in slow:
            line.close()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("127.0.0.1", "1.0.0.127.in-addr.arpa"),
        ("2001:db8::1", "1.0.0.0." + 20 * "0." + "8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_an_address_is_asked_for_by_its_reverse_name(
    solver: AlpnListener, address: Address, text: str, name: str
) -> None:
    assert server_name(parse(text)) == name
    trace = present(solver, one=parse(text))
    assert facts(shake(address, name, PROTOCOL).certificate).identifiers == (parse(text),)
    solver.remove(trace)


def test_it_is_open_from_the_first_challenge_to_the_last(
    solver: AlpnListener, address: Address
) -> None:
    first, second = present(solver, one=parse("a.test")), present(solver, one=parse("b.test"))
    assert facts(shake(address, "a.test", PROTOCOL).certificate).identifiers == (NAME,)
    solver.remove(first)
    with pytest.raises(ssl.SSLError):
        shake(address, "a.test", PROTOCOL)
    assert facts(shake(address, "b.test", PROTOCOL).certificate).identifiers == (parse("b.test"),)
    solver.remove(second)
    assert not listens(address)


def test_ipv4_and_ipv6_are_answered_side_by_side_on_one_port() -> None:
    port = free("::1")[1]
    addresses = [("127.0.0.1", port), ("::1", port)]
    solver = AlpnListener("alpn", addresses, SystemClock())
    trace = present(solver)
    shown = [response(shake(one, "a.test", PROTOCOL)) for one in addresses]
    solver.remove(trace)
    assert shown == [expected("token")] * 2
    assert not any(listens(one) for one in addresses)


def test_a_port_that_is_taken_is_the_operators_fault_and_leaves_nothing_open(
    address: Address,
) -> None:
    taken = free()
    with socket.create_server(taken), pytest.raises(OperatorError) as caught:
        present(AlpnListener("alpn", [address, taken], SystemClock()))
    fault = caught.value.fault
    assert (fault.code, fault.where) == ("port-taken", written(taken))
    assert "tls-alpn-01" in fault.what
    assert "another challenge" in fault.remedy
    assert not listens(address)


class Watched(SystemClock):
    """The system's clock; says when somebody waits by it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = Event()

    def sleep(self, span: float) -> None:
        self.waited.set()
        super().sleep(span)


def test_a_second_response_for_a_name_waits_until_the_first_is_taken_down(
    solver: AlpnListener, address: Address
) -> None:
    first = present(solver, "first")
    clock = Watched()
    later = AlpnListener("alpn", [address], clock, responders=solver._responders)
    thread = Thread(target=present, args=(later, "second"))
    thread.start()
    try:
        assert clock.waited.wait(10)
        assert response(shake(address, "a.test", PROTOCOL)) == expected("first")
        present(solver, one=parse("b.test"))
        assert thread.is_alive()
    finally:
        solver.remove(first)
        solver.remove(solver.trace(parse("b.test"), challenge("token")))
        thread.join(10)
    assert response(shake(address, "a.test", PROTOCOL)) == expected("second")


def test_what_is_waited_for_too_long_is_an_error_and_stands_untouched(
    solver: AlpnListener, address: Address
) -> None:
    first = present(solver, "first")
    clock = Turning(deadline=3600)
    later = AlpnListener("alpn", [address], clock, responders=solver._responders, patience=90)
    second = later.trace(NAME, challenge("second"))
    with pytest.raises(OperatorError) as caught:
        later.present(second, challenge("second"))
    later.remove(second)
    assert caught.value.fault.code == "name-occupied"
    assert caught.value.fault.where == "a.test"
    assert 90 <= sum(clock.slept) < 100
    assert response(shake(address, "a.test", PROTOCOL)) == expected("first")
    solver.remove(first)
    assert not listens(address)


def test_a_run_that_is_told_to_stop_waits_no_longer(solver: AlpnListener, address: Address) -> None:
    present(solver, "first")
    clock = SystemClock()
    clock.stop()
    later = AlpnListener("alpn", [address], clock, responders=solver._responders)
    with pytest.raises(EndOfTimeError):
        present(later, "second")


def test_the_same_response_for_two_certificates_stays_until_both_are_done(
    solver: AlpnListener, address: Address
) -> None:
    first, second = present(solver), present(solver)
    solver.remove(first)
    assert response(shake(address, "a.test", PROTOCOL)) == expected("token")
    solver.remove(second)
    assert not listens(address)


def test_a_token_that_is_not_base64url_is_refused(solver: AlpnListener) -> None:
    with pytest.raises(AuthorityError, match="base64url"):
        solver.trace(NAME, challenge("../x"))


def test_no_descriptor_is_left_behind(solver: AlpnListener) -> None:
    solver.remove(present(solver))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        solver.remove(present(solver))
    until("all are closed", lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)


PROGRAM = """
import sys
from everleaf.challenges.alpn import AlpnListener
from everleaf.core.identifiers import parse
from everleaf.ports import Challenge, Status
from everleaf.system.clock import SystemClock
one = Challenge(type="tls-alpn-01", url="", status=Status.PENDING, token="t",
                key_authorization="t.thumb")
solver = AlpnListener("alpn", [(sys.argv[1], int(sys.argv[2]))], SystemClock())
trace = solver.trace(parse("a.test"), one)
solver.present(trace, one)
solver.remove(trace)
print("presented")
"""


def test_its_key_never_stands_on_disk(address: Address, tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    traced = [need("strace"), "-f", "-qq", "-e", "trace=open,openat,creat,memfd_create"]
    done = subprocess.run(
        [*traced, "-o", str(log), sys.executable, "-c", PROGRAM, address[0], str(address[1])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout == "presented\n"
    calls = log.read_text("utf-8", errors="replace").splitlines()
    assert any("memfd_create" in one for one in calls)
    writing = ("O_CREAT", "O_WRONLY", "O_RDWR", "creat(")
    assert [one for one in calls if any(word in one for word in writing)] == []


def test_a_context_speaks_one_protocol_of_todays_tls_alone() -> None:
    key = make(KeyType.ECDSA_P256)
    context = context_for(validation_certificate(key, NAME, "t.x", SystemClock().now()), key)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.num_tickets == 0


def test_the_registry_builds_it(address: Address) -> None:
    solver = build("tls-alpn-01", "alpn", listen=[address], clock=SystemClock())
    assert isinstance(solver, AlpnListener)
    assert (solver.types, solver.binds_account) == (("tls-alpn-01",), False)
