"""Whether the responses of an http-01 solver can be fetched where authorities fetch them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from everleaf.challenges.fetching import MisledError, fetch
from everleaf.challenges.outlook import Outlook, Sight, missed, prevented, survey
from everleaf.challenges.tokens import WELL_KNOWN, random_challenge
from everleaf.core.identifiers import Identifier
from everleaf.errors import EverleafError
from everleaf.ports import Challenge, Concern, Solver

_SHOWN = 60  # bytes of a foreign body


def inspect(
    solver: Solver, identifiers: Sequence[Identifier], outlook: Outlook | None, remedy: str
) -> tuple[Concern, ...]:
    """Present a response for nobody, and fetch it from every published address.

    Args:
        solver: which presents it.
        identifiers: for which it is fetched.
        outlook: None: nothing can be looked at.
        remedy: where something else answers.
    """
    if outlook is None or not identifiers:
        return ()
    try:
        with _presented(solver, identifiers[0]) as challenge:
            return survey(
                identifiers,
                outlook,
                lambda one, address: _look(one, address, challenge, outlook),
                remedy,
            )
    except EverleafError as error:
        return prevented(identifiers, error)


@contextmanager
def _presented(solver: Solver, identifier: Identifier) -> Iterator[Challenge]:
    challenge = random_challenge("http-01")
    trace = solver.trace(identifier, challenge)
    try:
        solver.present(trace, challenge)
        yield challenge
    finally:
        solver.remove(trace)


def _look(one: Identifier, address: str, challenge: Challenge, outlook: Outlook) -> Sight:
    host = f"[{one}]" if ":" in one.value else one.value
    url = f"http://{host}:{outlook.port}{WELL_KNOWN}{challenge.token}"
    try:
        page = fetch(url, address, outlook.addresses, outlook.limit)
    except MisledError as error:
        return Sight(words=str(error), answered=True)
    except OSError as error:
        return missed(error)
    if page.status != 200:  # noqa: PLR2004 - OK
        words = f"HTTP status {page.status}"
    elif page.body.rstrip() != challenge.key_authorization.encode("ascii"):
        words = f"another body than the response, beginning {page.body[:_SHOWN]!r}"
    else:
        return Sight()
    return Sight(words=words if page.url == url else f"{words} from {page.url}", answered=True)
