"""Building a path from a leaf to a trusted root, with words for what is in the way."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import verification

_MOMENT = timedelta(seconds=1)


def untrusted(
    ordered: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
    *,
    others_found: bool,
    server: bool = True,
) -> list[str]:
    """Why the chain does not lead to a trusted root; empty: it does.

    `cryptography` has one exception with a text that tells neither an expired leaf from an
    unknown root nor a missing intermediate from either. So the links are followed here first, and
    its verifier has the last word only where nothing else was found (`others_found`), because
    otherwise it would say the same again in worse words. A chain may go on above a certificate
    that a trusted root signed too (cross-signing), so an anchor is looked for at each of them.
    """
    anchors = [root for root in roots if any(root == one or issued(root, one) for one in ordered)]
    if not anchors:
        return [_no_anchor(ordered[-1], roots)]
    valid = [one for one in anchors if one.not_valid_after_utc > now]
    if not valid:
        name = anchors[0].subject.rfc4514_string()
        return [f"the root {name!r} expired at {anchors[0].not_valid_after_utc:%Y-%m-%d %H:%M:%S}Z"]
    return [] if others_found else _refused(ordered, valid, now, server=server)


def _no_anchor(last: x509.Certificate, roots: Sequence[x509.Certificate]) -> str:
    issuer = last.issuer.rfc4514_string()
    if last.subject == last.issuer:
        return f"it is signed by itself, {issuer!r}, which is none of the trusted roots"
    if any(one.subject == last.issuer for one in roots):
        return f"a trusted root is named {issuer!r}, but another key of that name signed the chain"
    return (
        f"the chain ends below {issuer!r}, which is none of the {len(roots)} trusted roots: "
        "that root is not trusted here, or an intermediate is missing"
    )


def issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether the one signed the other, by name and by signature."""
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _refused(
    ordered: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    now: datetime,
    *,
    server: bool,
) -> list[str]:
    subject = _subject(ordered[0])
    if subject is None:
        return ["it holds no name for which it could be verified"]
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store(list(anchors)))
        .time(_moment(ordered, now))
        .extension_policies(
            ca_policy=_authorities(),
            ee_policy=verification.ExtensionPolicy.webpki_defaults_ee(),
        )
    )
    try:
        # The one demands server authentication of the leaf, the other client authentication.
        if server:
            policy.build_server_verifier(subject).verify(ordered[0], list(ordered[1:]))
        else:
            policy.build_client_verifier().verify(ordered[0], list(ordered[1:]))
    except (verification.VerificationError, ValueError) as error:
        return [f"no path to a trusted root is valid: {error}"]
    return []


def _authorities() -> verification.ExtensionPolicy:
    """The usual policy, but a root need not have a key usage.

    Home-made roots often have none (`openssl req -x509` writes none), and TLS clients accept
    them; where there is one, it must allow signing certificates.
    """
    return verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.KeyUsage, verification.Criticality.AGNOSTIC, _may_sign
    )


def _may_sign(
    _policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        name = certificate.subject.rfc4514_string()
        raise ValueError(f"the key usage of {name!r} does not allow signing certificates")


def _subject(leaf: x509.Certificate) -> x509.DNSName | x509.IPAddress | None:
    """A name of the leaf that the verifier takes: it raises for `*.`, so a host below stands in.

    Whether the names are those asked for is another rule's question.
    """
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    for address in names.get_values_for_type(x509.IPAddress):
        return x509.IPAddress(address)
    for name in names.get_values_for_type(x509.DNSName):
        if "_" not in name:
            return x509.DNSName("host" + name[1:] if name.startswith("*.") else name)
    return None


def _moment(ordered: Sequence[x509.Certificate], now: datetime) -> datetime:
    """Now, moved over a small difference of clocks that the rule for dates has let pass."""
    return max([now, *(one.not_valid_before_utc + _MOMENT for one in ordered)])
