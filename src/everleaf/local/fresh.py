"""Whether the running process has read a certificate's files as they are now."""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.local import CHANGED_SINCE_RELOAD, RELOAD_UNCERTAIN
from everleaf.local.model import Use
from everleaf.local.reading import links

# Start times are counted in hundredths of a second, and a file's by the clock's last tick.
_SLACK = 0.05
_PATIENCE = 2.0
_LARGEST = 1024 * 1024
_FINGERPRINT = re.compile(r"^SHA1 FingerPrint: *([0-9A-F]{40})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Changed:
    """When a file last became what it is, in seconds since the epoch.

    Attributes:
        content: when it, or a link on the way to it, was written.
        status: when its owner, mode or name changed; at least `content`.
    """

    path: str
    content: float
    status: float


def changed(path: str) -> Changed | None:
    """By the times of the file and of all links on the way; None: it is not there."""
    try:
        about = os.stat(path)  # noqa: PTH116 - a string
        times = [os.lstat(one).st_mtime for one in links(path)]
    except (OSError, ValueError):
        return None
    content = max((about.st_mtime, *times))
    return Changed(path, content, max(content, about.st_ctime))


def findings(
    use: Use, leaf: bytes | None, read: tuple[float, float], sockets: list[str]
) -> Iterator[Finding]:
    """What the process lacks.

    Args:
        use: the files.
        leaf: of the certificate's file, DER.
        read: between when and when the configuration was last read.
        sockets: of haproxy's runtime API, which tells what is in memory.
    """
    held = in_memory(use.certificate, sockets)
    if held and leaf:
        if held != hashlib.sha1(leaf, usedforsecurity=False).hexdigest().upper():
            what = f"the process has another certificate in memory than {use.certificate} holds"
            yield _finding(use, what, {})
        return
    paths = dict.fromkeys(one for one in (use.certificate, use.chain, use.key, use.sibling) if one)
    times = [one for path in paths if (one := changed(path))]
    if not times:
        return
    newest = max(times, key=lambda one: (one.content, one.status))
    first, last = read
    detail = {
        "changed_at": iso(newest.content),
        "read_at": iso(last),
    }
    if newest.content > last + _SLACK:
        what = (
            f"{newest.path} changed at {iso(newest.content)}, after the process had read its "
            f"configuration at {iso(last)}"
        )
        yield _finding(use, what, detail)
    elif max(one.status for one in times) > first + _SLACK:
        touched = max(times, key=lambda one: one.status)
        why = "was replaced, renamed, or given another owner or mode"
        if newest.content > first + _SLACK:
            touched, why = newest, "changed when some of the processes ran and others did not"
        what = f"{touched.path} {why}, at {iso(touched.status)}"
        yield Finding(
            symptom=RELOAD_UNCERTAIN,
            what=what,
            where=(use.place,),
            detail={**detail, "path": touched.path},
        )


def _finding(use: Use, what: str, detail: dict[str, str]) -> Finding:
    return Finding(
        symptom=CHANGED_SINCE_RELOAD,
        what=what,
        where=(use.place,),
        detail={**detail, "path": use.certificate},
    )


def iso(seconds: float) -> str:
    """A time as RFC 3339 has it, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_memory(path: str, sockets: list[str]) -> str:
    """The SHA-1 fingerprint of the leaf that haproxy has under this path; empty: it does not say.

    Nothing but printable characters is said to it: a line feed would begin another command.
    """
    if not path.isprintable():
        return ""
    quoted = re.sub(r"([\\ ;])", r"\\\1", path)
    for one in tuple(sockets):
        try:
            found = _FINGERPRINT.search(_ask(one, f"show ssl cert {quoted}\n"))
        except (OSError, ValueError):
            sockets.remove(one)  # it is not waited for again
            continue
        if found:
            return found[1]
    return ""


def _ask(path: str, command: str) -> str:
    answer = b""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_PATIENCE)
        line.connect(path)
        line.sendall(command.encode())
        while len(answer) < _LARGEST and (more := line.recv(65536)):
            answer += more
    return answer.decode("utf-8", "replace")
