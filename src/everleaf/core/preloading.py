"""What the list of preloaded HSTS hosts demands, one by one: hstspreload.org."""

from dataclasses import dataclass
from enum import StrEnum

from everleaf.core.hsts import YEAR, Policy, age


class Met(StrEnum):
    """Whether a demand is met."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether it is so, and why, as a clause."""

    met: Met
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One demand. `code` is stable, for programs; `what` is the demand itself, as a noun."""

    code: str
    what: str
    judged: Judged

    @property
    def met(self) -> Met:
        """Whether it is met."""
        return self.judged.met


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What other parts of a look have found.

    Attributes:
        certificate: is it good for the host, and trusted?
        redirect: from HTTP on port 80 to HTTPS on the same host.
        www: does the `www` below the host speak HTTPS, where it resolves?
        further: does each redirect over HTTPS carry the header?
    """

    certificate: Judged
    redirect: Judged
    www: Judged
    further: Judged


def demands(host: str, policy: Policy | None, looks: Looks) -> tuple[Demand, ...]:
    """Every demand, in the order in which hstspreload.org has them.

    Args:
        host: a DNS name.
        policy: of the header that counts; None: there is none.
        looks: what was found beside the header.
    """
    rows = (
        ("certificate", "a valid certificate", looks.certificate),
        ("redirect", "a redirect from HTTP to HTTPS on the same host", looks.redirect),
        ("www", "HTTPS on the www subdomain", looks.www),
        ("all-subdomains", "HTTPS on all subdomains", _SUBDOMAINS),
        ("base-domain", "the header on the base domain", _base(host)),
        ("max-age", "a max-age of one year or more", _max_age(policy)),
        ("include-subdomains", "the directive includeSubDomains", _directive(policy, "sub")),
        ("preload", "the directive preload", _directive(policy, "preload")),
        ("further-redirects", "the header on each redirect over HTTPS", looks.further),
    )
    return tuple(Demand(code=code, what=what, judged=judged) for code, what, judged in rows)


_SUBDOMAINS = Judged(
    Met.UNKNOWN, "the names below a host cannot be listed from outside, and are not looked at"
)
_ABOVE = 2  # labels of a name whose parent is surely no host: example.org
_ABSENT = Judged(Met.NO, "there is no header that counts")


def _base(host: str) -> Judged:
    labels = host.rstrip(".").split(".")
    if len(labels) <= _ABOVE:
        return Judged(Met.YES, f"{host} has nothing above it but a suffix")
    return Judged(
        Met.UNKNOWN,
        f"the base domain is the one that was registered, and whether {host} is it is not known "
        "here: no list of public suffixes is consulted",
    )


def _max_age(policy: Policy | None) -> Judged:
    if policy is None:
        return _ABSENT
    met = Met.YES if policy.max_age >= YEAR else Met.NO
    return Judged(met, f"it is {policy.max_age} ({age(policy.max_age)})")


def _directive(policy: Policy | None, which: str) -> Judged:
    if policy is None:
        return _ABSENT
    there = policy.preload if which == "preload" else policy.include_subdomains
    return Judged(Met.YES, "it is there") if there else Judged(Met.NO, "it is not there")
