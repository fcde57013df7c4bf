"""Tokens of challenges: what may become part of a path (RFC 8555, section 8.3)."""

import hashlib
import os
import re
import socket

from everleaf.errors import AuthorityError
from everleaf.ports import Challenge, Status
from everleaf.system.randomness import SystemRandomness

WELL_KNOWN = "/.well-known/acme-challenge/"
OF_A_CHECK = "everleaf-check-"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,255}")


def is_safe(token: str) -> bool:
    """Whether it has only characters of base64url: so it names no other path."""
    return _TOKEN.fullmatch(token) is not None


def safe(token: str) -> str:
    """The token, which has only characters of base64url.

    Raises:
        AuthorityError: it has others.
    """
    if not is_safe(token):
        raise AuthorityError(
            f"the challenge's token {token[:80]!r} is not base64url", code="bad-token"
        )
    return token


def of_this_machine() -> str:
    """How tokens of looks begin that this machine makes; the process's number follows."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f"{OF_A_CHECK}{host}-"


def random_challenge(kind: str) -> Challenge:
    """A challenge that no authority asked for, to see whether a response arrives."""
    dice = SystemRandomness()
    token = f"{of_this_machine()}{os.getpid()}-{dice.token(16)}"
    return Challenge(
        type=kind,
        url="",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.{dice.token(32)}",
    )
