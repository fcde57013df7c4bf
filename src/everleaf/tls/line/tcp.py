"""A connection over TCP."""

import socket

from everleaf.tls.line.talk import Deadline


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """To the first of the host's addresses that takes it; one, where the host is an address.

    Raises:
        OSError: none does, with the reason of the last one; or the name does not resolve.
    """
    failed: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        try:
            line = socket.socket(family, kind, protocol)
        except OSError as error:
            failed = error
            continue
        try:
            line.settimeout(deadline.left())
            line.connect(address)
        except OSError as error:
            line.close()
            failed = error
        else:
            return line
    raise failed
