"""The directory: which resource stands where (RFC 8555, section 7.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from everleaf.ca.answer import Answer, malformed

_DOING = "name its resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """URLs are data: nothing is assumed of their paths.

    Attributes:
        renewal_info: None: the authority has no ARI (RFC 9773, section 3).
        revoke_cert, key_change: None: it does not do that (RFC 8555, sections 7.6 and 7.3.5).
        terms_of_service: None: it has none.
        website: empty: none is named.
        caa_identities: names by which CAA records allow it, in lower case.
        profiles: by name, with their descriptions (draft-ietf-acme-profiles, section 3).
    """

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    renewal_info: str | None = None
    revoke_cert: str | None = None
    key_change: str | None = None
    terms_of_service: str | None = None
    external_account_required: bool = False
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)


def parse_directory(answer: Answer) -> Directory:
    """Read a directory.

    Raises:
        AuthorityError: it lacks what every ACME server has.
    """
    body = answer.document(_DOING)
    meta = body.get("meta")
    about = meta if isinstance(meta, dict) else {}
    terms, website = about.get("termsOfService"), about.get("website")
    return Directory(
        url=answer.url,
        new_nonce=_url(body, "newNonce", answer),
        new_account=_url(body, "newAccount", answer),
        new_order=_url(body, "newOrder", answer),
        renewal_info=_optional(body, "renewalInfo", answer),
        revoke_cert=_optional(body, "revokeCert", answer),
        key_change=_optional(body, "keyChange", answer),
        terms_of_service=terms if isinstance(terms, str) and terms else None,
        external_account_required=about.get("externalAccountRequired") is True,
        website=website if isinstance(website, str) else "",
        caa_identities=_identities(about.get("caaIdentities")),
        profiles=_profiles(about.get("profiles")),
    )


def _identities(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    return tuple(one.lower().rstrip(".") for one in names if isinstance(one, str) and one)


def _profiles(value: object) -> dict[str, str]:
    offered = value if isinstance(value, dict) else {}
    return {name: text if isinstance(text, str) else "" for name, text in offered.items()}


def _optional(body: Mapping[str, object], name: str, answer: Answer) -> str | None:
    return _url(body, name, answer) if body.get(name) else None


def _url(body: Mapping[str, object], name: str, answer: Answer) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not found:
        raise malformed(answer, _DOING, f"{name} is missing: it is no ACME directory")
    return answer.absolute(found, _DOING)
