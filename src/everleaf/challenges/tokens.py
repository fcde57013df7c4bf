"""Tokens of challenges: what may become part of a path (RFC 8555, section 8.3)."""

import re

from everleaf.errors import AuthorityError

WELL_KNOWN = "/.well-known/acme-challenge/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,255}")


def safe(token: str) -> str:
    """The token, which has only characters of base64url: so it names no other path.

    Raises:
        AuthorityError: it has others.
    """
    if not _TOKEN.fullmatch(token):
        raise AuthorityError(
            f"the challenge's token {token[:80]!r} is not base64url", code="bad-token"
        )
    return token
