"""Redirects, followed by hand as far as they stay on one host and one port."""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from everleaf.tls.http_exchange import PORTS, Answer, Connect, NotHttpError, Site, request
from everleaf.tls.symptoms import words

_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One answer; `to` is where it redirects, empty: nowhere that is a URL for us."""

    url: str
    answer: Answer
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The answers of one site, in their order.

    Attributes:
        silence: why the last request had no answer; empty: it had.
        refused: nothing listens there.
    """

    hops: tuple[Hop, ...] = ()
    silence: str = ""
    refused: bool = False

    @property
    def last(self) -> Hop | None:
        """The last answer."""
        return self.hops[-1] if self.hops else None


def follow(connect: Connect, site: Site, timeout: float) -> Trail:
    """GET `/`, then what it redirects to, while that is on the same scheme, host and port.

    Args:
        connect: opens a fresh connection to the site.
        site: who is asked.
        timeout: seconds for each answer.
    """
    hops: list[Hop] = []
    target = "/"
    while len(hops) <= _HOPS:
        try:
            answer = request(connect, site, target, timeout=timeout)
        except (OSError, NotHttpError) as error:
            why = words(error) if isinstance(error, OSError) else str(error)
            refused = isinstance(error, ConnectionRefusedError)
            return Trail(hops=tuple(hops), silence=why, refused=refused)
        to = _leads(site.url(target), answer)
        hop = Hop(url=site.url(target), answer=answer, to=to.geturl() if to else "")
        known = any(hop.to == one.url for one in (*hops, hop))
        hops.append(hop)
        if to is None or known or not is_of(site, to):
            break
        target = (to.path or "/") + (f"?{to.query}" if to.query else "")
    return Trail(hops=tuple(hops))


def parts(url: str) -> SplitResult | None:
    """An http or https URL; None: it is another, or none."""
    with suppress(ValueError):
        found = urlsplit(url)
        if found.scheme in PORTS and found.hostname and found.port != 0:
            return found
    return None


def is_of(site: Site, url: SplitResult) -> bool:
    """Whether a URL is of this scheme, host and port."""
    port = url.port or PORTS[url.scheme]
    return url.scheme == site.scheme and is_host(site.host, url) and port == site.port


def is_host(host: str, url: SplitResult) -> bool:
    """Whether a URL is of this host, whatever its scheme and port."""
    return (url.hostname or "").rstrip(".") == host.rstrip(".").lower()


def _leads(url: str, answer: Answer) -> SplitResult | None:
    if answer.status not in _REDIRECTS or not (given := answer.all("location")):
        return None
    with suppress(ValueError):
        joined = urljoin(url, given[0].strip())
        plain = joined.isascii() and joined.isprintable() and " " not in joined
        if plain and len(joined) <= _LONGEST:
            return parts(urlsplit(joined)._replace(fragment="").geturl())
    return None
