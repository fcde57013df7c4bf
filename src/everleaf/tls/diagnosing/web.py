"""What is to be asked in HTTP of one address, where HTTP is what it speaks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from everleaf.core.diagnosis import Finding, Question
from everleaf.core.identifiers import is_address
from everleaf.core.preloading import Judged, Met
from everleaf.errors import EverleafError
from everleaf.ports import Resolver
from everleaf.tls import http, http_refusals
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.handshake import Shake
from everleaf.tls.http_exchange import NotHttpError, Site, request

_HTTPS = 443
# TLS from the first byte, and no HTTP behind it: IANA's service names.
_NEVER = frozenset({465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 3306, 5223, 5432, 6697, 8883})


def findings(
    lines: Lines,
    question: Question,
    main: Shake,
    faults: Sequence[Finding],
    *,
    now: datetime,
    www: Callable[[], Judged],
) -> tuple[tuple[Finding, ...], dict[str, object]]:
    """What is said in HTTP; nothing is asked of what speaks another protocol.

    Args:
        lines: to the address.
        question: what is looked at.
        main: the handshake.
        faults: of the certificate.
        now: our clock.
        www: whether the `www` below the host speaks HTTPS.
    """
    if not may_speak_http(lines, question):
        return (), {}
    standard = question.port == _HTTPS
    return http.findings(
        question.host,
        question.port,
        lines.connect,
        now=now,
        timeout=question.timeout,
        asked=main.asked,
        presented=lines.client is not None,
        trusted=_trusted(faults),
        www=www if standard else None,
        plain=lines.plain if standard else None,
    )


def may_speak_http(lines: Lines, question: Question) -> bool:
    """Whether anything may be asked in HTTP there."""
    return not lines.approach.starttls and question.port not in _NEVER


def refusal(lines: Lines, question: Question) -> tuple[Finding, ...]:
    """Whether a request is refused for the client's certificate; nothing else is looked at."""
    if not may_speak_http(lines, question):
        return ()
    site = Site(host=question.host, port=question.port)
    try:
        answer = request(lines.connect, site, timeout=question.timeout)
    except (OSError, NotHttpError):
        return ()
    return http_refusals.findings(answer, presented=lines.client is not None)


def clock(lines: Lines, question: Question) -> datetime | None:
    """The server's clock; None: it says none."""
    if not may_speak_http(lines, question):
        return None
    return http.clock(question.host, question.port, lines.connect, timeout=question.timeout)


def _trusted(faults: Sequence[Finding]) -> Judged:
    if faults:
        return Judged(Met.NO, faults[0].what)
    return Judged(Met.YES, "it is good for the host, and trusted")


class Www:
    """The `www` below a host, looked at once for all addresses."""

    def __init__(self, question: Question, resolver: Resolver, now: datetime) -> None:
        """Nothing is looked at yet.

        Args:
            question: about the host itself.
            resolver: finds its addresses.
            now: our clock.
        """
        self._question = replace(question, host=f"www.{question.host}", addresses=())
        self._resolver = resolver
        self._now = now

    def __call__(self) -> Judged:
        """Whether it speaks HTTPS."""
        return self._judged

    @cached_property
    def _judged(self) -> Judged:
        from everleaf.pki.judging import judge

        host = self._question.host
        if is_address(self._question.host.removeprefix("www.")):
            return Judged(Met.UNKNOWN, "an address has no subdomain")
        try:
            address = self._resolver.addresses(host)[0]
        except EverleafError:
            return Judged(Met.YES, f"{host} does not resolve, so that nothing is asked of it")
        seen = Lines(self._question, address).shake()
        if not seen.chain:
            return Judged(Met.NO, f"{host} at {address}: {seen.words}")
        judged = judge(seen.chain, host, self._question.stores, self._now)
        faults = [one for one in judged if one.is_fault]
        if faults:
            return Judged(Met.NO, f"{host} at {address}: {faults[0].what}")
        return Judged(Met.YES, f"{host} serves a good certificate")
