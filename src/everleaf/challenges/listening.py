"""Listening sockets, and why there is none."""

import errno
import os
import socket
from collections.abc import Mapping

from everleaf.challenges import activation
from everleaf.challenges.activation import Address
from everleaf.errors import MachineError, OperatorError

_BACKLOG = 128
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_WAYS_OUT = {
    "http-01": 'or answer through the web server there, with a solver of type "webroot"',
    "tls-alpn-01": 'or choose another challenge, as by a solver of type "webroot"',
}


class NoIpv6Error(MachineError):
    """This machine has no IPv6."""


def place_of(address: Address, environment: Mapping[str, str] = os.environ) -> Address:
    """Where connections to this address really arrive: one socket handed over may take several."""
    one = activation.find(address, environment)
    return one.address if one else address


def listen(
    address: Address,
    challenge: str = "http-01",
    environment: Mapping[str, str] = os.environ,
) -> socket.socket:
    """A listening socket at an IPv4 or IPv6 address: one handed to us, or else a new one.

    A new one is never for both at once.

    Raises:
        OperatorError: the port is taken, or not allowed; the address is not this machine's.
        NoIpv6Error: this machine has no IPv6.
    """
    one = activation.find(address, environment)
    if one is not None:
        return one.open()
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listening = None
    try:
        listening = socket.socket(family, socket.SOCK_STREAM)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise cannot(address, error, challenge) from error
    return listening


def written(address: Address) -> str:
    """An address with its port as people write it: 192.0.2.1:80, [2001:db8::1]:80."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot(
    address: Address, error: OSError, challenge: str = "http-01"
) -> OperatorError | NoIpv6Error:
    """Why an address cannot be listened on, and what helps."""
    host, port = address
    where = written(address)
    way_out = _WAYS_OUT[challenge]
    if host == "::" and error.errno in _NO_IPV6:
        return NoIpv6Error("this machine has no IPv6", code="no-ipv6", where=where)
    if error.errno == errno.EADDRINUSE:
        return OperatorError(
            f"the port for {challenge} is taken by another process",
            code="port-taken",
            where=where,
            remedy=f"`ss -ltnp 'sport = :{port}'` shows which; end it, {way_out}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return OperatorError(
            f"listening for {challenge} is not allowed",
            code="port-forbidden",
            where=where,
            remedy=f"Run as root or with CAP_NET_BIND_SERVICE, {way_out}",
        )
    return OperatorError(
        f"cannot listen for {challenge}: {error.strerror or error}",
        code="cannot-listen",
        where=where,
        remedy=f"Name addresses of this machine in the solver's `listen`, {way_out}",
    )
