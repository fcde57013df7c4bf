"""What was decided when a server was built: where its configuration is, if nobody says."""

import os
import re
from contextlib import suppress

from everleaf.errors import EndOfTimeError
from everleaf.local.processes import Process
from everleaf.system.clock import SystemClock
from everleaf.system.process import run

_OTHERS_MAY_WRITE = 0o022
_LIMIT = 5.0


def said(process: Process, option: str) -> str:
    """What the running program says of itself; empty: it may not be asked, or says nothing.

    Nobody shall have us run a program of theirs by calling it like a server: it has to be on our
    own file system, not on that of a container, root's or our own, and nobody else's to write.
    """
    exe = process.place / "exe"
    with suppress(OSError, EndOfTimeError):
        program = exe.readlink()
        about = program.stat()
        is_safe = about.st_uid in {0, os.geteuid()} and not about.st_mode & _OTHERS_MAY_WRITE
        if is_safe and exe.samefile(program):
            ended = run([str(program), option], environment={}, limit=_LIMIT, clock=SystemClock())
            return ended.output
    return ""


def value(text: str, pattern: str, default: str) -> str:
    """The first group of a pattern in it, or the default."""
    found = re.search(pattern, text)
    return found[1] if found else default
