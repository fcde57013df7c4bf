"""Why a server goes on with an older certificate, as far as everleaf's own records say it."""

from collections.abc import Callable
from dataclasses import replace

from everleaf.config.settings import Settings
from everleaf.core.diagnosis import Diagnosis, Finding, ranked
from everleaf.core.lifecycle import Stage
from everleaf.core.symptoms.names import NOT_RELOADED, RELOAD_REFUSED
from everleaf.errors import EverleafError, Fault


def explained(found: Diagnosis, name: str, settings: Callable[[], Settings]) -> Diagnosis:
    """The same with the reload that failed, where an older certificate is served for that.

    Args:
        found: what was seen from outside, where this and a forgotten reload look alike.
        name: of a certificate of the configuration; of any other nothing is known.
        settings: reads the configuration.
    """
    stale = next((one for one in found.findings if one.symptom is NOT_RELOADED), None)
    fault = _failed_reload(name, settings) if stale else None
    if stale is None or fault is None:
        return found
    words = " | ".join(fault.words)
    refused = Finding(
        symptom=RELOAD_REFUSED,
        what=f"{fault.what}: {words}" if words else fault.what,
        where=stale.where,
        detail={"code": fault.code, "words": list(fault.words)},
    )
    return replace(found, findings=ranked((refused, *found.findings)))


def _failed_reload(name: str, settings: Callable[[], Settings]) -> Fault | None:
    from everleaf.store.sqlite import SqliteStore

    try:
        known = settings()
        if name not in known.certificates:
            return None
        standing = SqliteStore(known.state_dir, reading=True).standing(name)
    except EverleafError:
        return None
    trouble = standing.troubles.get(Stage.RELOAD)
    return trouble.fault if trouble else None
