"""What is wanted of one certificate: the value that the configuration produces."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from everleaf.core.approach import DIRECT, Approach, Pair
from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.quiet import QuietHours


class KeyType(StrEnum):
    """The kinds of certificate key that we make."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


class CopyKind(StrEnum):
    """The two kinds of copy that can change as one."""

    COMBINED = "combined"
    DIRECTORY = "directory"


class Usage(StrEnum):
    """What a certificate is for: RFC 5280, section 4.2.1.12."""

    SERVER = "server"
    CLIENT = "client"


class Preflight(StrEnum):
    """What becomes of an order for which a look beforehand foretells a failed validation."""

    OFF = "off"
    WARN = "warn"
    STOP = "stop"


class Unconfirmed(StrEnum):
    """What becomes of a version that could not be confirmed within its grace."""

    KEEP = "keep"
    ROLL_BACK = "rollback"
    IF_WORSE = "rollback-if-worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferredChain:
    """Which of several chains is taken (RFC 8555, section 7.4.2).

    Attributes:
        issuer: common name of the topmost issuer; or the SHA-256 of the root, hexadecimal.
        required: where no chain matches, none is installed; else the default one is.
    """

    issuer: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One place that must be seen serving the certificate, or taking it from a client.

    Attributes:
        host: DNS name or address, sent as server name where it is a name.
        addresses: looked at instead of what the name resolves to; empty: resolve.
        command: prints the addresses, one a line, in place of that.
        resolver: name servers that are asked for the addresses; empty: those of [settings].
        approach: how it is reached.
        client: presented to a server that demands a certificate of its clients.
        terminator: the one that serves it; empty: any of the certificate's.
        optional: seen and shown, but never failing.
        present: the certificate is a client's, and is presented there.
    """

    host: str
    port: int = 443
    addresses: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    resolver: tuple[str, ...] = ()
    approach: Approach = DIRECT
    client: Pair | None = None
    terminator: str = ""
    optional: bool = False
    present: bool = False

    def __str__(self) -> str:
        """Host and port as written in a URL, and how it is reached where that is special."""
        place, way = join_port(self.host, self.port), str(self.approach)
        return f"{place} ({way})" if way else place

    @property
    def key(self) -> str:
        """What tells it from all others, those with the same host and port included.

        Of one of which no more is said than that, and how it is reached, the same as `str`.
        """
        said = (self.addresses, self.command, self.resolver, self.client)
        more = (*said, self.terminator, self.present)
        if not any(more):
            return str(self)
        return f"{self} {hashlib.sha256(repr(more).encode()).hexdigest()[:12]}"


def join_port(host: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy outside the state directory: one combined file, or a directory of versions."""

    path: Path
    kind: CopyKind
    owner: str = ""
    group: str = ""
    mode: int = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewBefore:
    """A threshold: a share of the lifetime, or a time before its end."""

    share: float | None = None
    span: timedelta | None = None


EMERGENCY = RenewBefore(share=1 / 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One certificate as it should be.

    Attributes:
        authorities: in order of preference; the first that can be had is ordered at.
        solvers: in order of preference, for each identifier the first that can validate it.
        usages: what it is for.
        profile: of the authority's; empty: its default.
        reuse_key: the predecessor's key is used again where its kind still fits.
        csr: the operator's own request, DER; the private key is then not ours.
        preferred_chain: None: the authority's default.
        preflight: what becomes of an order that is likely to fail.
        rehearse: a passed rehearsal is the condition of a first order.
        canary: the terminator that is reloaded, and confirmed, before the others; empty: none.
        quiet: no terminator is reloaded then, except in danger.
        on_unconfirmed: what becomes of a version whose edges were not seen serving it.
        pins: SHA-256 of keys (SubjectPublicKeyInfo); a chain with none of them is warned of.
        endpoints: empty: not confirmed, by choice.
        confirm_every: how old an observation may grow; zero: look at every run.
        grace: how long after a reload an edge may still serve the old certificate.
        renew_before: the operator's own fallback threshold.
        emergency: from here on it is renewed whatever the authority suggests.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    authorities: tuple[str, ...]
    solvers: tuple[str, ...]
    key_type: KeyType = KeyType.ECDSA_P256
    usages: tuple[Usage, ...] = (Usage.SERVER,)
    profile: str = ""
    reuse_key: bool = False
    csr: bytes | None = field(default=None, repr=False)
    preferred_chain: PreferredChain | None = None
    preflight: Preflight = Preflight.WARN
    rehearse: bool = False
    terminators: tuple[str, ...] = ()
    canary: str = ""
    quiet: QuietHours | None = None
    on_unconfirmed: Unconfirmed = Unconfirmed.KEEP
    pins: frozenset[str] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()
    copies: tuple[Copy, ...] = ()
    group: str = ""
    keep_versions: int = 3
    grace: timedelta = timedelta(seconds=30)
    confirm_every: timedelta = timedelta(hours=6)
    renew_before: RenewBefore | None = None
    emergency: RenewBefore = EMERGENCY

    @property
    def ask(self) -> str:
        """Fingerprint of all that makes another certificate necessary when it changes.

        Of what was not said there is no line, so that a new setting changes no fingerprint.
        """
        lines = [key_of(self.identifiers)]
        if self.csr is None:
            lines.append(self.key_type)
        else:
            lines.append(f"csr {hashlib.sha256(self.csr).hexdigest()}")
        if self.usages != (Usage.SERVER,):
            lines.append(f"usages {' '.join(self.usages)}")
        if self.profile:
            lines.append(f"profile {self.profile}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]

    @property
    def deployment(self) -> str:
        """Fingerprint of how it is deployed: a remembered rejection ends when this changes."""
        text = repr((self.terminators, self.copies, self.group))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def confirmation(self) -> str:
        """Fingerprint of how it is deployed, looked at and judged: a withdrawal ends with it."""
        looks = [(one.key, one.optional) for one in self.endpoints]
        text = repr((self.deployment, looks, self.on_unconfirmed.value, self.grace))
        return hashlib.sha256(text.encode()).hexdigest()[:32]
