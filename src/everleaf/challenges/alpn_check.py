"""Whether a validation certificate is served where authorities look: RFC 8737, section 3."""

import socket
import ssl

from everleaf.challenges.outlook import Outlook, Sight, missed, words
from everleaf.challenges.tls_exchange import PROTOCOL


def look(name: str, address: str, outlook: Outlook, expected: bytes) -> Sight:
    """Shake hands for `name` as an authority does, and compare the certificate (PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([PROTOCOL])
    try:
        line = socket.create_connection((address, outlook.port), timeout=outlook.limit)
    except OSError as error:
        return missed(error)
    with line:
        try:
            with context.wrap_socket(line, server_hostname=name) as channel:
                return _judge(channel, expected)
        except TimeoutError as error:
            return missed(error)
        except OSError as error:
            return Sight(words=words(error), answered=True)


def _judge(channel: ssl.SSLSocket, expected: bytes) -> Sight:
    if channel.selected_alpn_protocol() != PROTOCOL:
        return Sight(words=f"the server there does not speak {PROTOCOL}", answered=True)
    if channel.getpeercert(binary_form=True) != ssl.PEM_cert_to_DER_cert(expected.decode("ascii")):
        return Sight(words="another certificate than the one presented", answered=True)
    return Sight()
