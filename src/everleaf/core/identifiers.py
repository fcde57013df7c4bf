"""Identifiers: the DNS names and IP addresses that a certificate is for."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from everleaf.errors import OperatorError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_NAME = 253


class Kind(StrEnum):
    """The identifier types of ACME: RFC 8555, section 9.7.7, and RFC 8738."""

    DNS = "dns"
    IP = "ip"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One identifier in the form that goes on the wire: A-labels, or an address in short form."""

    kind: Kind
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every name one label below."""
        return self.value.startswith("*.")

    def __str__(self) -> str:
        """The bare name or address."""
        return self.value


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse(text: str) -> Identifier:
    """Read a name or an address as people write it: U-labels, capitals and a final dot allowed.

    Raises:
        OperatorError: it is neither a DNS name (RFC 1123, IDNA 2008) nor an IP address.
    """
    bare = text.strip()
    try:
        return Identifier(Kind.IP, str(ipaddress.ip_address(bare.strip("[]"))))
    except ValueError:
        return Identifier(Kind.DNS, _a_labels(bare, text))


def _a_labels(bare: str, text: str) -> str:
    name = bare.removesuffix(".")
    star = "*." if name.startswith("*.") else ""
    name = name.removeprefix("*.")
    if not name.isascii():
        name = _encode(name, text)
    name = name.lower()
    labels = name.split(".")
    if len(labels) < 2:  # noqa: PLR2004 - a public name has a label below its top level
        raise _refuse(text, "a name has at least two labels", "write it in full, as in example.org")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _refuse(
                text,
                f"the label {label!r} is not letters, digits and inner hyphens, 1 to 63 of them",
                "a wildcard is written *.example.org",
            )
    if labels[-1].isdigit():
        raise _refuse(text, "it ends in a number", "an address has four numbers or eight groups")
    if len(star + name) > _LONGEST_NAME:
        raise _refuse(text, f"it is longer than {_LONGEST_NAME} characters", "shorten it")
    return star + name


def _encode(name: str, text: str) -> str:
    import idna

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise _refuse(text, str(error), "write it as IDNA 2008 allows, or as A-labels") from None


def _refuse(text: str, why: str, remedy: str) -> OperatorError:
    return OperatorError(
        f"{text!r} is neither a DNS name nor an IP address: {why}",
        code="bad-identifier",
        remedy=remedy,
    )


def key_of(identifiers: Iterable[Identifier]) -> str:
    """A short stable key of a set of identifiers, whatever their order: 32 hexadecimal digits.

    Failures are counted for it (RFC 9773, section 4.2).
    """
    return _key(tuple(identifiers))


@lru_cache(4096)
def _key(identifiers: tuple[Identifier, ...]) -> str:
    text = "\n".join(f"{one.kind}:{one.value}" for one in sorted(set(identifiers)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
