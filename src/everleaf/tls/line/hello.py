"""Whether a server answers a hello of TLS with TLS, whatever it answers."""

import socket
import ssl
from contextlib import suppress

from everleaf.tls.line.talk import LONGEST, Deadline, is_tls
from everleaf.tls.names import sent_name


def answers_in_tls(line: socket.socket, server_name: str, deadline: Deadline) -> bool:
    """Say hello on a connection that is used for nothing else.

    Raises:
        OSError: the connection failed, or the time is over.
    """
    line.settimeout(deadline.left())
    line.sendall(_hello(sent_name(server_name)))
    return is_tls(line.recv(LONGEST))


def _hello(name: str | None) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    said = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name).do_handshake()
    return said.read()
