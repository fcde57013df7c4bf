"""A disk that is full, read-only or closed to us: a clear fault, no harm; the next run mends."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crash.scene import Killer, Scene, killer, scene
from everleaf.demo.authority import LocalAuthority
from support.machine import authority
from support.mounts import Disk, apart
from support.servers import need

ALL = os.environ.get("EVERLEAF_CRASH") == "all"
ROOMS = range(24) if ALL else (0, 2, 5, 9)  # pages that are left
DISKS = ("state", "copies", "web")
CLOSED = (
    "state", "state/certificates/www", "state/certificates/www/versions", "state/pending",
    "state/state.sqlite", "state/lock", "copies", "copies/www", "copies/www/versions",
    "web/.well-known/acme-challenge",
)  # fmt: skip

Say = Callable[[str, object], None]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    # Every renewal validates: none profits from the one before.
    environment = {"PEBBLE_AUTHZREUSE": "0"}
    with authority(tmp_path_factory.mktemp("pebble"), environment=environment) as one:
        yield one


@contextmanager
def renewed(folder: Path, running: LocalAuthority, driver: Killer) -> Iterator[Scene]:
    """A scene with a first certificate, whose renewal is due."""
    with scene(folder, running) as one:
        for _ in range(2):
            one.make_due()
            assert driver.run(one.machine.config)["status"] == 0, one.log()
        yield one


def complaint(one: Scene, driver: Killer, place: Path) -> bool:
    """Whether a renewal fails, with a fault that names something below `place`, and no harm."""
    path = one.machine.config.with_suffix(".log")
    begin = path.stat().st_size
    status = driver.run(one.machine.config)["status"]
    said = path.read_bytes()[begin:].decode()
    assert one.harm() == [], said
    if status == 0:
        return False
    assert status in (1, 2), said
    assert "Traceback" not in said, said
    faults = re.findall(r'"stage failed"|^everleaf: ', said, re.MULTILINE)
    assert faults, said
    assert '"unexpected"' not in said, said
    assert str(place) in said, said
    return True


def mended(one: Scene, driver: Killer) -> None:
    """The next run ends well, with one certificate for the renewal in all."""
    assert driver.run(one.machine.config)["status"] == 0, one.log()
    assert (one.harm(), one.lack()) == ([], []), one.log()


@apart
def test_a_full_disk_is_a_clear_fault_and_the_next_run_goes_on(
    tmp_path: Path, running: LocalAuthority, record_property: Say
) -> None:
    disks = [Disk.at(tmp_path / "machine" / room) for room in DISKS]
    counted = 0
    with killer() as driver, renewed(tmp_path / "machine", running, driver) as one:
        for disk in disks:
            for left in ROOMS:
                one.make_due()
                disk.fill(left)
                counted += complaint(one, driver, disk.path)
                disk.clear()
                mended(one, driver)
    record_property("said", f"full disks: {counted} failed runs of {len(disks) * len(ROOMS)}")


@apart
def test_a_read_only_disk_is_a_clear_fault_and_the_next_run_goes_on(
    tmp_path: Path, running: LocalAuthority
) -> None:
    disks = [Disk.at(tmp_path / "machine" / room) for room in DISKS]
    with killer() as driver, renewed(tmp_path / "machine", running, driver) as one:
        for disk in disks:
            one.make_due()
            disk.close()
            assert complaint(one, driver, disk.path)
            disk.open()
            mended(one, driver)


def test_without_permission_there_is_a_clear_fault_and_the_next_run_goes_on(
    tmp_path: Path, running: LocalAuthority
) -> None:
    rights = ["dac_override", "dac_read_search", "fowner", "chown"]
    prefix = [need("setpriv"), "--bounding-set", ",".join(f"-{one}" for one in rights)]
    with (
        killer(*(prefix if os.geteuid() == 0 else [])) as driver,
        renewed(tmp_path / "machine", running, driver) as one,
    ):
        for closed in CLOSED:
            one.make_due()
            path = one.machine.folder / closed
            mode = path.stat().st_mode
            path.chmod(0o500 if path.is_dir() else 0o400)
            assert complaint(one, driver, path), closed
            path.chmod(mode)
            mended(one, driver)


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, running: LocalAuthority
) -> None:
    with killer() as driver, renewed(tmp_path / "machine", running, driver) as one:
        one.make_due()
        command = [sys.executable, "-m", "everleaf", "--config", str(one.machine.config), "run"]
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            done = subprocess.run(command, stdout=full, stderr=full, check=False, timeout=120)
        assert done.returncode == 0
        assert (one.harm(), one.lack()) == ([], [])
