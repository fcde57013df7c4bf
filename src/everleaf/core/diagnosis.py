"""What is asked about a TLS server, and what was found: values, ranked and put into words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from everleaf.core.approach import DIRECT, Approach, Pair
from everleaf.core.printable import printable
from everleaf.core.symptoms import Symptom, Weight
from everleaf.core.wanted import join_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        what: what is wrong and why, in this case's own particulars; a clause without a full stop,
            kept as it can be printed, since parts of it are a server's own words.
        where: the addresses at which it is so; empty: it is of no address.
        detail: particulars for programs; documented by the symptom's code.
    """

    symptom: Symptom
    what: str
    where: tuple[str, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", printable(self.what))

    @property
    def code(self) -> str:
        """The symptom's."""
        return self.symptom.code

    @property
    def is_fault(self) -> bool:
        """Whether somebody must act."""
        return self.symptom.weight is Weight.FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Roots (DER) that somebody trusts: `system`, `mozilla`, or a bundle's path."""

    name: str
    roots: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should be served.

    Attributes:
        name: in place of the host, the name that the certificate must be for; empty: the host.
        chain: DER, leaf first; empty: whatever is good.
        source: the file or version that it is from, for people.
        installed_at: when that came there.
    """

    name: str = ""
    chain: tuple[bytes, ...] = ()
    source: str = ""
    installed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One server to look at.

    Attributes:
        host: DNS name or address; the server name that is sent, where it is a name.
        addresses: looked at in place of what the name resolves to.
        stores: that which clients trust, the decisive one first.
        client: presented where the server asks for one.
        timeout: seconds for one connection.
        brief: only what explains a failed confirmation: no HTTP, no other protocol versions, no
            revocation lists.
    """

    host: str
    port: int = 443
    addresses: tuple[str, ...] = ()
    approach: Approach = DIRECT
    client: Pair | None = None
    expected: Expected = field(default_factory=Expected)
    stores: tuple[Store, ...] = ()
    timeout: float = 5.0
    brief: bool = False

    @property
    def place(self) -> str:
        """Host and port as written in a URL."""
        return join_port(self.host, self.port)

    @property
    def name(self) -> str:
        """The name that the certificate must be for."""
        return self.expected.name or self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that was found, what is told first at its head; use `ranked`.

    Attributes:
        place: `host:port`.
        findings: ranked.
        facts: what was seen, for programs: JSON values, of a server by address.
    """

    place: str
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that make it unhealthy."""
        return tuple(one for one in self.findings if one.is_fault)

    @property
    def is_healthy(self) -> bool:
        """Whether nobody must act."""
        return not self.faults

    @property
    def sentence(self) -> str:
        """What is wrong, why, and what to check first, with how much more there is."""
        faults = self.faults
        if not faults:
            return f"{self.place} is healthy"
        first = faults[0]
        others = tuple(dict.fromkeys(one.code for one in faults[1:]))
        also = f" (and {len(others)} more: {', '.join(others)})" if others else ""
        where = f" at {', '.join(self.apart(first))}" if self.apart(first) else ""
        return f"{self.place}{where}: {first.what}. {first.symptom.check}{also}"

    def apart(self, one: Finding) -> tuple[str, ...]:
        """Where a finding is so; empty: everywhere that was looked at."""
        return () if set(one.where) >= set(self.facts) else one.where


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same in the order in which they are told; one that is found at several places is one."""
    merged: dict[tuple[str, str], Finding] = {}
    for one in findings:
        known = merged.get((one.code, one.what))
        merged[one.code, one.what] = one if known is None else _at_both(known, one.where)
    return tuple(sorted(merged.values(), key=lambda one: one.symptom.rank))


def _at_both(one: Finding, more: Sequence[str]) -> Finding:
    where = tuple(dict.fromkeys((*one.where, *more)))
    return Finding(symptom=one.symptom, what=one.what, where=where, detail=one.detail)
