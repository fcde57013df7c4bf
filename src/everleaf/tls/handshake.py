"""One handshake that never verifies and never resumes, so that everything that is sent is seen."""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ssl import TLSVersion
from typing import TYPE_CHECKING, Any

from everleaf.core.approach import Pair
from everleaf.core.symptoms import clients, connection
from everleaf.tls.channel import Channel, Ear, ShakeError
from everleaf.tls.symptoms import BY_ALERT, Told, told

if TYPE_CHECKING:
    from OpenSSL import SSL

OLD_TOO = "DEFAULT@SECLEVEL=0"  # old servers shall be seen as well
WHATEVER = "ALL:COMPLEMENTOFALL:!aNULL:@SECLEVEL=0"
_HEARD = 1024
_SPECIAL, _ESCAPED = re.compile(r'([,+"\\<>;])'), r"\\\1"
_HANDSHAKE_FAILURE = 40
_ABOUT_CLIENTS = frozenset({42, 43, 44, 45, 46, 48, 49, 51, 116})
_RECORDS = frozenset({20, 21, 22, 23})  # RFC 8446, section 5.1


@dataclass(frozen=True, slots=True)
class Kind:
    """What is offered where only certificates with one kind of key will do for us."""

    ciphers: str
    sigalgs: str


# The schemes of PKCS #1 are for signatures in certificates only, in TLS 1.3 (RFC 8446, 4.2.3).
KINDS = {
    "ecdsa": Kind(
        ciphers="aECDSA:@SECLEVEL=0",
        sigalgs="ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:ed448"
        ":rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512",
    ),
    "rsa": Kind(
        ciphers="aRSA:@SECLEVEL=0",
        sigalgs="rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512"
        ":rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512"
        ":rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512:rsa_pkcs1_sha1",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shake:
    """What one handshake showed, whether it ended well or not.

    Attributes:
        chain: the certificates as sent, DER.
        version: as `TLSv1.3`; empty where it was not settled.
        staple: the stapled OCSP answer.
        asked: the server asked for a client's certificate.
        authorities: names (RFC 4514) of those whose client certificates it says it takes.
        code: of the symptom that kept the handshake from ending; empty: it ended well.
        words: what happened then.
        alert: the fatal alert that the server sent; None: none.
        heard: the first bytes that came, whatever they were.
        channel: for bytes afterwards.
    """

    chain: tuple[bytes, ...] = field(default=(), repr=False)
    version: str = ""
    cipher: str = ""
    alpn: str = ""
    staple: bytes = field(default=b"", repr=False)
    asked: bool = False
    authorities: tuple[str, ...] = ()
    code: str = ""
    words: str = ""
    alert: int | None = None
    heard: bytes = field(default=b"", repr=False)
    channel: Channel | None = field(default=None, repr=False)

    @property
    def ended_well(self) -> bool:
        """Whether there is a channel."""
        return not self.code

    @property
    def is_tls(self) -> bool:
        """Whether what was heard begins as a record of TLS."""
        return self.heard[:1] != b"" and self.heard[0] in _RECORDS


def shake(
    sock: socket.socket,
    *,
    server_name: str | None,
    end: float,
    minimum: TLSVersion | None = None,
    maximum: TLSVersion | None = None,
    ciphers: str | None = None,
    sigalgs: str | None = None,
    client: Pair | None = None,
    alpn: Sequence[str] = (),
) -> Shake:
    """Shake hands over a connected socket. Never raises for what a server does.

    Args:
        sock: ready for the first byte of TLS; stays the caller's.
        server_name: sent as SNI; None: none is sent.
        end: on the monotonic clock.
        minimum: version of TLS; None: 1.0.
        maximum: None: the newest.
        ciphers: OpenSSL's list, for versions before 1.3; None: the usual ones, old servers' too.
        sigalgs: OpenSSL's list of signature algorithms; None: the usual ones.
        client: presented where the server asks for one.
        alpn: protocols that are offered (RFC 7301).

    Raises:
        ClientPairError: the client's pair cannot be read.
    """
    from OpenSSL import SSL

    ear = Ear()
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_min_proto_version(minimum or TLSVersion.TLSv1)
    context.set_max_proto_version(maximum or 0)
    context.set_cipher_list((ciphers or OLD_TOO).encode("ascii"))
    context.set_info_callback(ear.hear)
    context.set_ocsp_client_callback(ear.take_staple)
    if sigalgs:
        lib, raw = SSL._lib, context._context  # type: ignore[attr-defined]  # noqa: SLF001 - has no public way
        if lib.SSL_CTX_set1_sigalgs_list(raw, sigalgs.encode("ascii")) != 1:
            lib.ERR_clear_error()  # else a later call would be blamed for it
    if alpn:
        context.set_alpn_protos([one.encode("ascii") for one in alpn])
    if client:
        _present(context, client)
    line = SSL.Connection(context, None)
    line.set_connect_state()
    line.request_ocsp()
    if server_name is not None:
        line.set_tlsext_host_name(server_name.encode("ascii", "replace"))
    channel = Channel(line, ear, sock, end)
    failed = None
    try:
        channel.run(line.do_handshake)
    except OSError as error:
        failed = _meaning(error, ear, channel.heard, presented=client is not None)
    return _shown(line, ear, channel, failed)


class ClientPairError(ValueError):
    """A client's certificate or key cannot be read, or the two are no pair."""


def _present(context: "SSL.Context", client: Pair) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from OpenSSL import SSL

    try:
        context.use_certificate_chain_file(client.certificate)
        # OpenSSL would ask the terminal for a passphrase.
        key: Any = load_pem_private_key(client.key.read_bytes(), password=None)
        context.use_privatekey(key)
        context.check_privatekey()
    except (SSL.Error, OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ClientPairError(
            f"{client.certificate} and {client.key} cannot be read, or are no pair"
        ) from error


def _meaning(error: OSError, ear: Ear, heard: bytes, *, presented: bool) -> Told:
    if isinstance(error, ShakeError) and ear.alert is not None:
        return alerted(ear.alert, asked=ear.asked, presented=presented)
    if heard and heard[0] not in _RECORDS:
        return Told(connection.OTHER_PROTOCOL.code, "what answers there is no TLS")
    if isinstance(error, TimeoutError):
        words = "begins to answer, and does not go on" if heard else "says nothing"
        return Told(connection.SILENT.code, f"the server takes the connection, and {words}")
    if ear.asked:
        # Some say nothing, and hang up.
        refused = alerted(_HANDSHAKE_FAILURE, asked=True, presented=presented)
        return Told(refused.code, f"{refused.words}: {told(error).words}")
    if heard and not isinstance(error, ConnectionError):
        return Told(connection.HANDSHAKE_FAILED.code, told(error).words)
    return told(error)


def alerted(alert: int, *, asked: bool, presented: bool) -> Told:
    """What a fatal alert means, by whether a client's certificate was asked for, and presented."""
    unknown = Told(connection.HANDSHAKE_FAILED.code, f"the server sent the TLS alert {alert}")
    one = BY_ALERT.get(alert, unknown)
    if alert in _ABOUT_CLIENTS | {_HANDSHAKE_FAILURE} and asked and not presented:
        return BY_ALERT[116]
    if alert in _ABOUT_CLIENTS and not asked:
        return Told(connection.HANDSHAKE_FAILED.code, one.words)
    if alert == _HANDSHAKE_FAILURE and asked:
        words = "the server refused the handshake when it had seen the client's certificate"
        return Told(clients.CLIENT_REFUSED.code, words)
    if alert == _HANDSHAKE_FAILURE:
        return Told(one.code, "the server refused the handshake before it began")
    return one


def _shown(line: "SSL.Connection", ear: Ear, channel: Channel, failed: Told | None) -> Shake:
    from OpenSSL import crypto

    sent = line.get_peer_cert_chain() or []
    cipher = line.get_cipher_name() or ""
    return Shake(
        chain=tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in sent),
        version=line.get_protocol_version_name() if cipher else "",
        cipher=cipher,
        alpn=line.get_alpn_proto_negotiated().decode("ascii", "replace"),
        staple=ear.staple,
        asked=ear.asked,
        authorities=_authorities(line),
        code=failed.code if failed else "",
        words=failed.words if failed else "",
        alert=ear.alert,
        heard=channel.heard[:_HEARD],
        channel=None if failed else channel,
    )


def _authorities(line: "SSL.Connection") -> tuple[str, ...]:
    """Those whose client certificates the server says it takes, as RFC 4514 writes names."""
    try:
        names = line.get_client_ca_list(as_cryptography=True)
    except TypeError:  # before pyOpenSSL 26.3
        return tuple(_written(one.get_components()) for one in line.get_client_ca_list())
    except ValueError:
        return ()
    return tuple(one.rfc4514_string() for one in names)


def _written(parts: Sequence[tuple[bytes, bytes]]) -> str:
    return ",".join(
        f"{kind.decode('ascii')}={_SPECIAL.sub(_ESCAPED, value.decode('utf-8', 'replace'))}"
        for kind, value in reversed(parts)
    )
