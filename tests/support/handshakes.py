"""A TLS client as a validating authority is one, and what it is shown."""

import socket
import ssl
from dataclasses import dataclass

from support.loopback import Address

PROTOCOL = "acme-tls/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a handshake came to; `after` is what came over the connection until it was closed."""

    certificate: bytes
    protocol: str | None
    version: str | None
    after: bytes


def shake(
    address: Address,
    name: str | None,
    *protocols: str,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    data: bytes = b"",
) -> Shown:
    """Shake hands, trusting anybody, then send `data` and read to the end.

    Raises:
        OSError: nobody answers there, or the handshake failed (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with (
        socket.create_connection(address, timeout=10) as line,
        context.wrap_socket(line, server_hostname=name) as channel,
    ):
        if data:
            channel.sendall(data)
        return Shown(
            certificate=channel.getpeercert(binary_form=True) or b"",
            protocol=channel.selected_alpn_protocol(),
            version=channel.version(),
            after=channel.recv(4096),
        )
