"""Name servers: how they are written, dnspython's resolver over them, and what they refuse."""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

from everleaf.system.told import ToldError

if TYPE_CHECKING:
    from dns.resolver import Resolver

PORT = 53
_LIFETIME = 10.0


class DnsError(ToldError):
    """What is wrong with a name, a zone or a name server, with the server's own words."""


def split(text: str) -> tuple[str, int]:
    """Address and port of `address` or `address:port`, IPv6 in brackets where a port follows.

    Raises:
        DnsError: it is neither.
    """
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), PORT
    except ValueError:
        host, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError:
        raise DnsError(
            f"{text!r} is no name server's address",
            code="bad-name-server",
            remedy="Write 192.0.2.1, 192.0.2.1:53, 2001:db8::1 or [2001:db8::1]:53",
        ) from None


def resolver_over(servers: Sequence[str]) -> "Resolver":
    """The resolver over these name servers; none: those of /etc/resolv.conf.

    Raises:
        DnsError: no name server is known here, or one is not written as an address.
    """
    import dns.nameserver
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration as error:
        raise DnsError(
            "no name server is known here",
            code="unresolved",
            words=[str(error)],
            remedy="Name one in /etc/resolv.conf, or in the configuration's `resolver`",
        ) from error
    if servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*split(one)) for one in servers]
    resolver.lifetime = _LIFETIME
    return resolver
