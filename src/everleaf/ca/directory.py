"""The directory: which resource stands where (RFC 8555, section 7.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from everleaf.ca.answer import Answer, malformed

_DOING = "name its resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """URLs are data: nothing is assumed of their paths.

    Attributes:
        renewal_info: None: the authority has no ARI (RFC 9773, section 3).
        terms_of_service: None: it has none.
    """

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    renewal_info: str | None = None
    terms_of_service: str | None = None
    external_account_required: bool = False


def parse_directory(answer: Answer) -> Directory:
    """Read a directory.

    Raises:
        AuthorityError: it lacks what every ACME server has.
    """
    body = answer.document(_DOING)
    meta = body.get("meta")
    about = meta if isinstance(meta, dict) else {}
    terms = about.get("termsOfService")
    return Directory(
        url=answer.url,
        new_nonce=_url(body, "newNonce", answer),
        new_account=_url(body, "newAccount", answer),
        new_order=_url(body, "newOrder", answer),
        renewal_info=_url(body, "renewalInfo", answer) if body.get("renewalInfo") else None,
        terms_of_service=terms if isinstance(terms, str) and terms else None,
        external_account_required=about.get("externalAccountRequired") is True,
    )


def _url(body: Mapping[str, object], name: str, answer: Answer) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not found:
        raise malformed(answer, _DOING, f"{name} is missing: it is no ACME directory")
    return answer.absolute(found, _DOING)
