"""Authorities that are known by name: their directories, and where one rehearses."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One row.

    Attributes:
        staging: the name of the row at which a rehearsal takes place.
        roots: a file beside this module with the roots of a staging authority.
        binding: whether accounts are bound to an outside one (RFC 8555, section 7.3.4).
        source: where this is published.
    """

    directory: str
    source: str
    staging: str | None = None
    roots: str | None = None
    binding: bool = False


KNOWN: dict[str, Known] = {
    "letsencrypt": Known(
        directory="https://acme-v02.api.letsencrypt.org/directory",
        staging="letsencrypt-staging",
        source="https://letsencrypt.org/docs/acme-protocol-updates/",
    ),
    "letsencrypt-staging": Known(
        directory="https://acme-staging-v02.api.letsencrypt.org/directory",
        staging="letsencrypt-staging",
        roots="letsencrypt-staging.pem",
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
