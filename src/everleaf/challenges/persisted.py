"""Standing records of dns-persist-01: their text, and whether those that are there suffice.

draft-ietf-acme-dns-persist-01, sections 4.1 and 4.2, over the issue-value of RFC 8659, section 4.2.
Later drafts hash the account's URL; no authority does so yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_WHITE = " \t"
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_WILDCARD = "wildcard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a record is to allow. Empty `issuers` or `account`: not known, and not judged."""

    issuers: tuple[str, ...] = ()
    account: str = ""
    wildcard: bool = False

    def text(self) -> str:
        """The record that allows it, by the authority's first name."""
        parts = [self.issuers[0] if self.issuers else "ISSUER"]
        parts.append(f"accounturi={self.account or 'ACCOUNT-URL'}")
        return "; ".join([*parts, "policy=wildcard"] if self.wildcard else parts)


class MalformedError(ValueError):
    """A record is no issue-value; the message says where."""


def parameters(record: str) -> dict[str, str]:
    """The parameters of an issue-value, by their tags in lower case.

    Raises:
        MalformedError: an authority would not read it.
    """
    found: dict[str, str] = {}
    for part in (one.strip(_WHITE) for one in record.split(";")[1:]):
        tag, equals, text = (each.strip(_WHITE) for each in part.partition("="))
        if not part:
            raise MalformedError("it has an empty parameter, or a semicolon at its end")
        if not equals or not tag:
            raise MalformedError(f"the parameter {part!r} is not written tag=value")
        if tag.lower() in found:
            raise MalformedError(f"it has the parameter {tag!r} twice")
        if not _VALUE.fullmatch(text):
            raise MalformedError(f"the value of {tag!r} has characters that are not allowed")
        found[tag.lower()] = text
    until = found.get("persistuntil")
    if until is not None and not _INTEGER.fullmatch(until):
        raise MalformedError(f"persistUntil={until} is no number of seconds since 1970")
    return found


def complaints(records: Sequence[str], asked: Asked, now: datetime) -> tuple[str, ...]:
    """Why none of these records allows what is asked, a line each; none: one of them does.

    Records that name another authority are left alone: they are for others.
    """
    known = {_normal(one) for one in asked.issuers}
    found = []
    for record in records:
        issuer = record.partition(";")[0].strip(_WHITE)
        if known and _normal(issuer) not in known:
            continue
        why = _why(record, issuer, asked, now)
        if not why:
            return ()
        found.append(f'"{record}": {why}; it should be "{asked.text()}"')
    if found:
        return tuple(found)
    there = f"none of the {len(records)} records there names" if records else "no record names"
    return (f'{there} {" or ".join(asked.issuers) or "an authority"}: set "{asked.text()}"',)


def _why(record: str, issuer: str, asked: Asked, now: datetime) -> str:
    try:
        found = parameters(record)
    except MalformedError as error:
        return str(error)
    if issuer != _normal(issuer):
        return f"the authority's name is to be written {_normal(issuer)}"
    account = found.get("accounturi", "")
    if not account:
        return "it has no accounturi"
    if asked.account and account != asked.account:
        return f"it allows the account {account}, and ours is {asked.account}"
    if asked.wildcard and found.get("policy", "").lower() != _WILDCARD:
        return "it does not allow wildcards"
    until = found.get("persistuntil")
    if until is not None and now.timestamp() > int(until):
        return f"it ended at {_written(int(until))}"
    return ""


def _normal(name: str) -> str:
    return name.lower().rstrip(".")


def _written(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return str(seconds)
