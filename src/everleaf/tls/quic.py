"""One fresh look at a server over QUIC, as HTTP/3 begins it: RFC 9001, RFC 9114."""

import logging
import socket
import ssl
import time
from typing import TYPE_CHECKING

from everleaf.core.symptoms import connection, names
from everleaf.ports import Ask, Seen
from everleaf.tls.client import PairError
from everleaf.tls.names import sent_name
from everleaf.tls.symptoms import BY_ALERT, NO_ROUTE, told

if TYPE_CHECKING:
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.events import ConnectionTerminated

_MISSING = (
    "this is a look over QUIC, for which aioquic is not installed here: "
    'pip install "everleaf[http3]"'
)
_ALPN = "h3"
_LARGEST = 65536
_NO_ERROR = 0x100  # H3_NO_ERROR: RFC 9114, section 8.1
_ALERTS = range(0x100, 0x200)  # CRYPTO_ERROR with a TLS alert: RFC 9001, section 4.8
_LEAST = 0.001
# Before a server has shown its certificate, no alert is about that of a client.
_OF_THE_SERVER = frozenset(one.code for one in (*connection.ROWS, *names.ROWS))


def look(ask: Ask, end: float) -> Seen:
    """The chain as sent, trusted by nobody.

    Args:
        ask: the way there is a direct one.
        end: on the monotonic clock.

    Raises:
        PairError: the client's certificate cannot be read.
    """
    try:
        import aioquic.quic.connection  # noqa: F401
    except ImportError:
        return Seen(words=_MISSING)
    try:
        return _look(ask, end)
    except PairError:
        raise
    except OSError as error:
        one = told(error)
        words = f"over QUIC: {one.words}"
        return Seen(words=words, code=one.code, no_route=error.errno in NO_ROUTE)


def _look(ask: Ask, end: float) -> Seen:
    line = _connection(ask)
    found = socket.getaddrinfo(ask.address, ask.port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as sock:
        sock.connect(address)
        line.connect(address, now=time.monotonic())
        refusal = _shaken(line, sock, address, end)
        line.close(error_code=_NO_ERROR)
        _send(line, sock)
    leaf, above = line.tls._peer_certificate, line.tls._peer_certificate_chain  # noqa: SLF001 - has no public way
    if leaf is not None:
        from cryptography.hazmat.primitives.serialization import Encoding

        return Seen(chain=tuple(one.public_bytes(Encoding.DER) for one in (leaf, *above)))
    return refusal or Seen(words="over QUIC: it sends no certificate")


def _connection(ask: Ask) -> "QuicConnection":
    from aioquic.quic.configuration import QuicConfiguration

    logging.getLogger("quic").setLevel(logging.CRITICAL)  # what matters of it is in the answer
    configuration = QuicConfiguration(
        alpn_protocols=[_ALPN],
        is_client=True,
        server_name=sent_name(ask.server_name),
        verify_mode=ssl.CERT_NONE,
    )
    if ask.client is not None:
        try:
            configuration.load_cert_chain(ask.client.certificate, ask.client.key)
        except (OSError, ValueError, TypeError) as error:
            one, other = ask.client.certificate, ask.client.key
            raise PairError(
                f"the client's certificate {one} or its key {other} cannot be read"
            ) from error
    return _with_keys(configuration, ask.key_kind)


def _with_keys(configuration: "QuicConfiguration", kind: str) -> "QuicConnection":
    """A connection for which only certificates with one kind of key will do; empty: all."""
    from aioquic.quic.connection import QuicConnection

    line = QuicConnection(configuration=configuration)
    if kind:
        begin = line._initialize  # noqa: SLF001 - the schemes that are offered have no public way

        def initialize(peer_cid: bytes) -> None:
            begin(peer_cid)
            schemes = line.tls._signature_algorithms  # noqa: SLF001
            ecdsa = [one for one in schemes if _is_ecdsa(one)]
            rsa = [one for one in schemes if one not in ecdsa]
            line.tls._signature_algorithms = ecdsa if kind == "ecdsa" else rsa  # noqa: SLF001

        line._initialize = initialize  # type: ignore[method-assign]  # noqa: SLF001
    return line


def _is_ecdsa(scheme: int) -> bool:
    """Whether a scheme of RFC 8446, section 4.2.3, is for a key of an elliptic curve."""
    from aioquic.tls import SignatureAlgorithm

    return not SignatureAlgorithm(scheme).name.startswith("RSA")


def _shaken(
    line: "QuicConnection", sock: socket.socket, address: object, end: float
) -> Seen | None:
    """Go on until the handshake is over; why it came to nothing.

    Raises:
        OSError: there is nobody, or the time is over.
    """
    from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted

    while True:
        while (event := line.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                return None
            if isinstance(event, ConnectionTerminated):
                return _refused(event)
        _send(line, sock)
        now, timer = time.monotonic(), line.get_timer()
        if now >= end:
            raise TimeoutError
        sock.settimeout(max(_LEAST, min(end, timer or end) - now))
        try:
            came = sock.recv(_LARGEST)
        except TimeoutError:
            line.handle_timer(now=time.monotonic())
        else:
            line.receive_datagram(came, address, now=time.monotonic())


def _refused(event: "ConnectionTerminated") -> Seen:
    alert = BY_ALERT.get(event.error_code & 0xFF) if event.error_code in _ALERTS else None
    if alert is not None and alert.code in _OF_THE_SERVER:
        return Seen(words=f"over QUIC: {alert.words}", code=alert.code)
    reason = event.reason_phrase or f"error {event.error_code:#x}"
    return Seen(words=f"over QUIC: the connection ended: {reason}")


def _send(line: "QuicConnection", sock: socket.socket) -> None:
    for datagram, _ in line.datagrams_to_send(now=time.monotonic()):
        sock.send(datagram)
