"""A command that a terminal watches."""

import os
import pty
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer

_LIMIT = 120
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Screen:
    """What came to the screen; `drawn`: whether any of it was drawn over."""

    status: int
    text: str
    drawn: bool

    @property
    def lines(self) -> list[str]:
        """Its lines, without colours and movements."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]


def watched(command: Sequence[str], columns: int = 200) -> Screen:
    """Run a command with a terminal for all of its streams."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "r+b", buffering=0) as terminal:
            process = subprocess.Popen(
                command,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
                start_new_session=True,
            )
        limit = Timer(_LIMIT, process.kill)
        limit.start()
        shown = b""
        with suppress(OSError):  # EIO: nobody has the terminal open any more
            while chunk := screen.read(4096):
                shown += chunk
        status = process.wait()
        limit.cancel()
    text = shown.decode("utf-8", errors="replace")
    return Screen(status, _CONTROLS.sub("", text).replace("\r", "\n"), bool(_CONTROLS.search(text)))
