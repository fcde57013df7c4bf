"""Trusted roots from files: the system's bundle, Mozilla's, or one that somebody names."""

import base64
import binascii
import os
import re
import ssl
from pathlib import Path

from everleaf.core.diagnosis import Store
from everleaf.errors import OperatorError

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
_BLOCK = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.*?)-----END (?:TRUSTED )?CERTIFICATE-----",
    re.DOTALL,
)


def system_roots() -> tuple[bytes, ...]:
    """The system's roots, DER: of `SSL_CERT_FILE`, else OpenSSL's bundle, else the usual places.

    Raises:
        OperatorError: there is none, or it cannot be read.
    """
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        return roots_of(Path(named))
    usual = ssl.get_default_verify_paths().openssl_cafile
    for path in map(Path, (usual, *_BUNDLES)):
        if path.is_file():
            return roots_of(path)
    raise OperatorError(
        "this machine has no bundle of trusted roots",
        code="no-roots",
        remedy="Install ca-certificates, or name a trust_file for the authority",
    )


def mozilla_roots() -> tuple[bytes, ...]:
    """Mozilla's roots as certifi ships them, DER.

    Raises:
        OperatorError: the file of the package cannot be read.
    """
    import certifi

    return roots_of(Path(certifi.where()))


def stores(bundle: Path | None = None) -> tuple[Store, ...]:
    """What clients trust, the decisive one first: the bundle; else the system's and Mozilla's.

    Where the machine has no roots of its own, Mozilla's decide.

    Raises:
        OperatorError: a file cannot be read, or holds no root.
    """
    if bundle is not None:
        return (Store(name=str(bundle), roots=roots_of(bundle)),)
    mozilla = Store(name="mozilla", roots=mozilla_roots())
    try:
        return (Store(name="system", roots=system_roots()), mozilla)
    except OperatorError:
        if os.environ.get("SSL_CERT_FILE"):
            raise
        return (mozilla,)


def roots_of(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER.

    Raises:
        OperatorError: it cannot be read, or holds none.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"the trusted roots cannot be read: {error.strerror}",
            code="no-roots",
            where=str(path),
            remedy="Name another file, or correct its permissions",
        ) from error
    try:
        roots = tuple(base64.b64decode(block) for block in _BLOCK.findall(text))
    except binascii.Error as error:
        raise OperatorError(
            f"the trusted roots are no PEM: {error}", code="bad-roots", where=str(path)
        ) from error
    if not roots:
        raise OperatorError(
            "no certificate is in it",
            code="bad-roots",
            where=str(path),
            remedy="It has to hold roots as PEM",
        )
    return roots
