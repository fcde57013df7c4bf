"""A Pebble set up for a test of the wire, and certificates obtained there by the adapter alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from everleaf.ca.authority import AcmeAuthority
from everleaf.challenges.listener import HttpListener
from everleaf.core.identifiers import parse
from everleaf.core.wanted import KeyType
from everleaf.demo.authority import LocalAuthority
from everleaf.pki.certificates import split
from everleaf.pki.csr import csr
from everleaf.pki.keys import make
from everleaf.ports import Order, Solver, Status
from support.loopback import free, until
from support.machine import authority, point
from support.wire import adapter

__all__ = ["Issued", "adapter_of", "authorize", "issue", "listener", "pebble", "point"]


@contextmanager
def pebble(
    folder: Path,
    *,
    bad_nonces: int = 0,
    authorizations_reused: int = 0,
    validation_sleeps: int | None = None,
    lifetime: timedelta | None = None,
    options: Mapping[str, object] | None = None,
) -> Iterator[LocalAuthority]:
    """A Pebble of the test's own, with its DNS server; every name is 127.0.0.1 there.

    Args:
        bad_nonces: how many of a hundred good nonces are refused.
        authorizations_reused: how many of a hundred valid authorizations are used again.
        validation_sleeps: longest pause before a validation, in seconds; None: none at all.
        lifetime: of certificates; 90 days by default.
        options: more of Pebble's configuration.
    """
    environment = {
        "PEBBLE_WFE_NONCEREJECT": str(bad_nonces),
        "PEBBLE_AUTHZREUSE": str(authorizations_reused),
    }
    if validation_sleeps is not None:
        environment |= {"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": str(validation_sleeps)}
    more = dict(options or {})
    if lifetime is not None:
        seconds = int(lifetime.total_seconds())
        more["profiles"] = {"default": {"description": "short", "validityPeriod": seconds}}
    with authority(folder, options=more, environment=environment) as running:
        yield running


def adapter_of(running: LocalAuthority) -> AcmeAuthority:
    """The real adapter at this Pebble, with an account that is not there yet."""
    return adapter(running.directory, running.ca_file)


def listener(running: LocalAuthority, name: str) -> HttpListener:
    """A listener at an address of its own, to which `name` is pointed."""
    host = free()[0]
    point(running, name, host)
    return HttpListener("web", [(host, running.http_port)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What an issuance left."""

    order: Order
    chain: tuple[bytes, ...]
    pem: bytes
    key: bytes = field(repr=False)


def authorize(one: AcmeAuthority, order: Order, solver: Solver) -> Order:
    """Answer every pending authorization as the solver prefers; the order's next state."""
    for url in order.authorizations:
        seen = one.authorization(url)
        if seen.status is not Status.PENDING:
            continue
        (challenge,) = [each for each in seen.challenges if each.type == solver.types[0]]
        trace = solver.trace(seen.identifier, challenge)
        solver.present(trace, challenge)
        try:
            solver.settle([(trace, challenge)])
            one.answer(challenge.url)
            until(
                f"the authorization of {seen.identifier} is decided",
                lambda url=url: one.authorization(url).status is not Status.PENDING,  # type: ignore[misc]
            )
        finally:
            solver.remove(trace)
    return one.order(order.url)


def issue(one: AcmeAuthority, solver: Solver, *names: str, replaces: str | None = None) -> Issued:
    """A certificate from newOrder to its chain."""
    identifiers = [parse(name) for name in names]
    order = authorize(one, one.new_order(identifiers, replaces), solver)
    assert order.status is Status.READY, order
    key = make(KeyType.ECDSA_P256)
    one.finalize(order, csr(key, order.identifiers))
    until("the order is valid", lambda: one.order(order.url).status is Status.VALID)
    done = one.order(order.url)
    assert done.certificate is not None
    pem = one.certificate(done.certificate)
    return Issued(order=done, chain=split(pem), pem=pem, key=key)
