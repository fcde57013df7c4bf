"""Runs everleaf in forked children, each killed with SIGKILL at another point of its run.

Reads one JSON line per point, {"config": PATH, "at": N or null}, and answers with one. A point is
an effect on the world: a rename, a folder, a link, a removal, a file opened for writing, a
connection, a process; the child dies just before it. The parent imports everything once, so that
a child costs no more than its run. A child that was killed is followed by one that is not.
"""

import json
import os
import signal
import sys
from pathlib import Path

EFFECTS = frozenset(
    {"os.rename", "os.mkdir", "os.symlink", "os.remove", "os.rmdir", "os.link", "socket.connect",
     "subprocess.Popen", "os.posix_spawn", "socket.bind"}
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Reaper:
    """Counts effects; at the chosen one it is over."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        self.last = last
        self.names: list[str] = []
        self.armed = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.armed or not self._is_effect(event, arguments):
            return
        self.count += 1
        self.names.append(event)
        if self.last is not None and self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _is_effect(event: str, arguments: tuple[object, ...]) -> bool:
        if event == "open":
            flags = arguments[2]
            return isinstance(flags, int) and bool(flags & WRITING)
        return event in EFFECTS


def run_once(config: Path, last: int | None) -> tuple[int, list[str]]:
    """One `everleaf run` in this process: its exit status, and the effects in their order."""
    from everleaf.cli import cli

    reaper = Reaper(last)
    sys.addaudithook(reaper)
    reaper.armed = True
    try:
        status = cli.main(
            ["--config", str(config), "--log-format", "json", "run"], standalone_mode=False
        )
    finally:
        reaper.armed = False
    return (status if isinstance(status, int) else 0), reaper.names


def child(config: Path, last: int | None, log: Path) -> tuple[int, list[str]]:
    """The same in a forked child. Exit status -9: it was killed."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = 99
        try:
            code, names = run_once(config, last)
            os.write(write, json.dumps(names).encode())
        except BaseException:  # noqa: BLE001 - the child must not come back into the parent's code
            import traceback

            traceback.print_exc()
        os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    _, raw = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(raw), json.loads(told) if told else []


def main() -> None:
    """Every point in turn: killed there, then run to the end."""
    import_everything()
    for line in sys.stdin:
        point = json.loads(line)
        config, at = Path(point["config"]), point["at"]
        log = config.with_suffix(".log")
        killed, effects = child(config, at, log)
        after = killed
        if at is not None:
            after, _ = child(config, None, log)
        print(json.dumps({"killed": killed, "after": after, "effects": effects}), flush=True)  # noqa: T201


def import_everything() -> None:
    """What a run imports, so that the children need not."""
    import importlib

    for name in (
        "everleaf.cli.run", "everleaf.ca.authority", "everleaf.pki.chain", "everleaf.pki.csr",
        "everleaf.pki.keys", "everleaf.store.sqlite", "everleaf.store.shelf",
        "everleaf.challenges.listener", "everleaf.challenges.webroot", "everleaf.tls.probe",
        "everleaf.tls.resolver", "everleaf.deploy.hook", "everleaf.system.executor",
        "everleaf.system.trust", "everleaf.store.accounts", "tenacity", "structlog", "dns.resolver",
    ):  # fmt: skip
        importlib.import_module(name)


if __name__ == "__main__":
    main()
