"""Orders, authorizations and challenges as they come over the wire: RFC 8555, section 7.1."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from everleaf.ca.answer import Answer, malformed
from everleaf.ca.jws import Signer
from everleaf.ca.problem import parse as parse_problem
from everleaf.core.identifiers import Identifier, Kind
from everleaf.errors import Problem
from everleaf.ports import Authorization, Challenge, Order, Status

# Their response is the token and the key's thumbprint: RFC 8555, section 8.1; RFC 8737, section 3;
# draft-ietf-acme-dns-account-label, section 3.
_WITH_TOKEN = ("http-01", "dns-01", "tls-alpn-01", "dns-account-01")
_PERSIST = "dns-persist-01"
_MOST_ISSUERS, _LONGEST_ISSUER = 10, 253
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


def wire(identifiers: Sequence[Identifier]) -> list[dict[str, str]]:
    """Identifiers as a newOrder holds them."""
    return [{"type": one.kind.value, "value": one.value} for one in identifiers]


def order(answer: Answer, url: str, doing: str, retry_at: datetime | None) -> Order:
    """Read an order; `url` is its own, which it does not hold itself.

    Raises:
        AuthorityError: it is none.
    """
    reader = _Reader(answer, doing)
    body = answer.document(doing)
    return Order(
        url=url,
        status=reader.status(body),
        identifiers=tuple(reader.identifier(one) for one in reader.items(body, "identifiers")),
        authorizations=tuple(reader.url(one) for one in reader.items(body, "authorizations")),
        finalize=reader.url(body.get("finalize")),
        certificate=reader.url(body["certificate"]) if body.get("certificate") else None,
        problem=_problem(body.get("error")),
        retry_at=retry_at,
        profile=_profile(body.get("profile")),
    )


def _profile(value: object) -> str:
    """draft-ietf-acme-profiles, section 4; whatever is no text says nothing."""
    return value if isinstance(value, str) else ""


def authorization(
    answer: Answer, url: str, signer: Signer, retry_at: datetime | None
) -> Authorization:
    """Read an authorization; kinds of challenge that we do not know stay, or are left out.

    Args:
        signer: stands for our account, with its URL.

    Raises:
        AuthorityError: it is none.
    """
    reader = _Reader(answer, "show an authorization")
    body = answer.document("show an authorization")
    challenges = body.get("challenges")
    items = challenges if isinstance(challenges, list) else []
    return Authorization(
        url=url,
        identifier=reader.identifier(body.get("identifier")),
        status=reader.status(body),
        challenges=tuple(_challenges(items, signer, reader)),
        wildcard=body.get("wildcard") is True,
        retry_at=retry_at,
    )


def _challenges(items: Sequence[object], signer: Signer, reader: "_Reader") -> Iterator[Challenge]:
    for one in items:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            continue
        kind, token = one["type"], one.get("token")
        if kind in _WITH_TOKEN:
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise reader.wrong(f"the token {str(token)[:80]!r} of {kind} is not base64url")
        elif not (isinstance(one.get("url"), str) and one.get("status") in list(Status)):
            continue
        has_token = isinstance(token, str) and bool(_TOKEN.fullmatch(token))
        yield Challenge(
            type=kind,
            url=reader.url(one.get("url")),
            status=reader.status(one),
            token=str(token) if has_token else "",
            key_authorization=f"{token}.{signer.thumbprint}" if has_token else "",
            account=signer.kid or "",
            issuers=_issuers(one) if kind == _PERSIST else (),
            problem=_problem(one.get("error")),
        )


def _issuers(challenge: Mapping[str, object]) -> tuple[str, ...]:
    """draft-ietf-acme-dns-persist, section 3.1, which has spelt the field in two ways.

    A challenge that breaks its rules must not be answered: it has none.
    """
    names = challenge.get("issuer-domain-names", challenge.get("issuerDomainNames"))
    if not isinstance(names, list) or len(names) > _MOST_ISSUERS:
        return ()
    found = tuple(one.lower().rstrip(".") for one in names if isinstance(one, str))
    good = all(0 < len(one) <= _LONGEST_ISSUER and one.isascii() for one in found)
    return found if good and len(found) == len(names) else ()


def _problem(value: object) -> Problem | None:
    return parse_problem(value) if isinstance(value, dict) else None


class _Reader:
    """Takes fields out of one answer; what is not there as it must be is the authority's fault."""

    def __init__(self, answer: Answer, doing: str) -> None:
        self._answer = answer
        self._doing = doing

    def wrong(self, why: str) -> Exception:
        return malformed(self._answer, self._doing, why)

    def status(self, body: Mapping[str, object]) -> Status:
        value = body.get("status")
        if not isinstance(value, str) or value not in list(Status):
            raise self.wrong(f"the status is {value!r:.80}")
        return Status(value)

    def items(self, body: Mapping[str, object], name: str) -> list[object]:
        value = body.get(name)
        if not isinstance(value, list):
            raise self.wrong(f"{name} is no list")
        return value

    def url(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{value!r:.80} stands where a URL should")
        return self._answer.absolute(value, self._doing)

    def identifier(self, value: object) -> Identifier:
        """RFC 8555, section 7.1.3; RFC 8738, section 3."""
        if isinstance(value, dict) and isinstance(text := value.get("value"), str):
            if value.get("type") == "dns":
                return Identifier(Kind.DNS, text.lower())
            if value.get("type") == "ip":
                try:
                    return Identifier(Kind.IP, str(ipaddress.ip_address(text)))
                except ValueError:
                    pass
        raise self.wrong(f"{value!r:.120} is no identifier that we know")
