"""What everleaf's own records add to what is seen of a server that it looks after."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from everleaf.config.settings import Settings
from everleaf.core.diagnosis import Diagnosis, Finding, Question, ranked
from everleaf.core.lifecycle import Stage
from everleaf.core.moved import gone, wrong_address
from everleaf.core.standing import Standing
from everleaf.core.symptoms.names import NOT_RELOADED, RELOAD_REFUSED
from everleaf.errors import EverleafError

Look = Callable[[Question], Diagnosis]


def explained(
    found: Diagnosis, question: Question, name: str, settings: Callable[[], Settings], look: Look
) -> Diagnosis:
    """The same with what looks alike from outside told apart.

    Args:
        found: what was seen.
        question: what was asked.
        name: of a certificate of the configuration; of any other nothing is known.
        settings: reads the configuration.
        look: asks again.
    """
    standing = _standing(name, settings)
    if standing is None:
        return found
    more = (*_refused(found, standing), *_moved(found, question, standing, look))
    return replace(found, findings=ranked((*more, *found.findings)))


def _standing(name: str, settings: Callable[[], Settings]) -> Standing | None:
    from everleaf.store.sqlite import SqliteStore

    try:
        known = settings()
        if name in known.certificates:
            return SqliteStore(known.state_dir, reading=True).standing(name)
    except EverleafError:
        pass  # so nothing is known
    return None


def _refused(found: Diagnosis, standing: Standing) -> Iterator[Finding]:
    """A reload that failed; from outside it is as one that was forgotten."""
    trouble = standing.troubles.get(Stage.RELOAD)
    stale = next((one for one in found.findings if one.symptom is NOT_RELOADED), None)
    if trouble is None or stale is None:
        return
    fault = trouble.fault
    words = " | ".join(fault.words)
    yield Finding(
        symptom=RELOAD_REFUSED,
        what=f"{fault.what}: {words}" if words else fault.what,
        where=stale.where,
        detail={"code": fault.code, "words": list(fault.words)},
    )


def _moved(
    found: Diagnosis, question: Question, standing: Standing, look: Look
) -> Iterator[Finding]:
    """An address that DNS gives in place of one where all is well still."""
    known = standing.reached.get(question.place, ())
    bad = [at for at in found.facts if at not in known and _fails(found, at)]
    old = gone(known, found.facts)
    if question.addresses or not bad or not old:
        return
    again = look(replace(question, addresses=old, brief=True))
    well = [at for at in old if not _fails(again, at)]
    if well:
        yield wrong_address(question.host, bad, well)


def _fails(found: Diagnosis, address: str) -> bool:
    return any(address in one.where for one in found.faults)
