"""A certificate's files as a configuration names them: there, readable, whole, and a pair."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from everleaf.core.diagnosis import Finding, Store
from everleaf.core.symptoms import chain as symptoms
from everleaf.core.symptoms.local import FILE_UNREADABLE
from everleaf.core.wanted import Usage
from everleaf.local.keys import Unusable, key_blocks, public_of
from everleaf.local.model import Authorities, Use
from everleaf.local.reading import UnreadError, read, unread
from everleaf.pki.certificates import is_certificate, load, split
from everleaf.pki.judging import judge
from everleaf.pki.keys import public_bytes

# Whom the clients trust is not this machine's to know: a private authority is no fault here.
_OF_TRUST = frozenset(
    one.code
    for one in (
        symptoms.SELF_SIGNED,
        symptoms.UNTRUSTED_AUTHORITY,
        symptoms.TRUSTED_BY_SOME,
        symptoms.ROOT_EXPIRED,
        symptoms.PRIVATE_ROOT,
    )
)


@dataclass(slots=True)
class Looked:
    """What one pair of files holds. `chain`: DER, as the server sends it."""

    chain: tuple[bytes, ...] = ()
    findings: list[Finding] = field(default_factory=list)


def look(use: Use, stores: Sequence[Store], now: datetime) -> Looked:
    """Read and judge; nothing of a key is kept."""
    found = Looked()
    try:
        text = read(use.certificate, "certificate", use.place)
        found.chain = split(text) + (_more(use) if use.chain else ())
    except UnreadError as error:
        found.findings.append(error.finding)
        return found
    if not any(map(is_certificate, found.chain)):
        found.findings.append(_holds_none(use, text))
        found.chain = ()
        return found
    found.findings += _judged(use, found.chain, stores, now)
    if use.has_key:
        try:
            found.findings += _compared(use, text, found.chain[0])
        except UnreadError as error:
            found.findings.append(error.finding)
    return found


def authorities(one: Authorities) -> Iterator[Finding]:
    """Whether they are there; what is in them is for the clients' sake, and not looked at."""
    try:
        os.stat(one.path)  # noqa: PTH116 - a string
    except (OSError, ValueError) as error:
        yield unread(one.path, "list of authorities", one.place, error)


def _more(use: Use) -> tuple[bytes, ...]:
    return split(read(use.chain, "chain", use.place))


def _holds_none(use: Use, text: bytes) -> Finding:
    why = "holds no certificate that can be read"
    if not text.strip():
        why = "is empty"
    elif is_certificate(text):
        why = "is DER, and PEM is wanted"
    return Finding(
        symptom=FILE_UNREADABLE,
        what=f"the certificate {use.certificate} {why}",
        where=(use.place,),
        detail={"path": use.certificate},
    )


def _judged(
    use: Use, chain: Sequence[bytes], stores: Sequence[Store], now: datetime
) -> Iterator[Finding]:
    """What speaks against the chain, whoever trusts its root."""
    for one in judge(chain, "", stores, now, usage=use.usage):
        lacks = one.symptom is symptoms.MISSING_INTERMEDIATE
        if one.code in _OF_TRUST or (lacks and (use.completed or use.usage is Usage.CLIENT)):
            continue
        detail = {**one.detail, "path": use.certificate}
        yield replace(one, what=f"{use.certificate}: {one.what}", where=(use.place,), detail=detail)


def _compared(use: Use, text: bytes, leaf: bytes) -> Iterator[Finding]:
    """Whether the key is that of the first certificate, as servers demand it."""
    path, content = use.certificate, text
    if use.key is not None:
        path, content = use.key, read(use.key, "key", use.place)
    elif use.sibling and not key_blocks(text):
        path, content = use.sibling, read(use.sibling, "key", use.place)
    try:
        public = public_of(content)
    except Unusable as error:
        yield Finding(
            symptom=FILE_UNREADABLE,
            what=f"the key {path} {error}",
            where=(use.place,),
            detail={"path": path},
        )
        return
    if public and is_certificate(leaf) and public != public_bytes(load(leaf).public_key()):
        yield Finding(
            symptom=symptoms.KEY_MISMATCH,
            what=f"the key in {path} does not belong to the certificate in {use.certificate}",
            where=(use.place,),
            detail={"path": use.certificate, "key": path},
        )
