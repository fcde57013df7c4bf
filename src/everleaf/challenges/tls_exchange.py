"""A TLS handshake for "acme-tls/1" and nothing else: RFC 8737, section 4."""

import os
import socket
import ssl
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE

from everleaf.challenges import hello
from everleaf.errors import MachineError

PROTOCOL = "acme-tls/1"

Contexts = Callable[[str], ssl.SSLContext | None]

_CHUNK = 4096
_UNRECOGNIZED_NAME = 112  # RFC 6066, section 3
_NO_APPLICATION_PROTOCOL = 120  # RFC 7301, section 3.2


class TlsExchange:
    """`responder.Exchange`: a handshake, after which no data is exchanged.

    What the client asks for is looked at before any certificate is chosen: whoever does not offer
    the protocol, or names what nobody asked for, gets an alert.
    """

    def __init__(self, connection: socket.socket, contexts: Contexts) -> None:
        """Nothing is read yet.

        Args:
            connection: which does not block.
            contexts: the context for a server name, None where it is not known.
        """
        self._connection = connection
        self._contexts = contexts
        self._head = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._channel: ssl.SSLObject | None = None
        self._sending = b""
        self._over = False

    def attend(self) -> int:
        """Read, shake hands, send, and wait for the other side to close."""
        if self._sending:
            self._sending = self._sending[self._connection.send(self._sending) :]
        else:
            chunk = self._connection.recv(_CHUNK)
            if not chunk:
                return 0
            if self._over:
                return EVENT_READ
            self._hear(chunk)
        if self._sending:
            return EVENT_WRITE
        if self._over:
            self._connection.shutdown(socket.SHUT_WR)
        return EVENT_READ

    def _hear(self, chunk: bytes) -> None:
        if self._channel is None:
            self._head += chunk
            self._channel = self._begin()
            chunk = self._head
        if self._channel is not None:
            self._incoming.write(chunk)
            self._shake(self._channel)
            self._sending += self._outgoing.read()

    def _begin(self) -> ssl.SSLObject | None:
        try:
            asked = hello.read(self._head)
        except ValueError as error:
            raise ConnectionAbortedError(str(error)) from None
        if asked is None:
            return None
        context = self._contexts(asked.server_name)
        if PROTOCOL.encode("ascii") not in asked.protocols:
            self._refuse(_NO_APPLICATION_PROTOCOL)
        elif context is None:
            self._refuse(_UNRECOGNIZED_NAME)
        else:
            return context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        return None

    def _refuse(self, alert: int) -> None:
        """A fatal alert, in the clear: RFC 8446, section 6.2."""
        self._sending = bytes((21, 3, 3, 0, 2, 2, alert))
        self._over = True

    def _shake(self, channel: ssl.SSLObject) -> None:
        try:
            channel.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:  # its alert is among what is to be sent
            self._over = True
            return
        self._over = True
        try:
            channel.unwrap()
        except ssl.SSLError:  # the client's own farewell is not waited for
            return


def context_for(certificate: bytes, key: bytes) -> ssl.SSLContext:
    """What serves this certificate with its key, both PEM, for this protocol alone.

    OpenSSL reads files: these stand in memory, and are gone when this returns.

    Raises:
        MachineError: the system has no such files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols([PROTOCOL])
    try:
        with os.fdopen(os.memfd_create("validation"), "wb") as file:
            file.write(certificate + key)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    except OSError as error:
        raise MachineError(
            f"a validation certificate cannot be loaded: {error}", code="no-memory-file"
        ) from error
    return context
