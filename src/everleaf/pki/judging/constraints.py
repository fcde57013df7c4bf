"""Name constraints: RFC 5280, section 4.2.1.10."""

import ipaddress
from collections.abc import Iterator, Sequence

from cryptography import x509

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import NAME_NOT_PERMITTED
from everleaf.pki import rules
from everleaf.pki.certificates import alternatives
from everleaf.pki.judging.links import canonical
from everleaf.pki.judging.words import called

_JUDGED = (x509.DNSName, x509.IPAddress)


def findings(authority: x509.Certificate, below: Sequence[x509.Certificate]) -> Iterator[Finding]:
    """The names below that it does not permit, or excludes.

    Names of DNS, addresses and directory names are judged.

    Args:
        below: leaf first, down from the one that it issued.
    """
    known = rules.extension(authority, x509.NameConstraints)
    if known is None:
        return
    leaf = below[0]
    refused = [name for one in below for name in _names(one, leaf) if not _permits(known, name)]
    if refused:
        words = [str(_value(one)) for one in dict.fromkeys(refused)]
        yield Finding(
            symptom=NAME_NOT_PERMITTED,
            what=f"{called(authority, leaf)} may not issue for {', '.join(words)}: "
            "its name constraints forbid it",
            detail={"subject": authority.subject.rfc4514_string(), "names": words},
        )


def _names(one: x509.Certificate, leaf: x509.Certificate) -> Iterator[x509.GeneralName]:
    """All to which constraints apply; what issued itself in between is exempt."""
    if one != leaf and canonical(one.subject) == canonical(one.issuer):
        return
    yield from (name for name in alternatives(one) if isinstance(name, _JUDGED))
    if one.subject.rdns:
        yield x509.DirectoryName(one.subject)


def _permits(known: x509.NameConstraints, name: x509.GeneralName) -> bool:
    kind = type(name)
    permitted = [one for one in known.permitted_subtrees or () if type(one) is kind]
    excluded = [one for one in known.excluded_subtrees or () if type(one) is kind]
    if permitted and not any(_within(name, one) for one in permitted):
        return False
    return not any(_within(name, one) for one in excluded)


def _within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        return _below(name.value.lower(), tree.value.lower())
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        network = tree.value
        if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return False
        return name.value in network
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        wanted = canonical(tree.value)
        return canonical(name.value)[: len(wanted)] == wanted
    return False


def _below(name: str, tree: str) -> bool:
    """A leading dot, which RFC 5280 does not know, means: below it only."""
    if not tree or tree == name:
        return True
    return name.endswith(tree if tree.startswith(".") else f".{tree}")


def _value(name: x509.GeneralName) -> object:
    return name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else name.value
