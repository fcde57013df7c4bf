"""Who is told of what: alerts that are due, sent, and remembered."""

from dataclasses import dataclass, replace

from everleaf.core import alerting
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.schedule import Reason
from everleaf.core.standing import Told
from everleaf.errors import EverleafError, Fault
from everleaf.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Teller:
    """Sends alerts.

    Attributes:
        marks: days before the end at which people are told.
    """

    pipeline: Pipeline
    marks: tuple[int, ...]

    def due(self, job: Job) -> tuple[tuple[alerting.Alert, Told], ...]:
        """The alerts of this certificate, each with what is to be remembered once it was sent."""
        place, serving = _serving(job)
        emergency = self._emergency(job)
        return alerting.due(job.standing, serving, self.marks, job.now, emergency, place=place)

    def _emergency(self, job: Job) -> alerting.Emergency | None:
        """Past its emergency threshold, now or before it was renewed in this run."""
        newest, decision = job.holding.newest, job.decision()
        ordered = self.pipeline.emergencies.get(job.name)
        if ordered and newest and newest.id != ordered.version:
            return replace(ordered, why=f"{ordered.why}; it was renewed in this run")
        if newest is None or decision.reason is not Reason.EMERGENCY:
            return None
        return alerting.Emergency(newest.id, decision.why)

    def tell(self, name: str) -> None:
        """Send what is due; what was not delivered is tried again by the next run."""
        tools = self.pipeline.tools
        job = self.pipeline.read(name)
        _, serving = _serving(job)
        for alert, told in self.due(job):
            context = {
                "names": [str(one) for one in job.wanted.identifiers],
                "serial": serving.serial if serving else None,
                "not_after": serving.not_after.isoformat() if serving else None,
                "explanation_url": _explanation(job),
                "faults": [
                    _told(stage.value, one.fault) for stage, one in job.standing.troubles.items()
                ],
            }
            try:
                tools.alerts.send(alert, context)
            except EverleafError as error:
                tools.events.say(
                    "error", "alert not delivered", certificate=name, stage="alert",
                    kind=alert.kind.value, words=str(error.fault),
                )  # fmt: skip
                return
            self._remember(name, told)

    def _remember(self, name: str, told: Told) -> None:
        self.pipeline.tools.store.change(name, lambda known: replace(known, told=told))

    def tell_broken(self, name: str, fault: Fault) -> None:
        """Alert of a certificate whose own records cannot be read or written.

        Once, where that can at least be remembered; at every run, where it cannot.
        """
        tools = self.pipeline.tools
        alert = alerting.Alert(kind=alerting.Kind.FAILING, certificate=name, what=str(fault))
        faults = [_told("", fault)]
        try:
            if tools.store.standing(name).told.failing:
                return
        except EverleafError:
            pass  # so nobody knows whether it was told
        try:
            tools.alerts.send(alert, {"faults": faults})
            self._remember(name, replace(tools.store.standing(name).told, failing=True))
        except EverleafError as error:
            tools.events.say(
                "error", "alert not remembered", certificate=name, stage="alert",
                words=str(error.fault),
            )  # fmt: skip


def _serving(job: Job) -> tuple[str, Version | None]:
    """What ends first of all that is served, as far as is known, and who has it still."""
    live = job.holding.live_version
    if live is None or live.placeholder:
        return "", live
    had = [
        (one, job.holding.version(job.standing.took(one).version)) for one in job.wanted.terminators
    ]
    still = [(one, version) for one, version in had if version and not version.placeholder]
    place, first = min(still, key=lambda one: one[1].earliest_end, default=("", live))
    return (place, first) if first.earliest_end < live.earliest_end else ("", live)


def _told(stage: str, fault: Fault) -> dict[str, object]:
    """A fault as an alert's document has it."""
    causes = [
        {"endpoint": one.endpoint, "address": one.address, "code": one.code, "words": one.words}
        for one in fault.causes
    ]
    return {"stage": stage, "code": fault.code, "text": str(fault), "causes": causes}


def _explanation(job: Job) -> str | None:
    """Where the authority explains the window of the newest version (RFC 9773, section 4.2)."""
    newest, known = job.holding.newest, job.standing.renewal
    if newest is None or known is None or known.cert_id != newest.cert_id:
        return None
    return known.explanation_url or None
