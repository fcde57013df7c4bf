"""One HTTP answer, and what its headers and body say."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from everleaf.ca.links import targets
from everleaf.errors import AuthorityError

_LONGEST_WAIT = timedelta(days=366)
_EXCERPT = 200
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        url: where it came from.
        headers: by name in lower case; of a name that stands there twice the last.
        links: all values of `Link`.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    body: bytes = field(default=b"", repr=False)

    def date(self) -> datetime | None:
        """The server's time: `Date`, and `Age` where a cache answered (RFC 9110 and 9111)."""
        at = _date(self.headers.get("date", ""))
        age = self.headers.get("age", "").strip()
        if at is None or not _SECONDS.fullmatch(age):
            return at
        return at + min(timedelta(seconds=int(age)), _LONGEST_WAIT)

    def document(self, doing: str) -> Mapping[str, object]:
        """The body as a JSON object.

        Args:
            doing: what was asked for, as in "place an order".

        Raises:
            AuthorityError: it is none; with an excerpt.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise malformed(self, doing, f"it is no JSON object: {self.excerpt()!r}")
        return found

    def location(self, doing: str) -> str:
        """The URL of what was created.

        Raises:
            AuthorityError: there is none, or it is no URL.
        """
        if not (found := self.headers.get("location")):
            raise malformed(self, doing, "it has no Location")
        return self.absolute(found, doing)

    def absolute(self, url: str, doing: str) -> str:
        """A URL that the answer holds, which may be relative.

        Raises:
            AuthorityError: it is no URL.
        """
        try:
            return urljoin(self.url, url)
        except ValueError as error:
            raise malformed(self, doing, f"{url[:200]!r} is no URL") from error

    def linked(self, relation: str, doing: str) -> tuple[str, ...]:
        """URLs of its links of one relation, each once, in order (RFC 8288).

        Raises:
            AuthorityError: one is no URL.
        """
        found = (self.absolute(one, doing) for one in targets(self.links, relation))
        return tuple(dict.fromkeys(found))

    def retry_at(self, now: datetime) -> datetime | None:
        """`Retry-After` as a time: RFC 9110, section 10.2.3.

        A date is measured against the answer's own `Date`, so that a difference of clocks does
        not matter. What cannot be read counts as absent.
        """
        text = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(text):
            return now + min(timedelta(seconds=int(text)), _LONGEST_WAIT)
        at = _date(text)
        if at is None:
            return None
        span = at - (_date(self.headers.get("date", "")) or now)
        return now + max(timedelta(0), min(span, _LONGEST_WAIT))

    def excerpt(self) -> str:
        """The beginning of the body on one line, printable characters only."""
        text = " ".join(self.body[: 4 * _EXCERPT].decode("utf-8", errors="replace").split())
        clean = "".join(one if one.isprintable() else "?" for one in text)
        return clean if len(clean) <= _EXCERPT else clean[:_EXCERPT] + "…"


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def malformed(answer: Answer, doing: str, why: str) -> AuthorityError:
    """The authority said something that no ACME server may say."""
    return AuthorityError(
        f"the authority's answer to the request to {doing} cannot be understood: {why}",
        code="authority-malformed",
        where=answer.url,
    )
