"""The port `Accounts` over ACME: what can be done with our account (RFC 8555, section 7.3)."""

from everleaf.ca.account import Account, AccountFiles
from everleaf.ca.answer import Answer
from everleaf.ca.jws import Signer, load
from everleaf.ca.problem import is_kind
from everleaf.ca.refusals import translated
from everleaf.ca.session import Effect, Post, Session
from everleaf.errors import AuthorityError, OperatorError, UnreachableError
from everleaf.ports import AccountFacts, Clock

_SHOW = "show the account"
_ROLL_OVER = "change the account's key"


class AcmeAccounts:
    """Our account at one ACME server (see `everleaf.ports.Accounts`)."""

    def __init__(
        self, session: Session, account: Account, files: AccountFiles, clock: Clock
    ) -> None:
        """Nothing is read or sent yet."""
        self._session = session
        self._account = account
        self._files = files
        self._clock = clock

    def facts(self) -> AccountFacts:
        """The account; found by its key, or created."""
        return self._facts(self._post(None, _SHOW), _SHOW)

    def update(self) -> AccountFacts:
        """Bring its contact to the configuration's (section 7.3.2).

        There is no field by which one agrees to changed terms of service: that the operator has
        is written down here.

        Raises:
            OperatorError: the contact is refused.
        """
        doing = "update the account"
        answer = self._post({"contact": list(self._account.contact)}, doing)
        terms = self._session.directory().terms_of_service
        if self._account.agreed and terms:
            self._files.save_url(self._account.signer().kid or "", terms)
        return self._facts(answer, doing)

    def roll_over(self) -> AccountFacts:
        """Replace its key by a new one of its kind (section 7.3.5).

        The new key is on disk before anything is sent. Where nobody knows whether the authority
        took it, it stays there, and the next use asks (see `Account`).

        Raises:
            AuthorityError: the authority changes no keys, or not this one; the old one stays.
            UnreachableError: no answer came, and the new key was not found to be the account's.
        """
        self.facts()
        url = self._session.directory().key_change
        if url is None:
            raise AuthorityError(
                "the authority's directory names no resource to change keys at",
                code="no-key-change",
                where=self._session.directory().url,
                remedy="The key stays; another account has another key",
            )
        old = self._account.signer()
        key = old.another_key()
        self._files.save_next_key(key)
        try:
            self._send(old, load(key), url)
            self._files.take_next_key()
        finally:
            self._account.forget()
        return self.facts()

    def _send(self, old: Signer, new: Signer, url: str) -> None:
        inner = new.inner({"account": old.kid, "oldKey": old.public}, url)
        post = Post(url=url, payload=inner, doing=_ROLL_OVER, effect=Effect.CHANGE)
        try:
            self._session.post(post, old)
        except UnreachableError:
            if self._account.find(new) is None:
                raise
        except AuthorityError:
            self._files.drop_next_key()
            raise

    def deactivate(self) -> None:
        """Give it up for good (section 7.3.6); its folder is kept aside.

        Raises:
            OperatorError: there is none.
        """
        if self._files.load()[0] is None:
            raise OperatorError(
                "there is no account to deactivate",
                code="no-account",
                where=self._session.directory().url,
            )
        signer = self._account.signer()
        payload = {"status": "deactivated"}
        post = Post(
            url=signer.kid or "",
            payload=payload,
            doing="deactivate the account",
            effect=Effect.CHANGE,
        )
        try:
            self._session.post(post, signer)
        except AuthorityError as error:
            if not self._is_gone(signer, error):
                raise
        self._files.retire(self._clock.now())
        self._account.forget()

    def _is_gone(self, signer: Signer, error: AuthorityError) -> bool:
        """Whether the account is deactivated all the same, or unknown to the authority."""
        if not isinstance(error, UnreachableError) and not is_kind(error, "unauthorized"):
            return is_kind(error, "accountDoesNotExist")
        try:
            return self._account.find(signer) is None
        except OperatorError as refusal:
            return refusal.fault.code == "account-refused"

    def new_terms(self) -> str:
        """URL of terms of service that are not those agreed to (section 7.3.3)."""
        agreed, terms = self._files.terms(), self._session.directory().terms_of_service
        return terms if agreed and terms and terms != agreed else ""

    def _post(self, payload: dict[str, object] | None, doing: str) -> Answer:
        def make(signer: Signer) -> Post:
            return Post(url=signer.kid or "", payload=payload, doing=doing)

        try:
            return self._account.post(make)
        except AuthorityError as error:
            directory = self._session.directory()
            raise translated(error, directory, agreed=self._account.agreed) from error

    def _facts(self, answer: Answer, doing: str) -> AccountFacts:
        body = answer.document(doing)
        status, contact = body.get("status"), body.get("contact")
        signer = self._account.signer()
        return AccountFacts(
            url=signer.kid or "",
            status=status if isinstance(status, str) else "",
            contact=tuple(str(one) for one in contact) if isinstance(contact, list) else (),
            thumbprint=signer.thumbprint,
            terms=self._session.directory().terms_of_service or "",
            agreed=self._files.terms(),
        )
