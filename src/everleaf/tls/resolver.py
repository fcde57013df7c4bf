"""Addresses of names through dnspython, by the configured name servers or the system's."""

import ipaddress
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from everleaf.errors import Actor, EverleafError, Fault

if TYPE_CHECKING:
    from dns.resolver import Resolver

_LIFETIME = 10.0


class DnsResolver:
    """`ports.Resolver`.

    Args:
        servers: `address` or `address:port`, IPv6 in brackets; none: those of /etc/resolv.conf.
    """

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = tuple(servers)

    @cached_property
    def _resolver(self) -> "Resolver":
        import dns.nameserver
        import dns.resolver

        try:
            resolver = dns.resolver.Resolver(configure=not self._servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise _fault("no name server is known here", str(error)) from error
        if self._servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(*_split(one)) for one in self._servers
            ]
        resolver.lifetime = _LIFETIME
        return resolver

    def addresses(self, host: str) -> tuple[str, ...]:
        """All A and AAAA records' addresses; an address is its own answer.

        Raises:
            EverleafError: the name does not exist, has no address, or no server answered.
        """
        import dns.exception
        import dns.resolver

        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        # Not resolve_name: it gives each kind no more time than one silent server may take, so that
        # the next server is never asked.
        resolve = self._resolver.resolve
        try:
            six = resolve(host, "AAAA", raise_on_no_answer=False)
            four = resolve(six.qname, "A", raise_on_no_answer=False)
            addresses = tuple(
                sorted({record.address for answer in (six, four) for record in answer})
            )
        except dns.resolver.NXDOMAIN:
            raise _fault(f"the name {host} does not exist", "") from None
        except dns.exception.DNSException as error:
            raise _fault(f"the name {host} cannot be looked up", str(error)) from error
        if not addresses:
            raise _fault(f"the name {host} has no address", "")
        return addresses


def _split(text: str) -> tuple[str, int]:
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), 53
    except ValueError:
        host, _, port = text.rpartition(":")
        return host.strip("[]"), int(port)


def _fault(what: str, words: str) -> EverleafError:
    return EverleafError(
        Fault(
            actor=Actor.OPERATOR,
            code="unresolved",
            what=what,
            words=(words,) if words else (),
            remedy="Mend the DNS record or the resolver, or list the endpoint's addresses",
        )
    )
