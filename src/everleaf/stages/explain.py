"""Why an address failed its confirmation: asked of the diagnostician, about exactly that one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from everleaf.core.approach import Pair
from everleaf.core.certificate import Version
from everleaf.core.diagnosis import Diagnosis, Expected, Finding, Question, Store
from everleaf.core.job import Job
from everleaf.core.moved import gone, wrong_address
from everleaf.core.standing import Observation, Sight
from everleaf.core.symptoms import clients
from everleaf.core.symptoms.connection import UNRESOLVED
from everleaf.errors import EverleafError
from everleaf.stages.contract import Tools
from everleaf.stages.sight import Target, Watch, limit

_LIMIT = 20.0  # seconds after which no further diagnosis is begun
_SOME_TIME = 1.0

Look = tuple[Target, Observation]


class Explainer:
    """Puts code and sentence of a diagnosis into the observations that are failing.

    An address is looked at once, whatever was seen there before; a diagnosis that fails, or finds
    nothing wrong, leaves the observation as it was.
    """

    def __init__(self, job: Job, live: Version, tools: Tools) -> None:
        self._job = job
        self._live = live
        self._tools = tools

    def explained(self, looks: Sequence[Look]) -> list[Observation]:
        """All of them, the failing ones side by side."""
        bad = [one for one in looks if one[1].sight.is_failing]
        end = self._tools.clock.monotonic() + _LIMIT

        def explain(one: Look) -> Observation:
            return self._explained(one, looks, end)

        found = self._tools.executor.each(explain, bad)
        good = [seen for _, seen in looks if not seen.sight.is_failing]
        return good + [one[1] for one in found if one is not None]

    def _explained(self, look: Look, looks: Sequence[Look], end: float) -> Observation:
        target, seen = look
        if not target.address:
            return replace(seen, code=seen.code or UNRESOLVED.code)
        if target.endpoint.approach.http3 and seen.sight is Sight.UNREACHABLE:
            return seen  # the diagnostician looks over TCP, and knows nothing of it
        clock = self._tools.clock
        left = min(clock.remaining().total_seconds(), end - clock.monotonic())
        if left < _SOME_TIME:
            return seen
        try:
            question = self._question(target, min(limit(target.endpoint), left))
            diagnosis = self._tools.diagnostician.look(question)
            moved = self._moved(target, looks)
            return _told(seen, replace(diagnosis, findings=(*moved, *diagnosis.findings)))
        except Exception as error:  # noqa: BLE001 - what was seen is so whether or not it is explained
            self._tools.events.say(
                "debug", "no diagnosis", certificate=self._job.name, stage="confirm",
                endpoint=seen.endpoint, address=seen.address, error=repr(error),
            )  # fmt: skip
            return seen

    def _question(self, target: Target, timeout: float) -> Question:
        endpoint = target.endpoint
        own = endpoint.present
        return Question(
            host=endpoint.host,
            port=endpoint.port,
            addresses=(target.address,),
            approach=endpoint.approach,
            client=self._own_pair if own else endpoint.client,
            expected=Expected() if own else self._expected,
            stores=() if own else self._stores,
            timeout=timeout,
            brief=True,
        )

    def _moved(self, target: Target, looks: Sequence[Look]) -> tuple[Finding, ...]:
        """That the name leads here, and no more to where all is well still."""
        endpoint = target.endpoint
        known = self._job.standing.reached.get(str(endpoint), ())
        if endpoint.addresses or endpoint.command or target.address in known:
            return ()
        now = [one.address for one, _ in looks if str(one.endpoint) == str(endpoint)]
        old = [Target(endpoint, address) for address in gone(known, now)]
        watch = Watch(self._job, self._live, self._tools)
        seen = [one for one in self._tools.executor.each(watch.look, old) if one is not None]
        well = sorted(one.address for one, found in seen if found.sight is Sight.CONFIRMED)
        return (wrong_address(endpoint.host, (target.address,), well),) if well else ()

    @cached_property
    def _own_pair(self) -> Pair:
        live = Path(self._tools.shelf.live_path(self._job.name))
        return Pair(certificate=live / "fullchain.pem", key=live / "privkey.pem")

    @cached_property
    def _expected(self) -> Expected:
        from everleaf.pki.certificates import split

        name, version = self._job.name, self._live
        material = self._tools.shelf.material(name, version.id)
        return Expected(
            chain=split(material.leaf + material.chain),
            source=f"version {version.id} in {self._tools.shelf.live_path(name)}",
            installed_at=version.installed_at,
        )

    @cached_property
    def _stores(self) -> tuple[Store, ...]:
        """What its authority's chains are built to; nothing where it is configured no more."""
        name = self._live.authority
        if name not in self._job.wanted.authorities:
            return ()
        try:
            return (Store(name=f"authority {name}", roots=self._tools.roots(name)),)
        except EverleafError:
            return ()


def _told(seen: Observation, diagnosis: Diagnosis) -> Observation:
    """The same with the first fault's code; of a refused client, with why it was refused."""
    first = _first(seen, diagnosis.faults)
    if first is None:
        return seen
    faults = (first, *(one for one in diagnosis.faults if one is not first))
    sentence = replace(diagnosis, findings=faults).sentence
    # Endpoint and address stand beside it wherever it is shown.
    return replace(seen, code=first.code, words=sentence.partition(": ")[2])


def _first(seen: Observation, faults: Sequence[Finding]) -> Finding | None:
    if seen.sight is Sight.REFUSED:
        refusals = [one for one in faults if one.symptom in clients.ROWS]
        return refusals[0] if refusals else None
    return faults[0] if faults else None
