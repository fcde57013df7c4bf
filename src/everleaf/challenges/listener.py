"""http-01 by a listener of our own: RFC 8555, section 8.3."""

from collections.abc import Sequence

from everleaf.challenges.activation import Address
from everleaf.challenges.http_check import inspect
from everleaf.challenges.http_exchange import HttpExchange
from everleaf.challenges.outlook import Outlook
from everleaf.challenges.responders import Responders
from everleaf.challenges.tokens import WELL_KNOWN, safe
from everleaf.core.identifiers import Identifier
from everleaf.core.job import Trace
from everleaf.ports import Challenge, Concern


class HttpResponders(Responders[str]):
    """Those that serve key authorizations by their tokens."""

    def __init__(self) -> None:
        super().__init__("http-01", HttpExchange)


# A port belongs to the whole process, and so does the table of who listens where.
OF_THIS_PROCESS = HttpResponders()


class HttpListener:
    """The port `Solver`: answers at all its addresses, for as long as a challenge stands.

    A response lives in this process only, so that nothing is left of a process that was killed:
    there is nothing to remove for another one.
    """

    types: tuple[str, ...] = ("http-01",)
    binds_account = False

    def __init__(
        self,
        name: str,
        addresses: Sequence[Address],
        responders: HttpResponders = OF_THIS_PROCESS,
        outlook: Outlook | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: of the solver in the configuration.
            addresses: IP address and port of each.
            responders: shared by all that listen in this process.
            outlook: how authorities find the responders; None: nothing is known of it.
        """
        self.name = name
        self._addresses = tuple(addresses)
        self._responders = responders
        self._outlook = outlook

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand: its place is the token."""
        return Trace(solver=self.name, identifier=str(identifier), place=safe(challenge.token))

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Serve the key authorization; the listeners are open when this returns.

        `[::]` is left out on a machine without IPv6, where another address is configured.

        Raises:
            OperatorError: an address cannot be listened on; then none is left open for it.
        """
        self._responders.everywhere(self._addresses, trace.place, challenge.key_authorization)

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Nothing to wait for: what is presented is served."""

    def remove(self, trace: Trace) -> None:
        """Serve it no longer; nothing where this process does not."""
        self._responders.nowhere(self._addresses, trace.place)

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Open the responders for a random token, and fetch it from every published address."""
        remedy = (
            "Another server answers there: let it pass requests below "
            f"{WELL_KNOWN} on to this listener, or use its document root with a solver of type "
            '"webroot"'
        )
        return inspect(self, identifiers, self._outlook, remedy)
