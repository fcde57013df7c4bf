"""Killed with SIGKILL at every effect of a run: the next run completes, with one certificate."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from everleaf.cli import cli
from everleaf.demo.authority import LocalAuthority
from support.machine import Machine, authority, issued

DRIVER = Path(__file__).with_name("driver.py")
SHARDS = 6


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with authority(tmp_path_factory.mktemp("pebble")) as one:
        yield one


@dataclass(frozen=True, slots=True)
class Driver:
    """The program that forks and kills."""

    process: "subprocess.Popen[str]"

    def point(self, machine: Machine, at: int | None) -> dict[str, Any]:
        """One run killed at effect `at`, and the run after it."""
        machine.write()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"config": str(machine.config), "at": at}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, machine.config.with_suffix(".log").read_text("utf-8")
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    command = [sys.executable, str(DRIVER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@contextmanager
def scene(folder: Path, running: LocalAuthority, solver: str) -> Iterator[Machine]:
    """A machine with one certificate, a copy, and an nginx that serves a placeholder."""
    machine = Machine(folder, running)
    server = machine.nginx("www")
    if solver == "webroot":
        web = folder / "web"
        web.mkdir()
        server.http, server.webroot = ((machine.host, running.http_port),), web
        machine.sections["solvers.web"] = f'type = "webroot"\npath = "{web}"'
    machine.terminator("nginx", server)
    name = machine.name("www")
    (folder / "copies").mkdir()
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["nginx"]\n'
        f'endpoints = ["{name}:{server.tls[0][1]}"]\n'
        f'copies = [{{ path = "{folder}/copies/www.pem", kind = "combined" }}]',
    )
    machine.write()
    cli.main(["--config", str(machine.config), "placeholder", "www"], standalone_mode=False)
    with server:
        yield machine


def left_over(machine: Machine) -> list[str]:
    """What a run that is over leaves nowhere: orders, temporary files, unequal copies."""
    state = machine.state
    found = [str(path) for path in (state / "pending").glob("*")]
    found += [str(path) for path in state.rglob(".*")]
    found += [str(path) for path in (machine.folder / "web").rglob("*") if path.is_file()]
    live = machine.live("www").joinpath("combined.pem").read_bytes()
    if machine.folder.joinpath("copies", "www.pem").read_bytes() != live:
        found.append("the copy differs")
    return found


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("solver", ["listener", "webroot"])
def test_a_run_killed_at_any_effect_is_completed_by_the_next(
    solver: str, shard: int, driver: Driver, running: LocalAuthority, tmp_path: Path
) -> None:
    with scene(tmp_path / "whole", running, solver) as machine:
        whole = driver.point(machine, None)
        assert whole["after"] == 0, machine.config.with_suffix(".log").read_text("utf-8")
    effects: list[str] = whole["effects"]
    assert len(effects) > 40
    wrong: list[str] = []
    points = range(1 + shard, len(effects) + 1, SHARDS)
    ended = 0
    for at in points:
        with scene(tmp_path / f"at-{at}", running, solver) as machine:
            before = issued(running)
            answer = driver.point(machine, at)
            count = issued(running) - before
            rest = left_over(machine)
            # A run may need fewer connections than the measured one, and end before the point.
            early = answer["killed"] == 0 and len(answer["effects"]) < at
            ended += early
            good = (early or answer["killed"] == -signal.SIGKILL) and answer["after"] == 0
            if not good or count != 1 or rest:
                log = machine.config.with_suffix(".log").read_text("utf-8")[-1500:]
                what = f"{effects[at - 1]} ({at}): {answer['killed']}, {answer['after']}"
                wrong.append(f"{what}; issued {count}; left {rest}\n{log}")
    assert not wrong, os.linesep.join(wrong)
    assert ended * 4 < len(points)
