"""Which kind of challenge may validate which identifier."""

from everleaf.core.identifiers import Identifier, Kind

OF_DNS = ("dns-01", "dns-account-01", "dns-persist-01")
# Their records name the account, so that another one, as in a rehearsal, cannot use them.
BIND_ACCOUNT = ("dns-account-01", "dns-persist-01")


def can(challenge: str, identifier: Identifier, *, wildcard: bool = False) -> bool:
    """Whether this kind of challenge may validate it.

    Wildcards by DNS alone (RFC 8555, section 8.4; RFC 8737 and 8738 leave them out), addresses
    never by DNS (RFC 8738, section 7).
    """
    if identifier.kind is Kind.IP:
        return challenge not in OF_DNS
    return challenge in OF_DNS or not (wildcard or identifier.is_wildcard)
