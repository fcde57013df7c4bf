#!/usr/bin/env python3
"""A small `systemctl` for where no systemd runs: units from files, processes of its own.

Units are `units/NAME` beside it, in systemd's own form; of a running one `NAME.pid` has the main
process. Verbs, words and exit statuses are those of systemctl(1), compared with a real systemd 252.
"""

import configparser
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path(__file__).parent / "units"


class Unit:
    """One unit."""

    def __init__(self, name: str) -> None:
        self.name = name if "." in name else f"{name}.service"
        self.file = UNITS / self.name
        self.pid_file = UNITS / f"{self.name}.pid"
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        self.load, self.service = "loaded", {}
        if self.file.is_symlink() and os.readlink(self.file) == os.devnull:  # noqa: PTH115
            self.load = "masked"
        elif not parser.read(self.file):
            self.load = "not-found"
        else:
            self.service = dict(parser["Service"])

    @property
    def pid(self) -> int:
        """The main process; 0 where there is none."""
        try:
            pid = int(self.pid_file.read_text("ascii"))
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return 0
        return 0 if state == "Z" else pid

    @property
    def active(self) -> str:
        """Its ActiveState."""
        return "active" if self.pid else "inactive"

    def fault(self) -> str:
        """Why it cannot be worked with, or an empty string."""
        words = {
            "not-found": f"Unit {self.name} not found.",
            "masked": f"Unit {self.name} is masked.",
        }
        return words.get(self.load, "")

    def reload(self) -> int:
        """Run ExecReload, as systemd does: no shell, with the main process's id."""
        command = shlex.split(self.service["ExecReload"].replace("$MAINPID", str(self.pid)))
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return 0
        say(f"Job for {self.name} failed.")
        say(f'See "systemctl status {self.name}" and "journalctl -xeu {self.name}" for details.')
        return 1

    def restart(self) -> int:
        """End the main process, and start it."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            while self.pid:
                time.sleep(0.01)
        command = shlex.split(self.service["ExecStart"])
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.pid_file.write_text(str(child.pid), "ascii")
        return 0


def say(words: str) -> None:
    """One line for people."""
    print(words, file=sys.stderr)  # noqa: T201


def job(verb: str, unit: Unit) -> int:
    """reload, restart and their relatives."""
    if unit.fault():
        say(f"Failed to {verb} {unit.name}: {unit.fault()}")
        return 5 if unit.load == "not-found" else 1
    if verb.startswith("try-") and not unit.pid:
        return 0
    if verb == "reload" and "ExecReload" not in unit.service:
        say(
            f"Failed to reload {unit.name}: Job type reload is not applicable for unit {unit.name}."
        )
        return 3
    if verb == "reload" and not unit.pid:
        say(f"{unit.name} is not active, cannot reload.")
        return 1
    if "reload" in verb and "ExecReload" in unit.service and unit.pid:
        return unit.reload()
    return unit.restart()


def show(unit: Unit) -> int:
    """The properties that hooks ask for."""
    kinds = {"not-found": "NoSuchUnit", "masked": "UnitMasked"}
    error = f'org.freedesktop.systemd1.{kinds[unit.load]} "{unit.fault()}"' if unit.fault() else ""
    print(f"LoadState={unit.load}\nLoadError={error}")  # noqa: T201
    return 0


def status(unit: Unit) -> int:
    """What people read."""
    if unit.load == "not-found":
        say(f"Unit {unit.name} could not be found.")
        return 4
    running = "active (running)" if unit.pid else "inactive (dead)"
    print(f"● {unit.name}\n     Loaded: {unit.load} ({unit.file})\n     Active: {running}")  # noqa: T201
    return 0 if unit.pid else 3


def main() -> int:
    """Do what the command line says, for one unit."""
    verb, *names = [word for word in sys.argv[1:] if not word.startswith("-")]
    (unit,) = map(Unit, names)
    if verb == "is-active":
        print(unit.active)  # noqa: T201
        return 0 if unit.pid else 3
    if verb == "show":
        return show(unit)
    if verb == "status":
        return status(unit)
    return job(verb, unit)


if __name__ == "__main__":
    sys.exit(main())
