"""Our account at one authority: found by its key, or created (RFC 8555, section 7.3)."""

from collections.abc import Sequence
from threading import RLock
from typing import Protocol

from everleaf.ca.directory import Directory
from everleaf.ca.jws import Signer, load, new_key
from everleaf.ca.problem import is_kind
from everleaf.ca.session import Post, Session
from everleaf.errors import AuthorityError, OperatorError

_DOING = "open an account"


class AccountFiles(Protocol):
    """Where key and URL of one account are kept. Whatever is saved is on disk on return."""

    def load(self) -> tuple[bytes | None, str | None]:
        """The key (PEM) and the account's URL, as far as they are there."""
        ...

    def save_key(self, key_pem: bytes) -> None:
        """Keep a new key; it is a secret."""
        ...

    def save_url(self, url: str) -> None:
        """Keep the account's URL."""
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
    ) -> None:
        self._session = session
        self._files = files
        self._contact = tuple(contact)
        self._agreed = terms_of_service_agreed
        self._signer: Signer | None = None
        self._mutex = RLock()

    def signer(self) -> Signer:
        """Signs for the account, which is found or created first where its URL is not known.

        Raises:
            OperatorError: terms not agreed to, contact refused, account deactivated, key unusable.
            AuthorityError: the authority refused otherwise, or did not answer.
        """
        with self._mutex:
            if self._signer is None:
                key, url = self._files.load()
                if key is None:
                    key, url = new_key(), None
                    self._files.save_key(key)
                signer = load(key)
                self._signer = signer.of(url) if url else self._open(signer)
            return self._signer

    def open_again(self, unknown: Signer) -> Signer:
        """The authority no longer knows the account: open one with the same key, once for all."""
        with self._mutex:
            if self._signer is None or self._signer.kid == unknown.kid:
                self._signer = self._open(Signer(unknown.key, unknown.algorithm))
            return self._signer

    def _open(self, signer: Signer) -> Signer:
        directory = self._session.directory()
        hindrance = self._hindrance(directory)
        payload: dict[str, object] = {}
        if hindrance is not None:
            # An account that this key already has is ours to use all the same.
            payload["onlyReturnExisting"] = True
        else:
            if self._contact:
                payload["contact"] = list(self._contact)
            if self._agreed:
                payload["termsOfServiceAgreed"] = True
        # The same key never opens a second account, so it may be sent again.
        post = Post(url=directory.new_account, payload=payload, doing=_DOING)
        try:
            answer = self._session.post(post, signer)
        except AuthorityError as error:
            if hindrance is not None and is_kind(error, "accountDoesNotExist"):
                raise hindrance from None
            raise self._translated(error, directory) from error
        url = answer.location(_DOING)
        self._files.save_url(url)
        return signer.of(url)

    def _hindrance(self, directory: Directory) -> OperatorError | None:
        if directory.external_account_required:
            return _no_binding(directory.url)
        if directory.terms_of_service and not self._agreed:
            return _not_agreed(directory)
        return None

    def _translated(self, error: AuthorityError, directory: Directory) -> Exception:
        words = "; ".join(error.problem.lines()) if error.problem else ""
        match error.problem.kind if error.problem else "":
            case "userActionRequired" if not self._agreed:
                return _not_agreed(directory)
            case "externalAccountRequired":
                return _no_binding(directory.url)
            case "invalidContact" | "unsupportedContact":
                return OperatorError(
                    f"the authority refuses the contact: {words}",
                    code="contact-refused",
                    where=directory.url,
                    remedy='Correct `contact`, as in ["mailto:ops@example.org"]',
                )
            case "unauthorized":
                return OperatorError(
                    f"the authority refuses the account: {words}",
                    code="account-refused",
                    where=directory.url,
                    remedy="An account that was deactivated never comes back: remove its folder "
                    "under accounts/ in the state directory, and a new one is opened",
                )
            case _:
                return error


def _not_agreed(directory: Directory) -> OperatorError:
    return OperatorError(
        "the authority's terms of service have not been agreed to",
        code="terms-not-agreed",
        where=directory.terms_of_service or directory.url,
        remedy="Read them, then set terms_of_service_agreed = true for this authority",
    )


def _no_binding(url: str) -> OperatorError:
    return OperatorError(
        "the authority asks for external account binding, which is not supported yet",
        code="external-account-required",
        where=url,
        remedy="Choose another authority",
    )
