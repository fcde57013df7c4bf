"""The public half of a private key's file; its text is never kept or repeated."""

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from everleaf.pki.keys import public_bytes

_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class Unusable(Exception):  # noqa: N818 - it says what the file is
    """There is no key in it that can be read."""


def key_blocks(text: bytes) -> bool:
    """Whether there is a private key in it."""
    return _KEY.search(text) is not None


def public_of(text: bytes) -> bytes:
    """SubjectPublicKeyInfo, DER; empty where the key is encrypted, so that nobody can tell.

    Raises:
        Unusable: there is no key, or it cannot be read.
    """
    block = _KEY.search(text)
    if block is None:
        raise Unusable("holds no private key as PEM")
    try:
        return public_bytes(load_pem_private_key(block.group(), password=None).public_key())
    except TypeError:
        return b""
    except (ValueError, UnsupportedAlgorithm) as error:
        why = f"cannot be read ({type(error).__name__})"
    raise Unusable(why)
