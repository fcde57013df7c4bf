"""What an error of a connection means, in words: a table."""

import errno
import ssl

_BY_NUMBER = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "no route there from this machine",
    errno.EADDRNOTAVAIL: "this machine has no such address to connect from",
    errno.EAFNOSUPPORT: "this machine does not speak that kind of address",
    errno.ETIMEDOUT: "no answer in time",
}

_BY_REASON = {
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know this name",
    "WRONG_VERSION_NUMBER": "what answers there is no TLS: plain HTTP, perhaps",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server speaks only older versions of TLS",
    "UNSUPPORTED_PROTOCOL": "the server speaks only older versions of TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refused the handshake: a client certificate, "
    "perhaps",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the issuer of the client's certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server demands a client certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server takes the client's certificate for malformed",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server takes the client's certificate for expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the server takes the client's certificate for revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not take the client's certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the client's certificate is not for clients",
    "UNEXPECTED_EOF_WHILE_READING": "the server closed the connection during the handshake",
}


def words(error: OSError) -> str:
    """One phrase for an error of a connection or a handshake."""
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            reason = "UNEXPECTED_EOF_WHILE_READING"
        return _BY_REASON.get(reason, f"the handshake failed: {reason or error}")
    if isinstance(error, TimeoutError):
        return _BY_NUMBER[errno.ETIMEDOUT]
    return _BY_NUMBER.get(error.errno or 0, error.strerror or str(error))
