"""The document's form: pydantic models, also the source of the JSON Schema."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from everleaf.config.forms import Duration, Name, Names, Port, Rate, SecretTable, Table, Variable
from everleaf.config.solver_schema import SolverTable
from everleaf.config.values import host_port


class SettingsTable(Table):
    """What concerns all certificates."""

    state_dir: str = Field(
        default="/var/lib/everleaf",
        description="Keys, versions and state; a local, absolute folder.",
    )
    resolver: list[str] = Field(
        default_factory=list, description="Name servers for endpoints: IP addresses, with ports."
    )
    jobs: int = Field(default=4, ge=1, le=64, description="Certificates side by side.")
    deadline: Duration = Field(default="30m", description="A run ends after this long.")
    batch_wait: Duration = Field(
        default="30s",
        description="How long a finished certificate waits for others to be deployed with.",
    )
    wake_interval: Duration | None = Field(
        default=None,
        description="How often run is started; from the systemd timer where nothing is said.",
    )
    max_clock_skew: Duration = Field(
        default="10m", description="No decision is made on a clock that is off by more."
    )


class AlertTable(Table):
    """Who is told when a certificate starts failing, is well again, or nears its end."""

    command: list[str] = Field(
        default_factory=list, description="Program and arguments; gets JSON on standard input."
    )
    days: list[Annotated[int, Field(ge=1, le=3650)]] = Field(
        default_factory=lambda: [14, 7, 3, 1], description="Marks before the end, in days."
    )


class LimitsTable(Table):
    """What one account may do; nothing said: no such limit."""

    orders: Rate | None = Field(default=None, description="New orders of the account.")
    certificates: Rate | None = Field(
        default=None, description="Certificates for exactly the same names."
    )
    failures: Rate | None = Field(
        default=None, description="Failed validations of one name or address."
    )


class BindingTable(Table):
    """The outside account to which an ACME account is bound (RFC 8555, section 7.3.4)."""

    kid: Annotated[str, Field(min_length=1)] = Field(
        description="The key identifier that the authority gave you."
    )
    hmac_key: SecretTable = Field(description="Where its HMAC key stands, base64url.")


class AuthorityTable(Table):
    """One ACME server."""

    directory: str | None = Field(
        default=None, description="The directory's URL; known for a shorthand."
    )
    contact: list[str] = Field(default_factory=list, description='As in "mailto:ops@example.org".')
    terms_of_service_agreed: bool = Field(
        default=False, description="Whether you agree to the authority's terms of service."
    )
    ca_file: str | None = Field(default=None, description="Trust for the directory's own TLS, PEM.")
    trust_file: str | None = Field(default=None, description="Roots of issued chains, PEM.")
    staging: str | None = Field(default=None, description="The authority that --dry-run uses.")
    limits: LimitsTable | None = Field(
        default=None, description="What it publishes; known for Let's Encrypt."
    )
    external_account: BindingTable | None = Field(
        default=None, description="The outside account that the authority asks for."
    )
    proxy: str | None = Field(
        default=None, description='"http://host:port", or "" for none; else the environment\'s.'
    )


class TerminatorTable(Table):
    """One server that is reloaded."""

    hook: str = Field(description="The name of a shipped hook, or the path of an executable.")
    timeout: Duration = Field(default="60s", description="After which it is ended.")
    per_certificate: bool = Field(
        default=False, description="Call it once for each certificate, as certbot does."
    )
    settings: dict[Variable, str | int | bool] = Field(
        default_factory=dict, description="The hook's own, as EVERLEAF_SET_…."
    )


class VantageTable(Table):
    """One place from which endpoints are looked at, where that is not this machine."""

    url: str = Field(
        description='"socks5://HOST:PORT", "http://HOST:PORT" or "ssh://HOST", USER@ before a host.'
    )
    password: SecretTable | None = Field(
        default=None, description="Where the password of the proxy's user stands."
    )
    identity: str | None = Field(default=None, description="For ssh: the file of its private key.")


class EndpointTable(Table):
    """One place that must be seen serving the certificate."""

    host: str = Field(description="A DNS name or an address.")
    port: Port = Field(default=443, description="A TCP port; of UDP with http3.")
    addresses: list[str] = Field(
        default_factory=list, description="Looked at instead of what the name resolves to."
    )
    addresses_command: list[str] = Field(
        default_factory=list,
        description="Program and arguments; prints the addresses, one a line.",
    )
    resolver: list[str] = Field(
        default_factory=list,
        description="Name servers for this endpoint; those of [settings] where nothing is said.",
    )
    starttls: Literal["smtp", "imap", "pop3", "ftp", "ldap", "xmpp", "postgres", "mysql"] | None = (
        Field(default=None, description="The protocol that turns to TLS on this port.")
    )
    proxy_protocol: Literal[1, 2] | None = Field(
        default=None, description="A PROXY header of this version is sent first."
    )
    via: str | None = Field(
        default=None, description="From where it is looked at: a vantage's name, or its URL."
    )
    http3: bool = Field(default=False, description="Looked at over QUIC, as HTTP/3 is.")
    client: str | None = Field(
        default=None, description="A certificate of this configuration, presented where demanded."
    )
    client_certificate: str | None = Field(
        default=None, description="The same as a file, PEM, with its chain."
    )
    client_key: str | None = Field(default=None, description="The file of its private key, PEM.")
    terminator: str | None = Field(default=None, description="The terminator that serves it.")
    optional: bool = Field(default=False, description="Looked at and shown, but never failing.")
    present: bool | None = Field(
        default=None, description="The certificate is a client's, and is presented there."
    )


def _endpoint(value: object) -> object:
    """A string stands for a table with host and port."""
    if not isinstance(value, str):
        return value
    host, port = host_port(value, 443)
    return {"host": host, "port": port}


_EITHER = BeforeValidator(_endpoint, json_schema_input_type=EndpointTable | str)


class CopyTable(Table):
    """A copy outside the state directory."""

    path: str = Field(description="A path; a relative one counts from the folder of its file.")
    kind: Literal["combined", "directory"] = Field(
        description="combined: one file; directory: a folder of versions with a live link."
    )
    owner: str = Field(default="", description="A user.")
    group: str = Field(default="", description="A group.")
    mode: str = Field(default="0600", description='Of files that hold a key: "0600" or "0640".')


class CertificateDefaults(Table):
    """What may be said once for all certificates."""

    authority: str | Names | None = Field(
        default=None,
        description="The authority, or several in order of preference; needless for the only one.",
    )
    solver: str | Names | None = Field(
        default=None,
        description="The solver, or several, the preferred one first; needless for the only one.",
    )
    terminators: list[str] | None = Field(default=None, description="Who is reloaded.")
    key_type: Literal["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"] | None = (
        Field(default=None, description="The kind of key; ecdsa-p256 where nothing is said.")
    )
    reuse_key: bool | None = Field(
        default=None, description="Use the key again at renewal; a fresh one where nothing is said."
    )
    usages: Annotated[list[Literal["server", "client"]], Field(min_length=1)] | None = Field(
        default=None, description="What it is for; server where nothing is said."
    )
    profile: str | None = Field(default=None, description="A profile that the authority offers.")
    preferred_chain: str | None = Field(
        default=None, description="Common name of the topmost issuer, or SHA-256 of the root."
    )
    preferred_chain_required: bool | None = Field(
        default=None, description="Install none where no chain matches; else the default one."
    )
    canary: str | None = Field(
        default=None, description="The terminator that is reloaded and confirmed before the others."
    )
    quiet_hours: str | None = Field(
        default=None,
        description='No terminator is reloaded then: "09:00-17:00", a time zone may follow.',
    )
    on_unconfirmed: Literal["keep", "rollback", "rollback-if-worse"] | None = Field(
        default=None, description="What becomes of a version that could not be confirmed; keep."
    )
    pins: list[str] | None = Field(
        default=None, description="SHA-256 of keys; a chain with none of them is warned of."
    )
    preflight: Literal["off", "warn", "stop"] | None = Field(
        default=None, description="What a look before an order does that foretells a failure; warn."
    )
    rehearse_first: bool | None = Field(
        default=None, description="A first order of what is wanted needs a passed --dry-run."
    )
    copies: list[CopyTable] | None = Field(
        default=None, description="Copies outside the state directory."
    )
    group: str | None = Field(default=None, description="A group that may read the keys.")
    keep_versions: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="How many versions are kept; 3."
    )
    grace: Duration | None = Field(
        default=None, description="How long after a reload an edge may serve the old one; 30s."
    )
    confirm_every: Duration | None = Field(default=None, description="How old a look may grow; 6h.")
    renew_before: str | None = Field(
        default=None, description='The fallback threshold: "30d" or "33%"; a third of the lifetime.'
    )
    emergency: str | None = Field(
        default=None, description='From here on nothing holds renewal back: "2d" or "5%"; 5%.'
    )


class CertificateTable(CertificateDefaults):
    """One certificate."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["names"]}, {"required": ["csr"]}]}
    )

    names: Annotated[list[str], Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="DNS names and IP addresses; those of the request, if there is one.",
    )
    csr: str | None = Field(
        default=None, description="A request of your own, PEM or DER: the key stays with you."
    )
    endpoints: list[Annotated[EndpointTable, _EITHER]] | None = Field(
        default=None,
        description="Where it must be seen; every name on port 443 where nothing is said.",
    )


class IncludedDocument(Table):
    """An included file: certificates, and nothing else."""

    certificates: dict[Name, CertificateTable] = Field(default_factory=dict)


class Document(Table):
    """The main file."""

    include: list[str] = Field(
        default_factory=list, description="Files with certificates, as patterns."
    )
    settings: SettingsTable = Field(default_factory=SettingsTable)
    alert: AlertTable = Field(default_factory=AlertTable)
    authorities: dict[Name, AuthorityTable] = Field(default_factory=dict)
    solvers: dict[Name, SolverTable] = Field(default_factory=dict)
    terminators: dict[Name, TerminatorTable] = Field(default_factory=dict)
    vantages: dict[Name, VantageTable] = Field(default_factory=dict)
    defaults: CertificateDefaults = Field(default_factory=CertificateDefaults)
    certificates: dict[Name, CertificateTable] = Field(default_factory=dict)
