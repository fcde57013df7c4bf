"""The versions of TLS that a server speaks."""

from collections.abc import Sequence
from ssl import TLSVersion

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.connection import OLD_VERSIONS_ONLY, OLD_VERSIONS_TOO

VERSIONS = {
    "TLSv1": TLSVersion.TLSv1,
    "TLSv1.1": TLSVersion.TLSv1_1,
    "TLSv1.2": TLSVersion.TLSv1_2,
    "TLSv1.3": TLSVersion.TLSv1_3,
}
_OLD = ("TLSv1", "TLSv1.1")


def findings(versions: Sequence[str]) -> tuple[Finding, ...]:
    """What is to be said of them; a server settles on the newest that it shares with us."""
    old = [_words(one) for one in versions if one in _OLD]
    if not old:
        return ()
    both, detail = " and ".join(old), {"versions": list(versions)}
    if len(old) < len(versions):
        what = f"it still speaks {both} beside newer versions"
        return (Finding(symptom=OLD_VERSIONS_TOO, what=what, detail=detail),)
    what = f"it speaks {both} only, which today's clients refuse"
    return (Finding(symptom=OLD_VERSIONS_ONLY, what=what, detail=detail),)


def _words(version: str) -> str:
    number = version.removeprefix("TLSv")
    return f"TLS {number}" if "." in number else f"TLS {number}.0"
