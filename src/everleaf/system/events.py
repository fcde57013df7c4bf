"""Log lines on standard error, as text or JSON, and progress; structlog loads with the first."""

import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import cached_property
from threading import Lock
from typing import Any

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_HIDDEN = ("key_authorization", "private_key", "hmac", "password", "token")


class LogEvents:
    """`ports.Events`.

    Args:
        level: the least that is logged: debug, info, warning or error.
        form: text or json.
        listener: gets certificate, stage and state of every progress.
    """

    def __init__(
        self,
        *,
        level: str = "info",
        form: str = "text",
        listener: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._level = _LEVELS[level]
        self._form = form
        self._listener = listener
        self._lock = Lock()

    def say(self, level: str, event: str, **fields: object) -> None:
        """One event; where it cannot be written, as on a full disk, nothing else is stopped."""
        if _LEVELS[level] >= self._level:
            with self._lock, suppress(OSError):
                getattr(self._logger, level)(event, **fields)

    def progress(self, certificate: str, stage: str, state: str) -> None:
        """What a terminal shows beside a certificate's name."""
        if self._listener is not None:
            self._listener(certificate, stage, state)

    @cached_property
    def _logger(self) -> Any:
        import structlog

        renderer = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if self._form == "json"
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
        )
        return structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                redact,
                renderer,
            ],
            wrapper_class=structlog.BoundLogger,
        )


def redact(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Any:
    """A second wall: what looks like a secret does not pass."""
    for name, value in fields.items():
        if name in _HIDDEN or "PRIVATE KEY" in str(value):
            fields[name] = "[redacted]"
    return fields
