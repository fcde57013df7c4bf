"""Whether a configured certificate is what everleaf installed, and whether renewal reaches it."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.local import BYPASSES_LIVE, NOT_OURS, OLDER_VERSION, UNTENDED_COPY
from everleaf.local.model import Use
from everleaf.local.reading import links
from everleaf.pki.certificates import load
from everleaf.pki.judging.names import names_of


class Origin(StrEnum):
    """What a configured certificate is to everleaf."""

    LIVE = "live"  # through the link, or a copy that everleaf keeps
    COPY = "copy"  # the live version, copied by somebody
    BYPASS = "bypass"  # in a version's own folder
    OLDER = "older"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One certificate of everleaf's, as it stands on disk.

    Attributes:
        folder: that holds `live` and `versions`, absolute.
        versions: their ids by the SHA-256 of the leaf.
        live: the id of the live version; None: there is none.
        copies: files and folders outside that everleaf brings up to date.
        names: of the certificate.
    """

    name: str
    folder: str
    versions: Mapping[str, str]
    live: str | None
    copies: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a configured certificate is from. `name`: of the certificate; empty: none of ours."""

    origin: Origin
    name: str = ""
    version: str = ""


def origin(use: Use, leaf: bytes | None, known: Sequence[Installed]) -> Verdict:
    """Compare path and content.

    Args:
        use: what the configuration names.
        leaf: DER; None: it could not be read.
        known: all of everleaf's certificates.
    """
    digest = hashlib.sha256(leaf).hexdigest() if leaf else ""
    real = os.path.realpath(use.certificate)
    for one in known:
        folder = os.path.realpath(one.folder)
        version = one.versions.get(digest, "")
        if _is_in(real, f"{folder}/versions"):
            # Its own links are compared by where they are, however the folder is reached.
            through = any(_same(link, f"{folder}/live") for link in links(use.certificate))
            kind = Origin.LIVE if through else Origin.BYPASS
            return Verdict(
                kind, one.name, os.path.relpath(real, f"{folder}/versions").split("/")[0]
            )
        if any(_is_in(use.certificate, copy) or _is_in(real, copy) for copy in one.copies):
            stale = version and version != one.live
            kind = Origin.OLDER if stale else Origin.LIVE
            return Verdict(kind if version else Origin.OTHER, one.name if version else "", version)
    for one in known:
        if version := one.versions.get(digest, ""):
            kind = Origin.COPY if version == one.live else Origin.OLDER
            return Verdict(kind, one.name, version)
    return Verdict(Origin.OTHER)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _same(link: str, path: str) -> bool:
    """Whether a link is this one, its folder looked through."""
    folder, name = os.path.split(link)
    return str(Path(os.path.realpath(folder), name)) == path


def finding(
    use: Use, verdict: Verdict, leaf: bytes | None, known: Sequence[Installed]
) -> Finding | None:
    """What is to be said of it; None: it is as it should be."""
    said = _said(use.certificate, verdict, leaf, known)
    if said is None:
        return None
    symptom, what = said
    detail = {
        "path": use.certificate,
        "certificate": verdict.name or None,
        "version": verdict.version or None,
    }
    return Finding(symptom=symptom, what=what, where=(use.place,), detail=detail)


def _said(
    path: str, verdict: Verdict, leaf: bytes | None, known: Sequence[Installed]
) -> tuple[Symptom, str] | None:
    name, version = verdict.name, verdict.version
    match verdict.origin:
        case Origin.LIVE:
            return None
        case Origin.BYPASS:
            live = next(one.live for one in known if one.name == name)
            rest = "the live one today" if live == version else f"and {live} is live"
            return (
                BYPASSES_LIVE,
                f"{path} is in the folder of version {version} of {name}, {rest}",
            )
        case Origin.OLDER:
            what = f"{path} holds version {version} of {name}, which is no longer the live one"
            return OLDER_VERSION, what
        case Origin.COPY:
            what = f"{path} is a copy of {name} that everleaf does not bring up to date"
            return UNTENDED_COPY, what
        case Origin.OTHER:
            if leaf is None:
                return None
            rather = _rather(leaf, known)
            return NOT_OURS, f"{path} holds no certificate that everleaf installed{rather}"


def _rather(leaf: bytes, known: Sequence[Installed]) -> str:
    """Ours for the same names, where there is one."""
    try:
        dns, addresses = names_of(load(leaf))
    except ValueError:
        return ""
    names = {one.lower() for one in (*dns, *addresses)}
    mine = [one.name for one in known if names & one.names]
    return f", which has {' and '.join(mine)} for its names" if mine else ""
