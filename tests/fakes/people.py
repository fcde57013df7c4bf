"""Whoever is told: alerts and events as they were sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from everleaf.core.alerting import Alert


@dataclass(slots=True)
class Letters:
    """The port `Alerts`. `faults` are raised by the next ones."""

    sent: list[Alert] = field(default_factory=list)
    contexts: list[Mapping[str, object]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def send(self, alert: Alert, context: Mapping[str, object]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(alert)
        self.contexts.append(context)


@dataclass(slots=True)
class Log:
    """The port `Events`. `lines`: level, event and fields."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, level: str, event: str, **fields: object) -> None:
        self.lines.append((level, event, fields))

    def progress(self, certificate: str, stage: str, state: str) -> None:
        self.steps.append((certificate, stage, state))
