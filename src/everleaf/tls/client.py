"""Presenting a client's certificate, and finding out whether the server takes it."""

import ssl
import time
from contextlib import nullcontext
from typing import Any

from everleaf.core.approach import Pair
from everleaf.tls.symptoms import words

_CERTIFICATE_REQUEST = 13  # RFC 8446, section 4; RFC 5246, section 7.4
_SILENCE = 1.0  # seconds after which a server that says nothing has refused nothing
_HTTP = "http/1.1"
_HTTPS = 443


class PairError(OSError):
    """A client's certificate or key cannot be read, or the two are no pair."""


def armed(context: ssl.SSLContext, pair: Pair) -> ssl.SSLContext:
    """The same context, ready to present a client's certificate.

    Raises:
        PairError: the pair cannot be read; a key with a passphrase is never asked for it.
    """
    try:
        context.load_cert_chain(pair.certificate, pair.key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise PairError(
            f"the client's certificate {pair.certificate} or its key {pair.key} cannot be read, "
            "or they are no pair"
        ) from error
    return context


class Client:
    """One connection's client certificate.

    With TLS 1.3 the client's handshake is over before the server has judged its certificate: the
    alert comes with the first read. Some servers refuse only in HTTP, so where they offer that by
    ALPN a request is made.
    """

    def __init__(self, host: str, end: float) -> None:
        """Nothing is looked at yet.

        Args:
            host: for the request's Host header.
            end: of the look, on the monotonic clock.
        """
        self._host = host
        self._end = end
        self._asked = False

    def listening(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context, which tells whether the server asks for a certificate."""
        context.set_alpn_protocols([_HTTP])
        context._msg_callback = self._hear  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to see it
        return context

    def _hear(self, *message: Any) -> None:
        _connection, _direction, _version, _content, kind, _data = message
        if int(kind) == _CERTIFICATE_REQUEST:
            self._asked = True

    def refusal(self, channel: ssl.SSLSocket) -> str:
        """Why the server does not take it, after a handshake; empty: it does."""
        if not self._asked:
            return "the server asks for no client certificate"
        try:
            return self._answer(channel)
        except TimeoutError:
            return ""
        except OSError as error:
            return words(error)

    def _answer(self, channel: ssl.SSLSocket) -> str:
        from everleaf.tls.http_exchange import Site
        from everleaf.tls.http_refusals import refusal

        if channel.selected_alpn_protocol() != _HTTP:
            channel.settimeout(min(_SILENCE, max(0.1, self._end - time.monotonic())))
            channel.recv(1)
            return ""
        left = max(0.1, self._end - time.monotonic())
        return refusal(lambda: nullcontext(channel), Site(host=self._host, port=_HTTPS), left)
