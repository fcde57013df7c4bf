"""Listening sockets that whoever started us has opened already: sd_listen_fds(3).

Which is which is told by the address at which each of them listens, so that names
(LISTEN_FDNAMES) are not needed.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Address = tuple[str, int]

_FIRST = 3
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - as others opened them


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One such socket; it stays open, so that it can be used again."""

    descriptor: int
    address: Address
    family: int
    both: bool

    def open(self) -> socket.socket:
        """The socket, by a descriptor of its own."""
        return socket.socket(fileno=os.dup(self.descriptor))

    def takes(self, address: Address) -> bool:
        """Whether connections to this address arrive here."""
        host, port = self.address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        wide = host == _ANY[socket.AddressFamily(self.family)]
        return port == address[1] and (
            host == address[0] or (wide and (family == self.family or self.both))
        )


def handed(environment: Mapping[str, str] = os.environ) -> tuple[Handed, ...]:
    """All listening TCP sockets that were handed to this very process."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = environment.get("LISTEN_FDS", "")
    many = int(count) if count.isdecimal() else 0
    return tuple(_look(range(_FIRST, _FIRST + many)))


def find(address: Address, environment: Mapping[str, str] = os.environ) -> Handed | None:
    """The one that takes connections to this address: the exact one first, then a wildcard."""
    there = [one for one in handed(environment) if one.takes(address)]
    return next((one for one in there if one.address == address), there[0] if there else None)


def _look(descriptors: range) -> Iterator[Handed]:
    for descriptor in descriptors:
        try:
            os.set_inheritable(descriptor, False)
            one = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # closed, or no socket
            continue
        with one:
            if one.family not in _ANY or one.type != socket.SOCK_STREAM:
                continue
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield Handed(
                    descriptor=descriptor,
                    address=one.getsockname()[:2],
                    family=one.family,
                    both=one.family == socket.AF_INET6
                    and not one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
                )
