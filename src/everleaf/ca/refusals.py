"""What the operator must do where an authority does not open an account: words and advice."""

from everleaf.ca.directory import Directory
from everleaf.errors import AuthorityError, EverleafError, OperatorError

_TABLE = 'external_account = { kid = "...", hmac_key = { file = "..." } }'


def words_of(error: AuthorityError) -> str:
    """The problem document on one line."""
    return "; ".join(error.problem.lines()) if error.problem else error.fault.what


def hindrance(directory: Directory, *, agreed: bool, bound: bool) -> OperatorError | None:
    """Why no account can be opened, as far as the directory says so (RFC 8555, section 7.3)."""
    if directory.external_account_required and not bound:
        return no_binding(directory.url)
    if directory.terms_of_service and not agreed:
        return not_agreed(directory)
    return None


def translated(
    error: AuthorityError, directory: Directory, *, agreed: bool, kid: str | None = None
) -> EverleafError:
    """A refusal to open, find or change an account.

    Args:
        kid: of the external binding that was sent along, so that it is what was refused.
    """
    match error.problem.kind if error.problem else "":
        case "userActionRequired" if not agreed:
            return not_agreed(directory)
        case "externalAccountRequired" if kid is None:
            return no_binding(directory.url)
        case "invalidContact" | "unsupportedContact":
            return OperatorError(
                f"the authority refuses the contact: {words_of(error)}",
                code="contact-refused",
                where=directory.url,
                remedy='Correct `contact`, as in ["mailto:ops@example.org"]',
            )
        case "unauthorized" | "malformed" | "badPublicKey" | "externalAccountRequired" if kid:
            return OperatorError(
                f"the authority refuses the external account {kid!r}: {words_of(error)}",
                code="external-account-refused",
                where=directory.url,
                remedy="Compare `kid` and `hmac_key` with what the authority shows; at some they "
                "are good for one account or a few days, and new ones must be made there",
            )
        case "unauthorized":
            return OperatorError(
                f"the authority refuses the account: {words_of(error)}",
                code="account-refused",
                where=directory.url,
                remedy="An account that was deactivated never comes back: remove its folder "
                "under accounts/ in the state directory, and a new one is opened",
            )
        case _:
            return error


def not_agreed(directory: Directory) -> OperatorError:
    """The terms of service are the operator's to agree to."""
    return OperatorError(
        "the authority's terms of service have not been agreed to",
        code="terms-not-agreed",
        where=directory.terms_of_service or directory.url,
        remedy="Read them, then set terms_of_service_agreed = true for this authority",
    )


def no_binding(url: str) -> OperatorError:
    """An external account must be configured."""
    return OperatorError(
        "the authority asks for external account binding, and none is configured",
        code="external-account-required",
        where=url,
        remedy=f"Take key identifier and HMAC key from your account there, and set {_TABLE} "
        "for this authority",
    )
