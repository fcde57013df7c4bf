"""The responders of one protocol in this process: one an address, open while it is needed."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from everleaf.challenges.activation import Address
from everleaf.challenges.listening import NoIpv6Error, listen, place_of
from everleaf.challenges.responder import Exchange, Responder

R = TypeVar("R")

Begin = Callable[[socket.socket, Callable[[str], R | None]], Exchange]


@dataclass(slots=True)
class _Response(Generic[R]):
    holder: str
    what: R = field(repr=False)
    users: int = 0


class _Post(Generic[R]):
    """One address: its responses, and the responder that gives them."""

    def __init__(self) -> None:
        self.responses: dict[str, _Response[R]] = {}
        self.responder: Responder | None = None

    def find(self, key: str) -> R | None:
        found = self.responses.get(key)
        return found.what if found else None


class Responders(Generic[R]):
    """Opens a responder with the first response at its address, and closes it with the last."""

    def __init__(self, challenge: str, begin: Begin[R]) -> None:
        """Nothing is opened yet.

        Args:
            challenge: the type that is answered.
            begin: the protocol's part for a new connection.
        """
        self._challenge = challenge
        self._begin = begin
        self._posts: dict[Address, _Post[R]] = {}
        self._mutex = Lock()

    def everywhere(
        self, addresses: Sequence[Address], key: str, response: R, holder: str = ""
    ) -> bool:
        """Serve `response` for `key` at all addresses, or at none.

        `[::]` is left out on a machine without IPv6, where another address is named.

        Returns:
            False: another holder's response stands at one of them.

        Raises:
            OperatorError: an address cannot be listened on.
            NoIpv6Error: this machine has no IPv6, and no other address is named.
        """
        done: list[Address] = []
        lacking: NoIpv6Error | None = None
        whole = False
        try:
            for address in addresses:
                try:
                    if not self.add(address, key, response, holder):
                        return False
                    done.append(address)
                except NoIpv6Error as error:
                    lacking = error
            if lacking and not done:
                raise lacking
            whole = True
        finally:
            if not whole:
                self.nowhere(done, key, holder)
        return True

    def nowhere(self, addresses: Sequence[Address], key: str, holder: str = "") -> None:
        """Serve it no longer at any of them."""
        for address in addresses:
            self.drop(address, key, holder)

    def add(self, address: Address, key: str, response: R, holder: str = "") -> bool:
        """Serve `response` for `key` at one address; the same holder may ask several times.

        Raises:
            OperatorError: the address cannot be listened on.
            NoIpv6Error: this machine has no IPv6.
        """
        with self._mutex:
            place = place_of(address)
            post = self._posts.get(place) or _Post()
            there = post.responses.setdefault(key, _Response(holder, response))
            if there.holder != holder:
                return False
            there.what = response
            there.users += 1
            # Opened when the response is there: somebody may be waiting for it already.
            if post.responder is None:
                post.responder = self._open(address, post)
                self._posts[place] = post
            return True

    def _open(self, address: Address, post: _Post[R]) -> Responder:
        begin = self._begin
        return Responder(
            listen(address, self._challenge), lambda connection: begin(connection, post.find)
        )

    def drop(self, address: Address, key: str, holder: str = "") -> None:
        """Serve it no longer, once each who asked for it says so; unknown ones are fine."""
        with self._mutex:
            place = place_of(address)
            post = self._posts.get(place)
            there = post.responses.get(key) if post else None
            if post is None or there is None or there.holder != holder:
                return
            there.users -= 1
            if there.users:
                return
            del post.responses[key]
            if not post.responses and post.responder is not None:
                del self._posts[place]
                post.responder.close()
