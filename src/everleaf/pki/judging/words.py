"""How findings name certificates and times."""

from datetime import datetime, timedelta

from cryptography import x509

from everleaf.pki.judging.links import is_self_signed


def called(one: x509.Certificate, leaf: x509.Certificate) -> str:
    """How a sentence names it."""
    if one == leaf:
        return "the leaf"
    kind = "root" if is_self_signed(one) else "intermediate"
    return f"the {kind} {one.subject.rfc4514_string()!r}"


def iso(at: datetime) -> str:
    """A time for programs."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(at: datetime) -> str:
    """A time for people."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def apart(span: timedelta) -> str:
    """A duration in its largest sensible unit."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} seconds"
