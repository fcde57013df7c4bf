"""The alert command: one JSON document on its standard input."""

import json
import os
import socket
from collections.abc import Mapping, Sequence

from everleaf.core.alerting import Alert
from everleaf.errors import MachineError, OperatorError
from everleaf.ports import Clock
from everleaf.system import process

VERSION = 1
_LIMIT = 30.0


class CommandAlerts:
    """`ports.Alerts`: runs a command without a shell, for at most thirty seconds."""

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command = tuple(command)
        self._clock = clock

    def send(self, alert: Alert, context: Mapping[str, object]) -> None:
        """Deliver one alert.

        Raises:
            OperatorError: the command cannot be run, or failed.
            MachineError: it took too long.
        """
        document = {
            "version": VERSION,
            "kind": alert.kind.value,
            "certificate": alert.certificate,
            "what": alert.what,
            "days": alert.days,
            "at": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "host": socket.gethostname(),
            **context,
        }
        try:
            ended = process.run(
                self._command,
                environment={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                limit=_LIMIT,
                clock=self._clock,
                stdin=json.dumps(document).encode() + b"\n",
            )
        except OSError as error:
            raise OperatorError(
                f"the alert command cannot be run: {error.strerror}",
                code="alert",
                where=self._command[0],
            ) from error
        if ended.status is None:
            raise MachineError(f"the alert command took over {_LIMIT:g} s", code="alert")
        if ended.status != 0:
            words = ended.output.splitlines()[-1:] or [""]
            raise OperatorError(
                f"the alert command exited with {ended.status}: {words[0]}",
                code="alert",
                where=self._command[0],
            )
