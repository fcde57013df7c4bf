"""Where a validation by DNS looks, and what it wants to see there."""

import base64
import hashlib

from everleaf.core.identifiers import Identifier

DNS = "dns-01"
ACCOUNT = "dns-account-01"
PERSIST = "dns-persist-01"

_CHALLENGE = "_acme-challenge"
_PERSIST = "_validation-persist"
_HASHED = 10  # bytes of the account URL's hash
_LONGEST_STRING = 255


def base_name(identifier: Identifier) -> str:
    """The name itself; of a wildcard that below which it stands (RFC 8555, section 7.1.4)."""
    return identifier.value.removeprefix("*.")


def owner(kind: str, identifier: Identifier, account: str = "") -> str:
    """The owner name of the TXT record, absolute.

    Args:
        kind: `dns-01` (RFC 8555, section 8.4), `dns-account-01`
            (draft-ietf-acme-dns-account-label) or `dns-persist-01`
            (draft-ietf-acme-dns-persist, section 4).
        identifier: a DNS name.
        account: the account's URL, of which the label of `dns-account-01` is made.
    """
    name = base_name(identifier)
    if kind == PERSIST:
        return f"{_PERSIST}.{name}."
    if kind == ACCOUNT:
        return f"{account_label(account)}.{_CHALLENGE}.{name}."
    return f"{_CHALLENGE}.{name}."


def account_label(account: str) -> str:
    """The label by which several accounts do not meet (draft-ietf-acme-dns-account-label)."""
    hashed = hashlib.sha256(account.encode("utf-8")).digest()[:_HASHED]
    return f"_{base64.b32encode(hashed).decode('ascii').lower()}"


def value(key_authorization: str) -> str:
    """What the record says: the hash of the key authorization (RFC 8555, section 8.4)."""
    hashed = hashlib.sha256(key_authorization.encode("utf-8")).digest()
    return base64.urlsafe_b64encode(hashed).decode("ascii").rstrip("=")


def line(owner_name: str, text: str, ttl: int = 3600) -> str:
    """A TXT record as a zone file has it, in strings of 255 bytes (RFC 1035, section 5.1)."""
    escaped = [
        text[start : start + _LONGEST_STRING].replace("\\", "\\\\").replace('"', '\\"')
        for start in range(0, len(text), _LONGEST_STRING)
    ]
    return " ".join([f"{owner_name} {ttl} IN TXT", *(f'"{part}"' for part in escaped)])
