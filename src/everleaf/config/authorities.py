"""Authorities that are known by name: their directories, and where one rehearses."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from everleaf.core.limits import Kind, Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One row.

    Attributes:
        staging: the name of the row at which a rehearsal takes place.
        roots: a file beside this module with the roots of a staging authority.
        limits: what is published for one account (orders, certificates for one set of names,
            failed validations of one name); limits that need a list of public suffixes are left
            to the authority's answer.
        binding: whether accounts are bound to an outside one (RFC 8555, section 7.3.4).
        public: whether browsers have to take what it issues.
        source: where this is published.
    """

    directory: str
    source: str
    staging: str | None = None
    roots: str | None = None
    limits: tuple[Limit, ...] = ()
    binding: bool = False
    public: bool = True


_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)

# https://letsencrypt.org/docs/rate-limits/
_LETSENCRYPT = (
    Limit(kind=Kind.ORDERS, count=300, span=3 * _HOUR),
    Limit(kind=Kind.CERTIFICATES, count=5, span=_WEEK),
    Limit(kind=Kind.FAILURES, count=5, span=_HOUR),
)
# https://letsencrypt.org/docs/staging-environment/
_STAGING = (
    Limit(kind=Kind.ORDERS, count=1500, span=3 * _HOUR),
    Limit(kind=Kind.FAILURES, count=60, span=_HOUR),
)

KNOWN: dict[str, Known] = {
    "letsencrypt": Known(
        directory="https://acme-v02.api.letsencrypt.org/directory",
        staging="letsencrypt-staging",
        limits=_LETSENCRYPT,
        source="https://letsencrypt.org/docs/acme-protocol-updates/",
    ),
    "letsencrypt-staging": Known(
        directory="https://acme-staging-v02.api.letsencrypt.org/directory",
        staging="letsencrypt-staging",
        roots="letsencrypt-staging.pem",
        limits=_STAGING,
        public=False,
        source="https://letsencrypt.org/docs/staging-environment/",
    ),
    "google": Known(
        directory="https://dv.acme-v02.api.pki.goog/directory",
        staging="google-staging",
        binding=True,
        source="https://cloud.google.com/certificate-manager/docs/public-ca-tutorial",
    ),
    "google-staging": Known(
        directory="https://dv.acme-v02.test-api.pki.goog/directory",
        staging="google-staging",
        binding=True,
        public=False,
        source="https://cloud.google.com/certificate-manager/docs/public-ca-tutorial",
    ),
    "zerossl": Known(
        directory="https://acme.zerossl.com/v2/DV90",
        binding=True,
        source="https://zerossl.com/documentation/acme/",
    ),
    "sslcom": Known(
        directory="https://acme.ssl.com/sslcom-dv-ecc",
        binding=True,
        source="https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/",
    ),
}


def roots_file(known: Known) -> Path | None:
    """The path of the roots that come with a staging authority."""
    if known.roots is None:
        return None
    return Path(str(files("everleaf.config"))) / "roots" / known.roots
