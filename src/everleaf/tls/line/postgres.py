"""SSLRequest of PostgreSQL: its manual, "Message Flow", section "SSL Session Encryption"."""

import struct

from everleaf.core.symptoms.connection import STARTTLS_NOT_OFFERED, STARTTLS_REFUSED
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_REQUEST = struct.pack("!II", 8, 80877103)
_HEAD = struct.Struct("!I")


def speak(talk: Talk, _server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    talk.say(_REQUEST)
    answer = talk.exactly(1)
    if answer == b"S":
        return
    if answer == b"N":
        raise LineError("the server answers that it has no TLS", STARTTLS_NOT_OFFERED)
    if answer == b"E":
        raise LineError(f"the server refuses TLS: {_error(talk)}", STARTTLS_REFUSED)
    raise talk.other("PostgreSQL", answer)


def _error(talk: Talk) -> str:
    """An ErrorResponse in words; that of old servers is a mere string, where we stop early."""
    (size,) = _HEAD.unpack(talk.exactly(_HEAD.size))
    fields = talk.exactly(size - _HEAD.size) if size > _HEAD.size else b""
    messages = [field[1:] for field in fields.split(b"\0") if field.startswith(b"M")]
    return shown(messages[0] if messages else fields)
