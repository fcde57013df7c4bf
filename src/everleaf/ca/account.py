"""Our account at one authority: which key stands for it, and its URL (RFC 8555, section 7.3)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import RLock
from typing import Protocol

from everleaf.ca.answer import Answer
from everleaf.ca.binding import Binding
from everleaf.ca.directory import Directory
from everleaf.ca.jws import Signer, load, new_key
from everleaf.ca.problem import is_kind
from everleaf.ca.refusals import hindrance, translated
from everleaf.ca.session import Post, Session
from everleaf.errors import AuthorityError

_DOING = "open an account"
_FINDING = "find an account by its key"


class AccountFiles(Protocol):
    """Where key and URL of one account are kept. Whatever is saved is on disk on return."""

    def load(self) -> tuple[bytes | None, str | None]:
        """The key (PEM) and the account's URL, as far as they are there."""
        ...

    def save_key(self, key_pem: bytes) -> None:
        """Keep a new key; it is a secret."""
        ...

    def save_url(self, url: str, terms: str = "") -> None:
        """Keep the account's URL, and that of the terms agreed to; empty: those known stay."""
        ...

    def terms(self) -> str:
        """URL of the terms of service that were agreed to; empty: not known."""
        ...

    def next_key(self) -> bytes | None:
        """The key of a roll-over that was begun and not ended."""
        ...

    def save_next_key(self, key_pem: bytes) -> None:
        """Keep a key beside the one in use; it is a secret."""
        ...

    def take_next_key(self) -> None:
        """Let it replace the key in use, as one."""
        ...

    def drop_next_key(self) -> None:
        """Remove it; absent is fine."""
        ...

    def retire(self, at: datetime) -> None:
        """Put all of it aside under another name; nothing is there afterwards."""
        ...


class Account:
    """One account; nothing is read or sent before it is first asked for."""

    def __init__(
        self,
        session: Session,
        files: AccountFiles,
        *,
        contact: Sequence[str],
        terms_of_service_agreed: bool,
        binding: Binding | None = None,
    ) -> None:
        self._session = session
        self._files = files
        self._binding = binding
        self._signer: Signer | None = None
        self._mutex = RLock()
        self.contact = tuple(contact)
        self.agreed = terms_of_service_agreed

    def signer(self) -> Signer:
        """Signs for the account, which is found or created first where its URL is not known.

        Raises:
            OperatorError: terms not agreed to, contact or external account refused, account
                deactivated, key unusable.
            AuthorityError: the authority refused otherwise, or did not answer.
        """
        with self._mutex:
            if self._signer is None:
                self._signer = self._ready()
            return self._signer

    def post(self, make: Callable[[Signer], Post]) -> Answer:
        """A request signed for the account; opened again once where the authority forgot it."""
        signer = self.signer()
        try:
            return self._session.post(make(signer), signer)
        except AuthorityError as error:
            if not is_kind(error, "accountDoesNotExist"):
                raise
        signer = self.open_again(signer)
        return self._session.post(make(signer), signer)

    def open_again(self, unknown: Signer) -> Signer:
        """The authority no longer knows the account: open one with the same key, once for all."""
        with self._mutex:
            if self._signer is None or self._signer.kid == unknown.kid:
                self._signer = self._open(unknown.alone())
            return self._signer

    def find(self, signer: Signer) -> str | None:
        """URL of the account that this key has at the authority; None: none (section 7.3.1).

        Raises:
            OperatorError: it was deactivated.
            AuthorityError: the authority refused otherwise, or did not answer.
        """
        directory = self._session.directory()
        payload = {"onlyReturnExisting": True}
        post = Post(url=directory.new_account, payload=payload, doing=_FINDING)
        try:
            return self._session.post(post, signer.alone()).location(_FINDING)
        except AuthorityError as error:
            if is_kind(error, "accountDoesNotExist"):
                return None
            raise translated(error, directory, agreed=self.agreed) from error

    def forget(self) -> None:
        """The next use reads the files anew."""
        with self._mutex:
            self._signer = None

    def _ready(self) -> Signer:
        key, url = self._files.load()
        if key is None:
            key, url = new_key(), None
            self._files.save_key(key)
        signer, following = load(key), self._files.next_key()
        if following is not None:
            return self._mended(signer, load(following))
        return signer.of(url) if url else self._open(signer)

    def _mended(self, signer: Signer, following: Signer) -> Signer:
        """A roll-over was begun, and nobody wrote down what became of it: the authority knows."""
        url = self.find(following)
        if url is None:
            signer = self._open(signer)
            self._files.drop_next_key()
            return signer
        self._files.take_next_key()
        self._files.save_url(url)
        return following.of(url)

    def _open(self, signer: Signer) -> Signer:
        directory = self._session.directory()
        why_not = hindrance(directory, agreed=self.agreed, bound=self._binding is not None)
        if why_not is not None or self._binding is not None:
            # An account that this key has already is ours to use all the same, and costs no
            # external key that may be good for one account only.
            url = self.find(signer)
            if url is not None:
                self._files.save_url(url)
                return signer.of(url)
        if why_not is not None:
            raise why_not
        url = self._create(directory, signer)
        terms = directory.terms_of_service if self.agreed else None
        self._files.save_url(url, terms or "")
        return signer.of(url)

    def _create(self, directory: Directory, signer: Signer) -> str:
        payload: dict[str, object] = {}
        if self.contact:
            payload["contact"] = list(self.contact)
        if self.agreed:
            payload["termsOfServiceAgreed"] = True
        if self._binding is not None:
            bound = self._binding.of(signer, directory.new_account)
            payload["externalAccountBinding"] = bound
        # The same key never opens a second account, so it may be sent again.
        post = Post(url=directory.new_account, payload=payload, doing=_DOING)
        try:
            return self._session.post(post, signer).location(_DOING)
        except AuthorityError as error:
            kid = self._binding.kid if self._binding else None
            raise translated(error, directory, agreed=self.agreed, kid=kid) from error
