"""One fresh look at a TLS server: the chain as sent, trusted by nobody."""

import ssl
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from everleaf.core.approach import Pair
from everleaf.ports import Ask, Seen
from everleaf.tls.client import Client, PairError, armed
from everleaf.tls.line import opened
from everleaf.tls.names import sent_name
from everleaf.tls.symptoms import NO_ROUTE, told


class TlsProbe:
    """`ports.Probe`: never verifies, never resumes, so that everything that is sent is seen."""

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return _new_context()

    def look(self, ask: Ask, timeout: float) -> Seen:
        """One fresh connection; `timeout` seconds for all of it."""
        end = time.monotonic() + timeout
        try:
            if ask.approach.http3:
                from everleaf.tls.quic import look

                return look(ask, end)
            if ask.key_kind:
                return _of_one_kind(ask, end)
            return self._look(ask, end)
        except PairError as error:
            return Seen(words=str(error))
        except OSError as error:
            one = told(error)
            return Seen(words=one.words, code=one.code, no_route=error.errno in NO_ROUTE)

    def _look(self, ask: Ask, end: float) -> Seen:
        name = sent_name(ask.server_name)
        client = Client(name or ask.address, end) if ask.present is not None else None
        context = self._context
        if client is not None:
            context = client.listening(_new_context())
        if (pair := _presented(ask)) is not None:
            context = armed(context if client else _new_context(), pair)
        with (
            opened(ask, end) as line,
            context.wrap_socket(
                line, server_hostname=name, do_handshake_on_connect=False
            ) as channel,
        ):
            return _shaken(channel, client)


def _presented(ask: Ask) -> Pair | None:
    """The client's certificate, be it what is looked at or only needed for the look."""
    if ask.present is None:
        return ask.client
    folder = Path(ask.present)
    return Pair(certificate=folder / "fullchain.pem", key=folder / "privkey.pem")


def _shaken(channel: ssl.SSLSocket, client: Client | None) -> Seen:
    try:
        channel.do_handshake()
    except OSError as error:
        # A server may ask for a client certificate, and refuse, after it has sent its own.
        chain, one = _chain(channel), told(error)
        if chain and client is None:
            return Seen(chain=chain)
        return Seen(chain=chain, words=one.words, code=one.code)
    chain = _chain(channel)
    if client is None:
        return Seen(chain=chain, words="" if chain else "it sends no certificate")
    refused = client.refusal(channel)
    return Seen(chain=chain, words=refused, taken=not refused)


def _of_one_kind(ask: Ask, end: float) -> Seen:
    """Only certificates with one kind of key will do: the standard library cannot say so."""
    from everleaf.tls.handshake import KINDS, ClientPairError, shake

    kind = KINDS[ask.key_kind]
    with opened(ask, end) as line:
        try:
            found = shake(
                line,
                server_name=sent_name(ask.server_name),
                end=end,
                ciphers=kind.ciphers,
                sigalgs=kind.sigalgs,
                client=_presented(ask),
            )
        except ClientPairError as error:
            raise PairError(str(error)) from error
    if found.chain:
        return Seen(chain=found.chain)
    return Seen(words=found.words or "it sends no certificate", code=found.code)


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
