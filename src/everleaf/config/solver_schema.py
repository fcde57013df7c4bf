"""The solvers' tables: one model for each kind, told apart by `type`."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from everleaf.config.forms import Duration, Port, SecretTable, Table, Variable

_ANSWERS = "Which it answers, in order of preference; dns-01."
Ttl = Annotated[int, Field(ge=0, le=86400)]
Dns = Literal["dns-01", "dns-account-01"]
Any = Literal["dns-01", "dns-account-01", "http-01"]


def _dns() -> list[Dns]:
    return ["dns-01"]


def _any() -> list[Any]:
    return ["dns-01"]


DnsChallenges = Annotated[list[Dns], Field(min_length=1, description=_ANSWERS)]
AnyChallenges = Annotated[list[Any], Field(min_length=1, description=_ANSWERS)]
_TYPE = "The kind of solver."
_LISTEN = "Addresses with ports."
_PORT = "Where authorities look; another one than the usual for a test authority alone."
_NAMESERVERS = "Asked for the record; all that are authoritative for the zone."
_ZONE = "The zone; found by its SOA record where nothing is said."
_TTL = "Of the record, in seconds."
_TIMEOUT = "How long until all name servers show a record."


class HttpTable(Table):
    """http-01 by a listener of our own."""

    type: Literal["http-01"] = Field(description=_TYPE)
    listen: list[str] | None = Field(default=None, description=_LISTEN)
    public_port: Port = Field(default=80, description=_PORT)


class WebrootTable(Table):
    """http-01 through a web server's document root."""

    type: Literal["webroot"] = Field(description=_TYPE)
    path: str = Field(description='The document root, as in path = "/var/www/html".')
    public_port: Port = Field(default=80, description=_PORT)


class AlpnTable(Table):
    """tls-alpn-01 by a listener of our own."""

    type: Literal["tls-alpn-01"] = Field(description=_TYPE)
    listen: list[str] | None = Field(default=None, description=_LISTEN)
    public_port: Port = Field(default=443, description=_PORT)


class Rfc2136Table(Table):
    """DNS challenges by dynamic updates (RFC 2136), signed with TSIG."""

    type: Literal["rfc2136"] = Field(description=_TYPE)
    key: SecretTable = Field(description="Where the TSIG key stands, as tsig-keygen writes it.")
    server: str | None = Field(
        default=None, description="Takes updates; the zone's primary (SOA) where nothing is said."
    )
    zone: str | None = Field(default=None, description=_ZONE)
    ttl: Ttl = Field(default=60, description=_TTL)
    challenges: DnsChallenges = Field(default_factory=_dns)
    nameservers: list[str] = Field(default_factory=list, description=_NAMESERVERS)
    timeout: Duration = Field(default="2m", description=_TIMEOUT)


class ExecTable(Table):
    """Challenges answered by a program of your own."""

    type: Literal["exec"] = Field(description=_TYPE)
    hook: str = Field(description="An executable, called with present and cleanup.")
    cleanup: str | None = Field(
        default=None, description="Another executable for cleanup, as certbot has it."
    )
    challenges: AnyChallenges = Field(default_factory=_any)
    propagation: bool = Field(
        default=True, description="Wait until all name servers show what the program wrote."
    )
    nameservers: list[str] = Field(default_factory=list, description=_NAMESERVERS)
    hook_timeout: Duration = Field(default="2m", description="After which the program is ended.")
    settings: dict[Variable, str | int | bool] = Field(
        default_factory=dict, description="The program's own, as EVERLEAF_SET_…."
    )
    environment: dict[Variable, str] = Field(
        default_factory=dict, description="Handed to the program as it is, nothing secret."
    )
    secrets: dict[Variable, SecretTable] = Field(
        default_factory=dict, description="More of its environment, read for each call."
    )
    timeout: Duration = Field(default="2m", description=_TIMEOUT)


class LexiconTable(Table):
    """DNS challenges through a provider that dns-lexicon knows."""

    type: Literal["lexicon"] = Field(description=_TYPE)
    provider: str = Field(description="As dns-lexicon calls it.")
    options: dict[str, str | int | bool] = Field(
        default_factory=dict, description="The provider's own, nothing secret."
    )
    secrets: dict[str, SecretTable] = Field(
        default_factory=dict, description="The provider's options that are secret."
    )
    zone: str | None = Field(default=None, description=_ZONE)
    ttl: Ttl | None = Field(default=None, description=_TTL)
    call_timeout: Duration = Field(default="1m", description="For each call of the provider.")
    challenges: DnsChallenges = Field(default_factory=_dns)
    nameservers: list[str] = Field(default_factory=list, description=_NAMESERVERS)
    timeout: Duration = Field(default="2m", description=_TIMEOUT)


class PersistTable(Table):
    """dns-persist-01: a record that is set once, by hand."""

    type: Literal["dns-persist-01"] = Field(description=_TYPE)
    nameservers: list[str] = Field(default_factory=list, description=_NAMESERVERS)


AnySolver: TypeAlias = (
    HttpTable | WebrootTable | AlpnTable | Rfc2136Table | ExecTable | LexiconTable | PersistTable
)
SolverTable = Annotated[AnySolver, Field(discriminator="type")]

MODELS: Mapping[str, type[AnySolver]] = {
    "http-01": HttpTable,
    "webroot": WebrootTable,
    "tls-alpn-01": AlpnTable,
    "rfc2136": Rfc2136Table,
    "exec": ExecTable,
    "lexicon": LexiconTable,
    "dns-persist-01": PersistTable,
}


def answers(table: AnySolver) -> tuple[str, ...]:
    """The kinds of challenge that a solver answers, the preferred one first."""
    match table:
        case Rfc2136Table() | ExecTable() | LexiconTable():
            return tuple(table.challenges)
        case WebrootTable():
            return ("http-01",)
        case _:
            return (table.type,)
