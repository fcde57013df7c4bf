"""What an error of a connection or a handshake means: a code and words, from tables."""

import errno
import ssl
from dataclasses import dataclass

from everleaf.core.symptoms import clients, connection, names


@dataclass(frozen=True, slots=True)
class Told:
    """A symptom's code and, in words, what happened."""

    code: str
    words: str


NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_REFUSED = Told(connection.CONNECTION_REFUSED.code, "connection refused: nothing listens there")
_RESET = Told(connection.CONNECTION_RESET.code, "the connection was reset")
_LATE = Told(connection.TIMED_OUT.code, "no answer in time")
_CLOSED = Told(connection.CLOSED.code, "the server closed the connection during the handshake")
_NO_TLS = Told(connection.OTHER_PROTOCOL.code, "what answers there is no TLS: plain HTTP, perhaps")
_OLD = Told(connection.NO_COMMON_VERSION.code, "the server speaks only older versions of TLS")

_BY_NUMBER = {
    errno.ECONNREFUSED: _REFUSED,
    errno.ECONNRESET: _RESET,
    errno.EPIPE: _RESET,
    errno.EHOSTUNREACH: Told(connection.HOST_UNREACHABLE.code, "the host cannot be reached"),
    errno.ENETUNREACH: Told(connection.NO_ROUTE.code, "no route there from this machine"),
    errno.EADDRNOTAVAIL: Told(
        connection.NO_ROUTE.code, "this machine has no such address to connect from"
    ),
    errno.EAFNOSUPPORT: Told(
        connection.NO_ROUTE.code, "this machine does not speak that kind of address"
    ),
    errno.ETIMEDOUT: _LATE,
}

_NO_CIPHER = connection.NO_COMMON_CIPHER.code
_FAILED = connection.HANDSHAKE_FAILED.code
_CLIENT = clients.CLIENT_REFUSED.code

# RFC 8446, section 6.2; RFC 5246, section 7.2.2; RFC 6066, section 9.
BY_ALERT = {
    40: Told(_NO_CIPHER, "the server refused the handshake: a client certificate, perhaps"),
    42: Told(_CLIENT, "the server does not accept the client's certificate"),
    43: Told(clients.CLIENT_WRONG_USAGE.code, "the client's certificate is not for clients"),
    44: Told(clients.CLIENT_REVOKED.code, "the server takes the client's certificate for revoked"),
    45: Told(clients.CLIENT_EXPIRED.code, "the server takes the client's certificate for expired"),
    46: Told(_CLIENT, "the server does not take the client's certificate"),
    48: Told(
        clients.CLIENT_UNTRUSTED.code,
        "the server does not trust the issuer of the client's certificate",
    ),
    49: Told(_CLIENT, "the server does not let this client in"),
    51: Told(_CLIENT, "a signature in the client's chain does not fit"),
    70: _OLD,
    71: Told(_NO_CIPHER, "the server wants stronger ciphers than were offered"),
    80: Told(_FAILED, "the server has a fault of its own (internal error)"),
    112: Told(names.UNKNOWN_NAME.code, "the server does not know this name"),
    116: Told(clients.CLIENT_REQUIRED.code, "the server demands a client certificate"),
    120: Told(_FAILED, "the server speaks none of the application protocols that were offered"),
}

_BY_REASON = {
    "TLSV1_UNRECOGNIZED_NAME": BY_ALERT[112],
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": BY_ALERT[40],
    "TLSV1_ALERT_UNKNOWN_CA": BY_ALERT[48],
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": BY_ALERT[116],
    "SSLV3_ALERT_BAD_CERTIFICATE": BY_ALERT[42],
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": BY_ALERT[45],
    "SSLV3_ALERT_CERTIFICATE_REVOKED": BY_ALERT[44],
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": BY_ALERT[46],
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": BY_ALERT[43],
    "UNEXPECTED_EOF_WHILE_READING": _CLOSED,
}


def words(error: OSError) -> str:
    """One phrase for an error of a connection or a handshake."""
    return told(error).words


def told(error: OSError) -> Told:
    """What an error of a connection or a handshake means.

    An error that knows its own code, as that of a dialogue before TLS, keeps it.
    """
    own = getattr(error, "code", "")
    if isinstance(own, str) and own:
        return Told(own, str(error))
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", "") or ""
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            reason = "UNEXPECTED_EOF_WHILE_READING"
        return _BY_REASON.get(reason, Told(_FAILED, f"the handshake failed: {reason or error}"))
    if isinstance(error, TimeoutError):
        return _LATE
    other = Told(connection.CONNECTION_FAILED.code, error.strerror or str(error))
    return _BY_NUMBER.get(error.errno or 0, other)
