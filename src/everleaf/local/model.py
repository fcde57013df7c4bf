"""What a server's configuration comes to: certificate files, back ends, and where each is named."""

from dataclasses import dataclass, field

from everleaf.core.diagnosis import Finding
from everleaf.core.wanted import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A certificate that the configuration names.

    Attributes:
        certificate: absolute path of the file.
        key: that of its key; None: the key is in the same file.
        sibling: where the key is, if it is not in the same file; empty: nowhere else.
        has_key: whether there is a key in a file at all.
        chain: of a file with further certificates; empty: none.
        place: `FILE:LINE` that names it.
        usage: towards clients, or towards a back end.
        completed: the server adds intermediates from elsewhere.
    """

    certificate: str
    key: str | None
    place: str
    sibling: str = ""
    has_key: bool = True
    chain: str = ""
    usage: Usage = Usage.SERVER
    completed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A server behind this one that is spoken to by TLS.

    Attributes:
        to: as the configuration has it.
        sends: the server name that is sent, as the configuration has it; empty: none.
        verified: whether its chain is checked.
        checks: whether its name is.
        stores: absolute paths of the trust store's files and folders.
        by_client: it is asked for by the client's own name for the host.
    """

    to: str
    place: str
    sends: str
    verified: bool
    checks: bool
    stores: tuple[str, ...] = ()
    by_client: bool = False


@dataclass(frozen=True, slots=True)
class Authorities:
    """A file or folder of authorities, or of what they revoked, by which clients are judged."""

    path: str
    place: str


@dataclass(slots=True, kw_only=True)
class Configured:
    """All of one server.

    Attributes:
        sockets: of haproxy's runtime API.
        unseen: what is named by variables, or not as a file: `FILE:LINE: what`.
        findings: of the configuration's own files.
    """

    uses: list[Use] = field(default_factory=list)
    backends: list[Backend] = field(default_factory=list)
    authorities: list[Authorities] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
