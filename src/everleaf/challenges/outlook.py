"""A look at our own responders from where authorities look, and what stands in the way there."""

import errno
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from everleaf.core.identifiers import Identifier
from everleaf.errors import EverleafError
from everleaf.ports import Concern
from everleaf.system.executor import Threads

Addresses = Callable[[str], Sequence[str]]

_AT_ONCE = 32
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ETIMEDOUT: "timed out",
}
_PLACE_IN_SOURCE = re.compile(r" \(_ssl\.c:\d+\)$")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How an authority finds a responder.

    Attributes:
        addresses: those of a name; raises EverleafError where it does not resolve.
        port: at which authorities look.
        limit: seconds for a look at one address.
    """

    addresses: Addresses
    port: int
    limit: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look at one address showed; `words` is empty where all is as it should be.

    Attributes:
        answered: something answered, but not as it should.
        no_route: it is our own side that has no way there, so that nothing is known.
    """

    words: str = ""
    answered: bool = False
    no_route: bool = False


def missed(error: OSError) -> Sight:
    """The sight of an address from which no answer came."""
    return Sight(words=words(error), no_route=error.errno in _NO_ROUTE)


def words(error: OSError) -> str:
    """One phrase for an error of a connection or a handshake."""
    if isinstance(error, ssl.SSLError):
        # Not every alert has a symbol.
        text = _PLACE_IN_SOURCE.sub("", str(error).removeprefix("[SSL] "))
        return f"the TLS handshake failed: {error.reason or text}"
    if isinstance(error, TimeoutError):
        return _WORDS[errno.ETIMEDOUT]
    return _WORDS.get(error.errno or 0, error.strerror or str(error))


def survey(
    identifiers: Sequence[Identifier],
    outlook: Outlook,
    look: Callable[[Identifier, str], Sight],
    remedy: str,
) -> tuple[Concern, ...]:
    """Look at every published address of every identifier, side by side.

    Args:
        identifiers: an address is its own.
        outlook: the authority's.
        look: at one identifier at one address.
        remedy: where something else answers.
    """
    resolved = _all(lambda one: _resolve(one, outlook.addresses), identifiers)
    concerns = [found for found in resolved if isinstance(found, Concern)]
    pairs = [
        (one, address)
        for one, found in zip(identifiers, resolved, strict=True)
        if not isinstance(found, Concern)
        for address in found
    ]
    for (one, address), sight in zip(pairs, _all(lambda pair: look(*pair), pairs), strict=True):
        if sight.words and not sight.no_route:
            concerns.append(_concern(one, f"{address}, port {outlook.port}", sight, remedy))
    return tuple(concerns)


def prevented(identifiers: Sequence[Identifier], error: EverleafError) -> tuple[Concern, ...]:
    """What stands in the way where no response can be presented at all."""
    fault = error.fault
    return tuple(
        Concern(
            identifier=str(one),
            code=fault.code,
            what=str(replace(fault, remedy="")),
            remedy=fault.remedy,
        )
        for one in identifiers
    )


def _resolve(one: Identifier, addresses: Addresses) -> Sequence[str] | Concern:
    try:
        return tuple(addresses(one.value))
    except EverleafError as error:
        return Concern(
            identifier=str(one),
            code="unresolved",
            what=str(replace(error.fault, remedy="")),
            remedy="Publish an A or AAAA record for it that leads to this responder",
        )


def _concern(one: Identifier, place: str, sight: Sight, remedy: str) -> Concern:
    if sight.answered:
        return Concern(
            identifier=str(one),
            code="wrong-response",
            what=f"{one} at {place}: {sight.words}",
            remedy=remedy,
        )
    return Concern(
        identifier=str(one),
        code="unreachable",
        what=f"{one} at {place}: {sight.words}",
        remedy="Let that port lead to this responder, or publish another address; this look may "
        "err where the address leads here from outside alone",
    )


def _all(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results, in the order of the items."""
    numbered = list(enumerate(items))
    found: dict[int, R] = {}
    for done in Threads(_AT_ONCE).each(lambda pair: call(pair[1]), numbered):
        if done is not None:
            (number, _), result = done
            found[number] = result
    return [found[number] for number, _ in numbered]
