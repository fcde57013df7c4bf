"""What is to be said of the TLS that a server speaks towards its own back ends."""

import os
from collections.abc import Iterator

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.local import (
    BACKEND_CLIENTS_NAME,
    BACKEND_NAME_NOT_CHECKED,
    BACKEND_NAME_NOT_SENT,
    BACKEND_NOT_VERIFIED,
    BACKEND_STORE_MISSING,
    FILE_MISSING,
)
from everleaf.local.model import Backend
from everleaf.local.reading import unread


def findings(one: Backend) -> Iterator[Finding]:
    """All of one back end; whether the way there is the operator's own, nobody can tell here."""
    yield from _stores(one)
    if not one.verified:
        what = f"the certificate of the back end {one.to} is not checked"
        yield _finding(BACKEND_NOT_VERIFIED, what, one)
    elif not one.checks:
        what = f"the certificate of the back end {one.to} is checked, but not for whom it is"
        yield _finding(BACKEND_NAME_NOT_CHECKED, what, one)
    if not one.sends:
        what = f"no server name is sent to the back end {one.to}"
        yield _finding(BACKEND_NAME_NOT_SENT, what, one)
    if one.by_client:
        what = f"the back end {one.to} is asked for by the client's name for the host"
        yield _finding(BACKEND_CLIENTS_NAME, what, one)


def _stores(one: Backend) -> Iterator[Finding]:
    """Those that the server could not load."""
    for path in one.stores:
        try:
            os.stat(path)  # noqa: PTH116 - a string
        except (OSError, ValueError) as error:
            found = unread(path, "trust store", one.place, error)
            if found.symptom is not FILE_MISSING:
                yield found
                continue
            what = f"the trust store {path} for the back end {one.to} is not there"
            yield _finding(BACKEND_STORE_MISSING, what, one, path=path)


def _finding(symptom: Symptom, what: str, one: Backend, **detail: str) -> Finding:
    return Finding(
        symptom=symptom, what=what, where=(one.place,), detail={"backend": one.to, **detail}
    )


def facts(one: Backend) -> dict[str, object]:
    """For programs."""
    return {
        "to": one.to,
        "place": one.place,
        "server_name": one.sends or None,
        "verified": one.verified,
        "name_checked": one.checks,
        "trust_store": list(one.stores),
    }
