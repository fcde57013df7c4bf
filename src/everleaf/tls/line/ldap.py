"""StartTLS of LDAP: RFC 4511, section 4.14."""

from everleaf.core.symptoms.connection import STARTTLS_NOT_OFFERED, STARTTLS_REFUSED
from everleaf.tls.line.ber import Element, elements, encoded, length
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_SEQUENCE, _INTEGER, _ENUMERATED = 0x30, 0x02, 0x0A
_REQUEST, _NAME, _RESPONSE = 0x77, 0x80, 0x78  # extended: [APPLICATION 23], [0], [APPLICATION 24]
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_OURS = Element(_INTEGER, b"\x01")
_LONG = 0x80
_SUCCESS, _PROTOCOL_ERROR, _PARTS, _MOST = 0, 2, 3, 4


def speak(talk: Talk, _server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    request = encoded(_REQUEST, encoded(_NAME, _START_TLS))
    talk.say(encoded(_SEQUENCE, encoded(_OURS.tag, _OURS.content) + request))
    message = _message(talk)
    try:
        number, response = elements(message)[:2]
        result = elements(response.content)
    except ValueError as error:
        raise talk.other("LDAP", message) from error
    if response.tag != _RESPONSE or len(result) < _PARTS or result[0].tag != _ENUMERATED:
        raise talk.other("LDAP", message)
    _judge(number, result)


def _judge(number: Element, result: list[Element]) -> None:
    code = int.from_bytes(result[0].content[:_MOST], "big")
    words = f"result {code}, {shown(result[2].content)}"
    if number != _OURS:
        raise LineError(f"the server disconnects: {words}", STARTTLS_REFUSED)
    if code == _PROTOCOL_ERROR:
        raise LineError(f"the server does not know StartTLS: {words}", STARTTLS_NOT_OFFERED)
    if code != _SUCCESS:
        raise LineError(f"the server refuses StartTLS: {words}", STARTTLS_REFUSED)


def _message(talk: Talk) -> bytes:
    """The content of one LDAPMessage."""
    head = talk.exactly(2)
    if head[0] != _SEQUENCE:
        raise talk.other("LDAP", head)
    if head[1] > _LONG:
        head += talk.exactly(head[1] - _LONG)
    try:
        size, _ = length(head[1:])
    except ValueError as error:
        raise talk.other("LDAP", head) from error
    return talk.exactly(size)
