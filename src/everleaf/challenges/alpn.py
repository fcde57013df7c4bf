"""tls-alpn-01 by a listener of our own: RFC 8737; for IP addresses RFC 8738, section 6."""

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from everleaf.challenges.activation import Address
from everleaf.challenges.alpn_check import look
from everleaf.challenges.outlook import Outlook, prevented, survey
from everleaf.challenges.responders import Responders
from everleaf.challenges.tls_exchange import TlsExchange, context_for
from everleaf.challenges.tokens import random_challenge, safe
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.core.job import Trace
from everleaf.errors import EverleafError, OperatorError
from everleaf.ports import Challenge, Clock, Concern

PATIENCE = 600.0  # seconds; another order's challenge takes minutes at most
_SHORTEST, _LONGEST = 0.05, 1.0


class AlpnResponders(Responders[ssl.SSLContext]):
    """Those that serve validation certificates by their server names."""

    def __init__(self) -> None:
        super().__init__("tls-alpn-01", TlsExchange)


# A port belongs to the whole process, and so does the table of who listens where.
OF_THIS_PROCESS = AlpnResponders()


@dataclass(frozen=True, slots=True)
class _Made:
    """A validation certificate (PEM), and the context that serves it."""

    certificate: bytes
    context: ssl.SSLContext


class AlpnListener:
    """The port `Solver`: shakes hands at all its addresses, for as long as a challenge stands.

    One name has one certificate at a time: a second order for it waits until the first is done.
    A response lives in this process only, as that of http-01's listener does.
    """

    types: tuple[str, ...] = ("tls-alpn-01",)
    binds_account = False

    def __init__(
        self,
        name: str,
        addresses: Sequence[Address],
        clock: Clock,
        *,
        responders: AlpnResponders = OF_THIS_PROCESS,
        outlook: Outlook | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: of the solver in the configuration.
            addresses: IP address and port of each.
            clock: by which it waits for other orders, and dates certificates.
            responders: shared by all that listen in this process.
            outlook: how authorities find the responders; None: nothing is known of it.
            patience: for how many seconds another order's response is waited for.
        """
        self.name = name
        self._addresses = tuple(addresses)
        self._clock = clock
        self._responders = responders
        self._outlook = outlook
        self._patience = patience

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand: its place is the server name, and the token after it."""
        place = f"{server_name(identifier)}/{safe(challenge.token)}"
        return Trace(solver=self.name, identifier=str(identifier), place=place)

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Serve a validation certificate; the listeners are open when this returns.

        Raises:
            OperatorError: an address cannot be listened on; another order's response for this
                name stands there all the time.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        made = self._make(parse(trace.identifier), challenge)
        end = self._clock.monotonic() + self._patience
        pause = _SHORTEST
        while not self._serve(trace, made):
            if self._clock.monotonic() >= end:
                raise _occupied(trace)
            self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Nothing to wait for: what is presented is served."""

    def remove(self, trace: Trace) -> None:
        """Serve it no longer; nothing where this process does not."""
        name, token = _parts(trace)
        self._responders.nowhere(self._addresses, name, token)

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Open the responders with random certificates, and look at every published address.

        A name for which an order's response stands there just now is left out.
        """
        if self._outlook is None:
            return ()
        shown: dict[Identifier, tuple[Trace, _Made]] = {}
        try:
            for one in identifiers:
                challenge = random_challenge("tls-alpn-01")
                trace, made = self.trace(one, challenge), self._make(one, challenge)
                if self._serve(trace, made):
                    shown[one] = trace, made
            return self._survey({one: made.certificate for one, (_, made) in shown.items()})
        except EverleafError as error:
            return prevented(identifiers, error)
        finally:
            for trace, _ in shown.values():
                self.remove(trace)

    def _survey(self, shown: dict[Identifier, bytes]) -> tuple[Concern, ...]:
        outlook = self._outlook
        assert outlook is not None  # noqa: S101 - looked at by the caller
        return survey(
            tuple(shown),
            outlook,
            lambda one, address: look(server_name(one), address, outlook, shown[one]),
            "Another server answers there: let it pass TLS connections for acme-tls/1 on to this "
            "listener as they are, or choose another challenge",
        )

    def _make(self, identifier: Identifier, challenge: Challenge) -> _Made:
        from everleaf.core.wanted import KeyType
        from everleaf.pki.alpn import validation_certificate
        from everleaf.pki.keys import make

        key = make(KeyType.ECDSA_P256)
        certificate = validation_certificate(
            key, identifier, challenge.key_authorization, self._clock.now()
        )
        return _Made(certificate, context_for(certificate, key))

    def _serve(self, trace: Trace, made: _Made) -> bool:
        name, token = _parts(trace)
        return self._responders.everywhere(self._addresses, name, made.context, token)


def server_name(identifier: Identifier) -> str:
    """The name that authorities send: for an address that of its reverse mapping."""
    if identifier.kind is Kind.IP:
        return ipaddress.ip_address(identifier.value).reverse_pointer
    return identifier.value


def _parts(trace: Trace) -> tuple[str, str]:
    name, _, token = trace.place.rpartition("/")
    return name, token


def _occupied(trace: Trace) -> OperatorError:
    return OperatorError(
        f"another order's response for {trace.identifier} is not taken down",
        code="name-occupied",
        where=_parts(trace)[0],
        remedy="The next run tries again; let just one certificate have this name at a time, or "
        "choose another challenge",
    )
