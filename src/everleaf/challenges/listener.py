"""http-01 by a listener of our own: RFC 8555, section 8.3."""

from collections.abc import Sequence

from everleaf.challenges.responders import OF_THIS_PROCESS, Address, NoIpv6Error, Responders
from everleaf.challenges.tokens import safe
from everleaf.core.identifiers import Identifier
from everleaf.core.job import Trace
from everleaf.ports import Challenge


class HttpListener:
    """The port `Solver`: answers at all its addresses, for as long as a challenge stands.

    A response lives in this process only, so that nothing is left of a process that was killed:
    there is nothing to remove for another one.
    """

    types: tuple[str, ...] = ("http-01",)

    def __init__(
        self,
        name: str,
        addresses: Sequence[Address],
        responders: Responders = OF_THIS_PROCESS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: of the solver in the configuration.
            addresses: IP address and port of each.
            responders: shared by all that listen in this process.
        """
        self.name = name
        self._addresses = tuple(addresses)
        self._responders = responders

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand: its place is the token."""
        return Trace(solver=self.name, identifier=str(identifier), place=safe(challenge.token))

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Serve the key authorization; the listeners are open when this returns.

        `[::]` is left out on a machine without IPv6, where another address is configured.

        Raises:
            OperatorError: an address cannot be listened on; then none is left open for it.
        """
        done: list[Address] = []
        lacking: NoIpv6Error | None = None
        for address in self._addresses:
            try:
                self._responders.add(address, trace.place, challenge.key_authorization)
                done.append(address)
            except NoIpv6Error as error:
                lacking = error
            except BaseException:
                for opened in done:
                    self._responders.drop(opened, trace.place)
                raise
        if lacking and not done:
            raise lacking

    def remove(self, trace: Trace) -> None:
        """Serve it no longer; nothing where this process does not."""
        for address in self._addresses:
            self._responders.drop(address, trace.place)
