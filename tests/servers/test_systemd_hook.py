"""hooks/systemd against a small stand-in for systemctl, since no systemd runs where tests do.

The stand-in (`support/systemctl.py`) starts, reloads and ends real processes by real unit files,
and gives the answers of systemctl(1); what it does not show is how a systemd behaves under load, or
over D-Bus. The nginx that is reloaded through it is a real one.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import systemctl
from support.certs import Authority, Live
from support.hooks import changed, hook
from support.loopback import switched
from support.servers import Nginx, need

NAME = "www.example.org"


class Units:
    """The stand-in on PATH, and its units."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "units").mkdir(parents=True)
        shutil.copy(systemctl.__file__, folder / "systemctl")

    def add(self, name: str, pid: int | None = None, **service: str) -> None:
        """Write a unit; with a process, it is active."""
        lines = "".join(f"{key}={value}\n" for key, value in service.items())
        (self.folder / "units" / name).write_text(
            f"[Unit]\nDescription=A test's\n[Service]\n{lines}"
        )
        if pid is not None:
            self.pid_file(name).write_text(f"{pid}")

    def pid_file(self, name: str) -> Path:
        """Where the main process of a unit is written."""
        return self.folder / "units" / f"{name}.pid"


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Units:
    made = Units(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def sleeper(units: Units) -> Iterator[str]:
    """A unit that can be restarted, and not reloaded."""
    units.add("sleeper.service", ExecStart=f"{need('sleep')} 600")
    yield "sleeper.service"
    path = units.pid_file("sleeper.service")
    if path.exists():
        os.kill(int(path.read_text()), 9)


@pytest.fixture
def unit(units: Units, nginx: Nginx) -> str:
    """A real nginx, as a unit."""
    units.add("nginx.service", nginx.pid, ExecReload=f"{need('kill')} -HUP $MAINPID")
    return "nginx.service"


def test_check_passes_and_changes_nothing(tmp_path: Path, unit: str, nginx: Nginx) -> None:
    done = hook(tmp_path, "systemd", "check", {"units": unit})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert nginx.reloads() == 0


@pytest.mark.parametrize("method", ["", "reload", "reload-or-restart"])
def test_reload_switches_to_the_new_certificate(
    tmp_path: Path, unit: str, nginx: Nginx, live: Live, method: str
) -> None:
    live.switch(Authority().issue(NAME))
    done = hook(tmp_path, "systemd", "reload", {"units": unit, "method": method})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    switched(nginx.addresses[0], NAME, live.pair.der)
    assert nginx.reloads() == 1


def test_a_unit_without_reload_is_restarted(tmp_path: Path, units: Units, sleeper: str) -> None:
    settings = {"units": sleeper, "method": "restart"}
    done = hook(tmp_path, "systemd", "reload", settings)
    assert (done.returncode, done.stderr) == (0, "")
    before = units.pid_file(sleeper).read_text()
    done = hook(tmp_path, "systemd", "reload", {"units": sleeper})
    assert (done.returncode, done.stderr) == (0, "")
    assert units.pid_file(sleeper).read_text() != before


def test_a_unit_that_does_not_run_is_a_failure_with_the_words_of_status(
    tmp_path: Path, sleeper: str
) -> None:
    assert hook(tmp_path, "systemd", "check", {"units": sleeper}).returncode == 0
    done = hook(tmp_path, "systemd", "reload", {"units": sleeper})
    assert done.returncode == 1
    assert f"{sleeper} is inactive after try-reload-or-restart" in done.stderr
    assert "Active: inactive (dead)" in done.stderr


def test_a_reload_that_fails_is_a_failure_with_systemds_words(
    tmp_path: Path, units: Units, nginx: Nginx, live: Live
) -> None:
    old = live.pair.der
    units.add("nginx.service", nginx.pid, ExecReload=need("false"))
    live.switch(Authority().issue(NAME))
    done = hook(tmp_path, "systemd", "reload", {"units": "nginx.service"})
    assert done.returncode == 1
    assert "Job for nginx.service failed." in done.stderr
    assert "Active: active (running)" in done.stderr
    switched(nginx.addresses[0], NAME, old)


def test_a_unit_that_ends_at_its_reload_is_a_failure(
    tmp_path: Path, units: Units, sleeper: str
) -> None:
    units.add(sleeper, ExecStart=f"{need('sleep')} 600", ExecReload=f"{need('kill')} $MAINPID")
    hook(tmp_path, "systemd", "reload", {"units": sleeper, "method": "restart"})
    done = hook(tmp_path, "systemd", "reload", {"units": sleeper})
    assert done.returncode == 1
    assert f"{sleeper} is inactive" in done.stderr


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_units_that_systemd_cannot_work_with_are_named(
    tmp_path: Path, units: Units, unit: str, nginx: Nginx, verb: str
) -> None:
    (units.folder / "units" / "masked.service").symlink_to(os.devnull)
    settings = {"units": f"{unit} nosuch.service masked.service"}
    done = hook(tmp_path, "systemd", verb, settings)
    assert done.returncode == 1
    assert "Unit nosuch.service not found. Unit masked.service is masked." in done.stderr
    assert nginx.reloads() == 0


def test_the_servers_own_test_comes_first(
    tmp_path: Path, unit: str, nginx: Nginx, live: Live
) -> None:
    old = live.pair.der
    command = f"{nginx.binary} -t -q -c '{nginx.config}' -p {nginx.directory}"
    settings = {"units": unit, "check": command}
    assert hook(tmp_path, "systemd", "check", settings).returncode == 0
    live.switch(Authority().issue(NAME))
    nginx.extra = "no_such_directive;"
    nginx.configure()
    for verb in ("check", "reload"):
        done = hook(tmp_path, "systemd", verb, settings)
        assert done.returncode == 1
        assert 'unknown directive "no_such_directive"' in done.stderr
    assert nginx.reloads() == 0
    switched(nginx.addresses[0], NAME, old)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_key_that_does_not_match_is_refused(
    tmp_path: Path, unit: str, nginx: Nginx, live: Live, verb: str
) -> None:
    authority, old = Authority(), live.pair.der
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "systemd", verb, {"units": unit}, [changed(NAME, live)])
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr
    assert nginx.reloads() == 0
    switched(nginx.addresses[0], NAME, old)


def test_all_units_are_reloaded_and_each_fault_is_told(
    tmp_path: Path, units: Units, unit: str, nginx: Nginx, sleeper: str
) -> None:
    units.add("broken.service", nginx.pid, ExecReload=need("false"))
    done = hook(tmp_path, "systemd", "reload", {"units": f"broken.service {sleeper} {unit}"})
    assert done.returncode == 1
    assert "Job for broken.service failed." in done.stderr
    assert f"{sleeper} is inactive" in done.stderr
    assert nginx.reloads() == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({}, "set `units`"), ({"units": "x.service", "method": "stop"}, "`method` is 'stop'")],
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    done = hook(tmp_path, "systemd", "reload", settings)
    assert done.returncode == 1
    assert words in done.stderr
