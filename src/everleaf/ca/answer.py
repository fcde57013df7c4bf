"""One HTTP answer, and what its headers and body say."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from everleaf.ca.links import targets
from everleaf.core.backoff import LONGEST_HOLD
from everleaf.errors import AuthorityError

_OLDEST = timedelta(days=366)
_EXCERPT = 200
_LONGEST_TEXT = 8000
_SECONDS = re.compile(r"[0-9]{1,12}")
_LAST = datetime(9000, 1, 1, tzinfo=UTC)  # beyond it no calculation is safe


def clean(text: str) -> str:
    """Words of an authority's as they may be stored and shown: one line, printable, not endless.

    What is no character, or steers a terminal, is replaced.
    """
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(one: str) -> str:
    if one.isprintable():
        return one
    return " " if one.isspace() else "\N{REPLACEMENT CHARACTER}"


def parsed(body: bytes) -> object:
    """A body's JSON with all its texts cleaned; None where it is none."""
    try:
        return _cleaned(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {clean(name): _cleaned(one) for name, one in value.items()}
    return value


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
        return at + min(timedelta(seconds=int(age)), _OLDEST)

    def document(self, doing: str) -> Mapping[str, object]:
        """The body as a JSON object.

        Args:
            doing: what was asked for, as in "place an order".

        Raises:
            AuthorityError: it is none; with an excerpt.
        """
        found = parsed(self.body)
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
        if not url.isascii() or not url.isprintable():  # RFC 3986, section 2
            raise malformed(self, doing, f"{clean(url[:200])!r} is no URL")
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
        """`Retry-After` as a time: RFC 9110, section 10.2.3; never later than anybody waits for.

        A date is measured against the answer's own `Date`, so that a difference of clocks does
        not matter. What cannot be read counts as absent.
        """
        text = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(text):
            return now + min(timedelta(seconds=int(text)), LONGEST_HOLD)
        at = _date(text)
        if at is None:
            return None
        span = at - (_date(self.headers.get("date", "")) or now)
        return now + max(timedelta(0), min(span, LONGEST_HOLD))

    def excerpt(self) -> str:
        """The beginning of the body on one line, printable characters only."""
        text = " ".join(self.body[: 4 * _EXCERPT].decode("utf-8", errors="replace").split())
        words = clean(text)
        return words if len(words) <= _EXCERPT else words[:_EXCERPT] + "…"


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        at = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at < _LAST else None


def malformed(answer: Answer, doing: str, why: str) -> AuthorityError:
    """The authority said something that no ACME server may say."""
    return AuthorityError(
        f"the authority's answer to the request to {doing} cannot be understood: {why}",
        code="authority-malformed",
        where=answer.url,
    )
