"""Revoking a certificate: RFC 8555, section 7.6."""

import base64

from everleaf.ca.account import Account
from everleaf.ca.jws import load_other
from everleaf.ca.problem import is_kind
from everleaf.ca.session import Post, Session
from everleaf.errors import Actor, AuthorityError

_UNSPECIFIED = 0  # the same as no reason at all: RFC 5280, section 5.3.1


def revoke(session: Session, account: Account, leaf: bytes, reason: int, key: bytes | None) -> None:
    """Revoke a certificate (DER), signed by the account, or by the certificate's own key (PEM).

    Sent again after a lost answer: what is revoked already is no error.

    Raises:
        OperatorError: the key cannot be read.
        AuthorityError: a refusal, or the authority revokes nothing.
    """
    directory = session.directory()
    if directory.revoke_cert is None:
        raise AuthorityError(
            "the authority's directory names no resource to revoke certificates at",
            code="no-revocation",
            where=directory.url,
            remedy="Ask the authority by other ways",
        )
    payload: dict[str, object] = {
        "certificate": base64.urlsafe_b64encode(leaf).rstrip(b"=").decode("ascii")
    }
    if reason != _UNSPECIFIED:
        payload["reason"] = reason
    post = Post(url=directory.revoke_cert, payload=payload, doing="revoke the certificate")
    try:
        if key is None:
            account.post(lambda _: post)
        else:
            session.post(post, load_other(key))
    except AuthorityError as error:
        if is_kind(error, "alreadyRevoked"):
            return
        if key is None and is_kind(error, "unauthorized"):
            raise _not_ours(error) from error
        raise


def _not_ours(error: AuthorityError) -> AuthorityError:
    return AuthorityError(
        "the authority does not let this account revoke the certificate",
        code="authority-refused",
        where=error.fault.where,
        problem=error.problem,
        actor=Actor.OPERATOR,
        remedy="Sign with the certificate's own private key, or with the account that ordered it",
    )
