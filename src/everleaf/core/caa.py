"""Whether CAA records let an authority issue: RFC 8659, and RFC 8657 for account and method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

CRITICAL = 128
_KNOWN = ("issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaaRecord:
    """One record as it stands in the zone; `tag` in lower case."""

    flags: int
    tag: str
    value: str

    def __str__(self) -> str:
        """As a zone file has it."""
        return f'CAA {self.flags} {self.tag} "{self.value}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Caa:
    """The relevant record set (RFC 8659, section 3), and the name at which it stands.

    `records` is empty where there is none from the name up to the top: everybody may issue.
    """

    at: str = ""
    records: tuple[CaaRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """The value of an `issue` or `issuewild` property (RFC 8659, section 4.2)."""

    domain: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def refusal(
    caa: Caa,
    *,
    identities: Sequence[str],
    wildcard: bool,
    account: str,
    methods: Sequence[str],
) -> str:
    """Why these records forbid issuance, naming the record; empty: they do not.

    Args:
        caa: the relevant record set.
        identities: the names by which the authority may be allowed; none known: it is not judged.
        wildcard: for a wildcard, whose own property takes precedence (RFC 8659, section 4.3).
        account: our account's URL, which `accounturi` must equal (RFC 8657, section 3).
        methods: the kinds of challenge that can be answered (RFC 8657, section 4).
    """
    for one in caa.records:
        if one.flags & CRITICAL and one.tag not in _KNOWN:
            return f"{caa.at} has {one}, which is critical and which nobody knows"
    if not identities:
        return ""
    wild = [one for one in caa.records if one.tag == "issuewild"] if wildcard else []
    asked = wild or [one for one in caa.records if one.tag == "issue"]
    if not asked:
        return ""
    known = {one.lower().rstrip(".") for one in identities}
    complaints = []
    for record in asked:
        issue = parse(record.value)
        if issue is None or issue.domain not in known:
            complaints.append(f"{record} allows {issue.domain or 'nobody'}" if issue else
                              f"{record} cannot be understood")  # fmt: skip
            continue
        why = _restriction(issue, account, methods)
        if not why:
            return ""
        complaints.append(f"{record} {why}")
    return f"{caa.at}: {'; '.join(complaints)}; the authority is {' or '.join(sorted(known))}"


def binds_account(caa: Caa) -> bool:
    """Whether a record allows one account only: another one, as in a rehearsal, is refused."""
    issues = (parse(one.value) for one in caa.records if one.tag in ("issue", "issuewild"))
    return any(one is not None and "accounturi" in one.parameters for one in issues)


def _restriction(issue: Issue, account: str, methods: Sequence[str]) -> str:
    bound = issue.parameters.get("accounturi")
    if bound is not None and account and bound != account:
        return f"allows the account {bound} only, and ours is {account}"
    allowed = issue.parameters.get("validationmethods")
    if allowed is not None and not set(allowed.split(",")) & set(methods):
        return f"allows validation by {allowed} only, and the solver answers {', '.join(methods)}"
    return ""


def parse(value: str) -> Issue | None:
    """Read an issue value; None where it is malformed, which allows nobody (section 4.2)."""
    domain, *rest = (part.strip(" \t") for part in value.split(";"))
    parameters: dict[str, str] = {}
    if rest and not rest[-1]:
        rest.pop()
    for part in rest:
        tag, equals, text = part.partition("=")
        if not equals:
            return None
        parameters[tag.strip(" \t").lower()] = text.strip(" \t")
    return Issue(domain=domain.lower().rstrip("."), parameters=parameters)
