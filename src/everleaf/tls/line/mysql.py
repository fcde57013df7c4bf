"""SSLRequest of MySQL and MariaDB: "Connection Phase" in their manuals."""

import struct

from everleaf.core.symptoms.connection import STARTTLS_NOT_OFFERED, STARTTLS_REFUSED
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_VERSION, _ERROR = 10, 0xFF
_HEAD = 4  # bytes: three of length, one number
_BEFORE_CAPABILITIES = 4 + 8 + 1  # thread, first part of the salt, filler
_PROTOCOL_41, _SSL, _SECURE = 0x200, 0x800, 0x8000  # capabilities
_PACKET, _CHARSET = 1 << 24, 45  # utf8mb4
_REQUEST = struct.pack("<IIB23x", _PROTOCOL_41 | _SSL | _SECURE, _PACKET, _CHARSET)


def speak(talk: Talk, _server_name: str) -> None:
    """Up to our own request, to which there is no answer but TLS.

    Raises:
        LineError: it does not come to that.
    """
    greeting = _packet(talk)
    if greeting[0] == _ERROR:
        words = shown(greeting[3:])
        raise LineError(f"the server turns clients away: {words}", STARTTLS_REFUSED)
    end = greeting.find(b"\0")
    at = end + 1 + _BEFORE_CAPABILITIES
    if greeting[0] != _VERSION or end < 0 or len(greeting) < at + 2:
        raise talk.other("MySQL", greeting)
    capabilities = int.from_bytes(greeting[at : at + 2], "little")
    if not capabilities & _SSL:
        raise LineError("the server does not offer TLS in its greeting", STARTTLS_NOT_OFFERED)
    talk.say(len(_REQUEST).to_bytes(3, "little") + b"\x01" + _REQUEST)


def _packet(talk: Talk) -> bytes:
    """The content of the first packet."""
    head = talk.exactly(_HEAD)
    size = int.from_bytes(head[:3], "little")
    if head[3] != 0 or not size:
        raise talk.other("MySQL", head)
    return talk.exactly(size)
