"""Profiles of certificates, and what is said where one is not offered.

draft-ietf-acme-profiles.
"""

from collections.abc import Mapping

from everleaf.errors import Actor, AuthorityError


def not_offered(
    profile: str, offered: Mapping[str, str], where: str, refusal: AuthorityError | None = None
) -> AuthorityError:
    """The error for a profile that cannot be had, with all that can.

    Args:
        refusal: the authority's own, where it was asked.
    """
    return AuthorityError(
        f"the authority does not issue by the profile {profile!r}",
        code="unknown-profile",
        where=refusal.fault.where if refusal else where,
        problem=refusal.problem if refusal else None,
        retry_at=refusal.retry_at if refusal else None,
        actor=Actor.OPERATOR,
        remedy=_choice(offered),
    )


def _choice(offered: Mapping[str, str]) -> str:
    if not offered:
        return "It offers no profiles: take `profile` out"
    names = (f"{name} ({text})" if text else name for name, text in sorted(offered.items()))
    return f"It offers: {'; '.join(names)}"
