"""Whether a certificate is for a name: RFC 9525, section 6, as OpenSSL does it."""

import ipaddress
import re
from collections.abc import Iterator, Sequence

from cryptography import x509

from everleaf.core.diagnosis import Finding
from everleaf.core.identifiers import is_address
from everleaf.core.symptoms.names import HOSTNAME_MISMATCH, NO_SUBJECT_ALTERNATIVE_NAME
from everleaf.pki.certificates import alternatives

_PLAIN = re.compile(r"[a-z0-9-]+")
_FEWEST_BELOW_STAR = 2
_SHOWN = 5


def findings(leaf: x509.Certificate, name: str) -> Iterator[Finding]:
    """What speaks against its names.

    Args:
        name: the one that it must be for, DNS name (U-labels, capitals and a final dot allowed)
            or address; empty: that is not judged.
    """
    dns, addresses = names_of(leaf)
    common = _common(leaf)
    wanted = normal(name)
    if not dns and not addresses:
        only = f", only the common name {common!r}" if common else ""
        yield Finding(
            symptom=NO_SUBJECT_ALTERNATIVE_NAME,
            what=f"the certificate holds no DNS name and no address{only}",
            detail={"common_name": common},
        )
        dns = (common.lower(),) if common else ()
    if not wanted or is_for(wanted, dns, addresses):
        return
    names, why = [*dns, *addresses], _why(wanted, dns, addresses)
    yield Finding(
        symptom=HOSTNAME_MISMATCH,
        what=f"the certificate is for {_listed(names)} and not for {wanted}{why}",
        detail={"wanted": wanted, "names": names, "close": bool(why)},
    )


def names_of(leaf: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names, lower case, and addresses of the subject alternative name."""
    names = alternatives(leaf)
    dns = tuple(one.lower() for one in names.get_values_for_type(x509.DNSName))
    addresses = tuple(str(one) for one in names.get_values_for_type(x509.IPAddress))
    return dns, addresses


def normal(name: str) -> str:
    """A name as it is compared: A-labels in lower case without a final dot, or a short address.

    What is neither is left as it is, and matches only itself.
    """
    bare = name.strip()
    try:
        return str(ipaddress.ip_address(bare.strip("[]").partition("%")[0]))
    except ValueError:
        bare = bare.removesuffix(".").lower()
    if bare.isascii():
        return bare
    import idna

    try:
        return idna.encode(bare, uts46=True).decode("ascii")
    except idna.IDNAError:
        return bare


def is_for(wanted: str, dns: Sequence[str], addresses: Sequence[str]) -> bool:
    """Whether one of the names is the wanted one, or a wildcard that stands for it.

    Args:
        wanted: in its normal form.
    """
    if is_address(wanted):
        return wanted in addresses
    return any(matches(one, wanted) for one in dns)


def matches(pattern: str, wanted: str) -> bool:
    """Whether a DNS name of a certificate stands for a DNS name; both in lower case.

    A star is the whole leftmost label, stands for one label, and has two labels or more below.
    OpenSSL lets it stand for letters, digits and hyphens alone, and knows no wildcard below a
    label with an underscore.
    """
    if pattern == wanted:
        return True
    star, _, below = pattern.partition(".")
    label, _, rest = wanted.partition(".")
    if star != "*" or below != rest or below.count(".") + 1 < _FEWEST_BELOW_STAR:
        return False
    return all(_PLAIN.fullmatch(one) for one in (label, *below.split(".")))


def _common(leaf: x509.Certificate) -> str:
    found = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no name at all"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _why(wanted: str, dns: Sequence[str], addresses: Sequence[str]) -> str:
    """Where it is close: why it does not match all the same."""
    if is_address(wanted):
        if wanted in dns:
            return ": the address is there as a DNS name, where clients do not look for it"
        return "" if addresses else ": it holds no address"
    for star in (one for one in dns if one.startswith("*.")):
        below = star[2:]
        if wanted == below:
            return f": {star} does not stand for {below} itself"
        label = wanted.removesuffix(f".{below}")
        if label == wanted:
            continue
        if "." in label:
            return f": {star} stands for one label only"
        if "_" in wanted:
            return f": in many clients {star} stands for no name with an underscore"
    if f"www.{wanted}" in dns or wanted.removeprefix("www.") in dns:
        return ": with and without www are two names"
    return ""
