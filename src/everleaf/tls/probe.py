"""One fresh look at a TLS server: the chain as sent, trusted by nobody."""

import errno
import ipaddress
import socket
import ssl
import time
from functools import cached_property
from typing import Any

from everleaf.ports import Ask, Seen
from everleaf.tls.client import Client
from everleaf.tls.symptoms import words

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class TlsProbe:
    """`ports.Probe`: never verifies, never resumes, so that everything that is sent is seen."""

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return _new_context()

    def look(self, ask: Ask, timeout: float) -> Seen:
        """One fresh connection; `timeout` seconds for all of it."""
        end = time.monotonic() + timeout
        present, address = ask.present, ask.address
        name = None if _is_address(ask.server_name) else ask.server_name.rstrip(".")
        try:
            client = Client(present, name or address, end) if present is not None else None
            context = client.context(_new_context()) if client else self._context
            with socket.create_connection((address, ask.port), timeout=timeout) as line:
                line.settimeout(max(0.1, end - time.monotonic()))
                with context.wrap_socket(
                    line, server_hostname=name, do_handshake_on_connect=False
                ) as channel:
                    return self._shake(channel, client)
        except OSError as error:
            return Seen(words=words(error), no_route=error.errno in _NO_ROUTE)

    @staticmethod
    def _shake(channel: ssl.SSLSocket, client: Client | None) -> Seen:
        try:
            channel.do_handshake()
        except OSError as error:
            # A server may ask for a client certificate, and refuse, after it has sent its own.
            chain = _chain(channel)
            return Seen(chain=chain, words=words(error) if client or not chain else "")
        chain = _chain(channel)
        if client is None:
            return Seen(chain=chain, words="" if chain else "it sends no certificate")
        refused = client.refusal(channel)
        return Seen(chain=chain, words=refused, taken=not refused)


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Old servers shall be seen too: what they serve is the question, not how.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.options |= ssl.OP_NO_TICKET
    return context


def _chain(channel: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The certificates as sent, DER; public from Python 3.13 on."""
    public: Any = getattr(channel, "get_unverified_chain", None)
    if public is not None:
        return tuple(public() or ())
    private: Any = channel._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    found = private.get_unverified_chain() if private is not None else None
    return tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found or ())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
