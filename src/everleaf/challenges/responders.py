"""The responders of this process: one an address, open while a challenge needs it."""

import errno
import socket
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from everleaf.challenges.responder import Responder
from everleaf.errors import MachineError, OperatorError

Address = tuple[str, int]

_BACKLOG = 128
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_WAY_OUT = 'or answer through the web server there, with a solver of type "webroot"'


@dataclass(slots=True)
class _Post:
    responder: Responder
    responses: dict[str, str] = field(default_factory=dict, repr=False)
    users: Counter[str] = field(default_factory=Counter)


class Responders:
    """Opens a responder with the first token for its address, and closes it with the last."""

    def __init__(self) -> None:
        self._posts: dict[Address, _Post] = {}
        self._mutex = Lock()

    def add(self, address: Address, token: str, response: str) -> None:
        """Serve `response` for `token` at `address`; may be asked for several times.

        Raises:
            OperatorError: the address cannot be listened on.
            NoIpv6Error: this machine has no IPv6.
        """
        with self._mutex:
            post = self._posts.get(address)
            if post is None:
                responses: dict[str, str] = {}
                responder = Responder(listen(address), responses.get)
                post = self._posts[address] = _Post(responder, responses)
            post.responses[token] = response
            post.users[token] += 1

    def drop(self, address: Address, token: str) -> None:
        """Serve `token` no longer, once each who asked for it says so; unknown ones are fine."""
        with self._mutex:
            post = self._posts.get(address)
            if post is None or not post.users[token]:
                return
            post.users[token] -= 1
            if post.users[token]:
                return
            del post.users[token], post.responses[token]
            if not post.responses:
                del self._posts[address]
                post.responder.close()


# A port belongs to the whole process, and so does the table of who listens where.
OF_THIS_PROCESS = Responders()


class NoIpv6Error(MachineError):
    """This machine has no IPv6."""


def listen(address: Address) -> socket.socket:
    """A listening socket at an IPv4 or IPv6 address, which is never both at once.

    Raises:
        OperatorError: the port is taken, or not allowed; the address is not this machine's.
        NoIpv6Error: this machine has no IPv6.
    """
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
        raise _cannot(address, error) from error
    return listening


def _cannot(address: Address, error: OSError) -> OperatorError | NoIpv6Error:
    host, port = address
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if host == "::" and error.errno in _NO_IPV6:
        return NoIpv6Error("this machine has no IPv6", code="no-ipv6", where=where)
    if error.errno == errno.EADDRINUSE:
        return OperatorError(
            "the port for http-01 is taken by another process",
            code="port-taken",
            where=where,
            remedy=f"`ss -ltnp 'sport = :{port}'` shows which; end it, {_WAY_OUT}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return OperatorError(
            "listening for http-01 is not allowed",
            code="port-forbidden",
            where=where,
            remedy=f"Run as root or with CAP_NET_BIND_SERVICE, {_WAY_OUT}",
        )
    return OperatorError(
        f"cannot listen for http-01: {error.strerror or error}",
        code="cannot-listen",
        where=where,
        remedy=f"Name addresses of this machine in the solver's `listen`, {_WAY_OUT}",
    )
