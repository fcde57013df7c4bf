"""Addresses of names through dnspython, by the configured name servers or the system's."""

import ipaddress
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from everleaf.core.caa import Caa, CaaRecord
from everleaf.errors import Actor, EverleafError, Fault
from everleaf.ports import Clock
from everleaf.system.clock import SystemClock
from everleaf.system.dns import resolver_over

if TYPE_CHECKING:
    from dns.resolver import Resolver


class DnsResolver:
    """`ports.Resolver`.

    Args:
        servers: `address` or `address:port`, IPv6 in brackets; none: those of /etc/resolv.conf.
        clock: by which a program that prints addresses is ended.
    """

    def __init__(self, servers: Sequence[str] = (), clock: Clock | None = None) -> None:
        self._servers = tuple(servers)
        self._clock = clock or SystemClock()

    @cached_property
    def _resolver(self) -> "Resolver":
        return resolver_over(self._servers)

    def addresses(self, host: str, servers: Sequence[str] = ()) -> tuple[str, ...]:
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
        resolve = (resolver_over(servers) if servers else self._resolver).resolve
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

    def printed(self, command: Sequence[str]) -> tuple[str, ...]:
        """The addresses that a program prints, one a line; sorted, each once.

        Raises:
            EverleafError: it fails, takes too long, or prints something else, or nothing.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        from everleaf.tls.printing import printed

        return printed(command, self._clock)

    def caa(self, host: str) -> Caa:
        """The CAA records that hold for a name, found by climbing (RFC 8659, section 3).

        Raises:
            EverleafError: no server answered, or one said SERVFAIL.
        """
        import dns.exception
        import dns.name
        import dns.resolver

        name = dns.name.from_text(host)
        while name != dns.name.root:
            try:
                found = self._resolver.resolve(name, "CAA", raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                found = None
            except dns.exception.DNSException as error:
                what = f"the CAA records of {name.to_text(omit_final_dot=True)} cannot be had"
                raise _fault(what, str(error)) from error
            records = tuple(_caa_record(one) for one in found or ())
            if records:
                return Caa(at=name.to_text(omit_final_dot=True), records=records)
            name = name.parent()
        return Caa()


def _caa_record(one: Any) -> CaaRecord:
    tag, value = (text.decode("ascii", errors="replace") for text in (one.tag, one.value))
    return CaaRecord(flags=one.flags, tag=tag.lower(), value=value)


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
