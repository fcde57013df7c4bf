"""The port `Authority` over ACME: each method is one request and what its answer means."""

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from everleaf.ca import orders, renewalinfo
from everleaf.ca.account import Account, AccountFiles
from everleaf.ca.accounts import AcmeAccounts
from everleaf.ca.answer import Answer as HttpAnswer
from everleaf.ca.answer import malformed
from everleaf.ca.binding import Binding
from everleaf.ca.problem import is_kind
from everleaf.ca.profiles import not_offered
from everleaf.ca.quirks import look_again
from everleaf.ca.revocation import revoke
from everleaf.ca.session import JSON, PEM_CHAIN, Effect, Post, Session
from everleaf.core.identifiers import Identifier
from everleaf.core.window import Answer
from everleaf.errors import AuthorityError, UnreachableError
from everleaf.ports import Accounts, Authorization, Clock, Order

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_DOWNLOAD = "hand out the certificate"
_MOST_CHAINS = 16


class AcmeAuthority:
    """One ACME server, with our account there (see `everleaf.ports.Authority`)."""

    def __init__(
        self,
        *,
        name: str,
        directory: str,
        ca_file: Path | None,
        contact: Sequence[str],
        terms_of_service_agreed: bool,
        accounts: AccountFiles,
        clock: Clock,
        binding: Binding | None = None,
        proxy: str | None = None,
    ) -> None:
        """Nothing is read or connected yet.

        Args:
            name: in the configuration.
            directory: URL of the directory.
            ca_file: trust for the directory's own TLS, PEM; None: the system's.
            contact: URLs, as in `mailto:ops@example.org`.
            terms_of_service_agreed: only then is the agreement sent.
            accounts: keeps key and URL of the account.
            clock: the run's.
            binding: to an account that was opened elsewhere (section 7.3.4).
            proxy: as in `http://host:port`, with credentials where it asks for them; empty: none;
                None: the environment's.
        """
        self.name = name
        self._url = directory
        self._clock = clock
        self._session = Session(directory, clock=clock, ca_file=ca_file, proxy=proxy)
        self._account = Account(
            self._session,
            accounts,
            contact=contact,
            terms_of_service_agreed=terms_of_service_agreed,
            binding=binding,
        )
        self.accounts: Accounts = AcmeAccounts(self._session, self._account, accounts, clock)

    def account(self) -> str:
        """The account's URL; found by its key, or created."""
        return self._account.signer().kid or ""

    def has_renewal_info(self) -> bool:
        """Whether the directory names a renewalInfo resource (RFC 9773, section 3)."""
        return self._session.directory().renewal_info is not None

    def skew(self) -> timedelta | None:
        """Its clock minus ours, by the `Date` of its last answer."""
        return self._session.skew

    def renewal_info(self, cert_id: str) -> Answer:
        """Ask for the window, unauthenticated (RFC 9773, section 4.1). Never raises."""
        return renewalinfo.ask(self._session, cert_id, self._clock)

    def profiles(self) -> Mapping[str, str]:
        """The profiles that the directory offers, with their descriptions."""
        return self._session.directory().profiles

    def identities(self) -> tuple[str, ...]:
        """The names by which CAA records may allow it (`caaIdentities`, section 9.7.6)."""
        return self._session.directory().caa_identities

    def new_order(
        self, identifiers: Sequence[Identifier], replaces: str | None, profile: str = ""
    ) -> Order:
        """Place an order (RFC 8555, section 7.4); `replaces` is left out where there is no ARI.

        Sent once: after a lost answer an order may stand there, pending, of which we know nothing.

        Raises:
            AuthorityError: a refusal; the operator's to mend where it is the profile.
        """
        doing = "place an order"
        directory = self._session.directory()
        if profile and profile not in directory.profiles:
            raise not_offered(profile, directory.profiles, self._url)
        payload: dict[str, object] = {"identifiers": orders.wire(identifiers)}
        if replaces is not None and directory.renewal_info is not None:
            payload["replaces"] = replaces
        if profile:
            payload["profile"] = profile
        try:
            answer = self._post(directory.new_order, payload, doing, Effect.CREATE)
        except AuthorityError as error:
            if not is_kind(error, "invalidProfile"):
                raise
            raise not_offered(profile, directory.profiles, self._url, error) from error
        return self._order(answer, answer.location(doing), doing)

    def order(self, url: str) -> Order:
        """Look at an order."""
        doing = "show an order"
        return self._order(self._post(url, None, doing), url, doing)

    def authorization(self, url: str) -> Authorization:
        """Look at an authorization, its challenges with their key authorizations."""
        answer = self._post(url, None, "show an authorization")
        now = self._clock.now()
        again = look_again(self._url, answer.retry_at(now), now)
        return orders.authorization(answer, url, self._account.signer(), again)

    def answer(self, challenge_url: str) -> None:
        """Say that the challenge's response is in place (section 7.5.1).

        Where the answer is lost the challenge itself says whether it arrived: a second one may
        be refused.
        """
        doing = "validate a challenge"
        try:
            self._post(challenge_url, {}, doing, Effect.CHANGE)
        except UnreachableError:
            seen = self._post(challenge_url, None, "show a challenge")
            if seen.document("show a challenge").get("status") == "pending":
                self._post(challenge_url, {}, doing, Effect.CHANGE)

    def deactivate(self, authorization_url: str) -> None:
        """Give an authorization up (section 7.5.2)."""
        doing = "deactivate an authorization"
        self._post(authorization_url, {"status": "deactivated"}, doing)

    def finalize(self, order: Order, csr: bytes) -> Order:
        """Send the CSR (DER) of a ready order (section 7.4)."""
        doing = "issue the certificate"
        text = base64.urlsafe_b64encode(csr).rstrip(b"=").decode("ascii")
        answer = self._post(order.finalize, {"csr": text}, doing, Effect.CHANGE)
        return self._order(answer, order.url, doing)

    def certificate(self, url: str) -> bytes:
        """Download the chain, PEM, as received (section 7.4.2)."""
        answer = self._post(url, None, _DOWNLOAD, accept=PEM_CHAIN)
        if _BEGIN not in answer.body:
            raise malformed(answer, _DOWNLOAD, f"it is no PEM chain: {answer.excerpt()!r}")
        return answer.body

    def alternates(self, url: str) -> tuple[bytes, ...]:
        """Download the other chains of the same certificate, PEM, in the order of their links."""
        answer = self._post(url, None, _DOWNLOAD, accept=PEM_CHAIN)
        others = [one for one in answer.linked("alternate", _DOWNLOAD) if one != url]
        return tuple(self.certificate(one) for one in others[:_MOST_CHAINS])

    def revoke(self, leaf: bytes, reason: int, key: bytes | None = None) -> None:
        """Revoke a certificate (DER; section 7.6); already revoked: nothing to do."""
        revoke(self._session, self._account, leaf, reason, key)

    def _order(self, answer: HttpAnswer, url: str, doing: str) -> Order:
        now = self._clock.now()
        return orders.order(answer, url, doing, look_again(self._url, answer.retry_at(now), now))

    def _post(
        self,
        url: str,
        payload: dict[str, object] | None,
        doing: str,
        effect: Effect = Effect.NONE,
        accept: str = JSON,
    ) -> HttpAnswer:
        post = Post(url=url, payload=payload, doing=doing, effect=effect, accept=accept)
        return self._account.post(lambda _: post)
