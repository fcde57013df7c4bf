"""Runs everleaf in forked children that are killed with SIGKILL, by system call or by the clock.

Reads one JSON line for each run: {"config": PATH}, and {"call": KIND, "time": N} (killed before
the N-th system call of that kind), {"count": true} (only followed), {"after": SECONDS} or nothing.
Answers with one: the exit status (-9: killed), the seconds that it took, and the kinds of the
calls that were seen, in their order; or why calls cannot be followed here, as "refused".
"""

import json
import os
import re
import select
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from crash.driver import import_everything
from support.ptrace import Tracer


def kind(folder: Path, call: str, path: str) -> str:
    """A system call in words that are the same in every run."""
    inside = os.path.relpath(path, folder)
    inside = re.sub(r"\d{8}T\d{6}Z-[0-9a-z]+", "VERSION", inside)
    inside = re.sub(r"\.scratch-\w{8}", ".scratch-X", inside)
    inside = re.sub(r"acme-challenge/(\.?)[^/.]+", r"acme-challenge/\1TOKEN", inside)
    return f"{call} {inside}"


def child(config: Path, log: Path, go: int) -> int:
    """A forked `everleaf run` that begins when `go` can be read; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["TMPDIR"] = str(config.with_name("tmp"))
        os.read(go, 1)
        from everleaf.cli import main as everleaf

        sys.argv = ["everleaf", "--config", str(config), "--log-format", "json", "run"]
        everleaf()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 99
    except BaseException:  # noqa: BLE001 - the child must not come back into the parent's code
        import traceback

        traceback.print_exc()
    os._exit(code)


def run(config: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """One run, killed where it was asked for."""
    log, last = config.with_suffix(".log"), (asked.get("call"), asked.get("time"))
    kinds: Counter[str] = Counter()

    def ends(call: str, path: str) -> bool:
        one = kind(config.parent, call, path)
        kinds[one] += 1
        return (one, kinds[one]) == last

    waiting, go = os.pipe()
    pid = child(config, log, waiting)
    os.close(waiting)
    tracer = Tracer(ends, aside={str(log)})
    traced = "call" in asked or "count" in asked
    try:
        if traced:
            tracer.attach(pid)
    except OSError as error:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return {"refused": str(error)}
    begun = time.monotonic()
    os.write(go, b"\n")
    os.close(go)
    if traced:
        status = tracer.follow(pid)
    else:
        if "after" in asked:
            ended = os.pidfd_open(pid)
            select.select([ended], [], [], asked["after"])
            os.close(ended)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    calls = [kind(config.parent, *one) for one in tracer.seen]
    return {"status": status, "seconds": time.monotonic() - begun, "calls": calls}


def main() -> None:
    """Every run in turn."""
    import_everything()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(Path(asked["config"]), asked)), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
