"""State that lasts: lost, damaged, restored, copied in the middle of a run, renamed."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.loopback import until
from support.machine import Machine, issued
from support.servers import Nginx

pytestmark = pytest.mark.usefixtures("running")


@pytest.fixture
def server(machine: Machine) -> Nginx:
    """An nginx with one certificate, which a placeholder stands for."""
    one = machine.nginx("www")
    machine.terminator("nginx", one)
    name = machine.name("www")
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["nginx"]\nendpoints = ["{name}:{one.tls[0][1]}"]',
    )
    machine.everleaf("placeholder", "www")
    return one


def well(machine: Machine) -> bool:
    return bool(machine.status("www")["state"] == "well")


def test_a_lost_state_is_rebuilt_from_the_versions_with_nothing_ordered(
    machine: Machine, server: Nginx
) -> None:
    with server:
        machine.run()
        before = issued(machine.running)
        (machine.state / "state.sqlite").unlink()
        machine.run()
        assert issued(machine.running) == before
        assert well(machine)
        assert machine.run().stages("www") == []


@pytest.mark.parametrize("damage", [b"", b"no database at all", None])
def test_a_damaged_state_is_put_aside_and_rebuilt(
    machine: Machine, server: Nginx, damage: bytes | None
) -> None:
    database = machine.state / "state.sqlite"
    with server:
        machine.run()
        before = issued(machine.running)
        if damage is None:  # in the middle, where its tables are
            content = bytearray(database.read_bytes())
            content[100:8192] = b"\xff" * (8192 - 100)
            damage = bytes(content)
        database.write_bytes(damage)
        run = machine.run()
        assert issued(machine.running) == before
        assert well(machine)
        aside = list(machine.state.glob("state.sqlite.damaged-*"))
        assert bool(aside) == bool(damage)
        assert ("put aside" in run.err) == bool(damage)
        assert all(one.stat().st_mode & 0o077 == 0 for one in aside)


def test_the_state_of_yesterday_is_caught_up_with(machine: Machine, server: Nginx) -> None:
    with server:
        machine.run()
        yesterday = machine.folder / "yesterday.sqlite"
        shutil.copy(machine.state / "state.sqlite", yesterday)
        machine.run("--force")
        before, serial = issued(machine.running), machine.facts("www").serial
        shutil.copy(yesterday, machine.state / "state.sqlite")
        machine.run()
        assert issued(machine.running) == before
        assert machine.facts("www").serial == serial
        assert well(machine)


def test_the_whole_directory_of_yesterday_serves_what_it_has_and_orders_nothing_needless(
    machine: Machine, server: Nginx
) -> None:
    with server:
        machine.run()
        yesterday = machine.folder / "yesterday"
        shutil.copytree(machine.state, yesterday, symlinks=True)
        old = machine.facts("www").serial
        machine.run("--force")
        before = issued(machine.running)
        shutil.rmtree(machine.state)
        shutil.copytree(yesterday, machine.state, symlinks=True)
        machine.run()
        # It is valid, and nobody asked for another: the edge is brought back to it.
        assert issued(machine.running) == before
        assert machine.facts("www").serial == old
        assert well(machine)


def test_a_copy_that_was_taken_in_the_middle_of_a_run_works(
    machine: Machine, server: Nginx
) -> None:
    with server:
        machine.run()
        command = [sys.executable, "-m", "everleaf", "--config", str(machine.config), "run",
                   "--force"]  # fmt: skip
        for number in range(4):
            copy = machine.folder / f"copy-{number}"
            with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
                until("an order is under way", lambda: list((machine.state / "pending").iterdir()))
                taken = subprocess.run(
                    ["/bin/cp", "-a", str(machine.state), str(copy)],
                    check=False,
                    capture_output=True,
                )
                assert taken.returncode in (0, 1)  # what vanished meanwhile is told
                process.communicate(timeout=60)
            assert process.returncode == 0
            before = issued(machine.running)
            kept = machine.folder / "kept"
            machine.state.rename(kept)
            copy.rename(machine.state)
            machine.run()
            assert well(machine)
            assert issued(machine.running) <= before + 1
            shutil.rmtree(kept)


def test_a_newer_state_is_refused_and_left_alone(machine: Machine, server: Nginx) -> None:
    database = machine.state / "state.sqlite"
    with server:
        machine.run()
        with sqlite3.connect(database) as one:
            one.execute("PRAGMA user_version = 99")
        one.close()
        content = database.read_bytes()
        done = machine.everleaf("run", expect=2)
        assert "newer everleaf" in done.err
        assert database.read_bytes() == content


def test_a_renamed_certificate_keeps_its_lineage_and_nothing_is_ordered(
    machine: Machine, server: Nginx
) -> None:
    with server:
        machine.run()
        before, serial = issued(machine.running), machine.facts("www").serial
        machine.everleaf("rename", "www", "site", expect=2)
        machine.sections["certificates.site"] = machine.sections.pop("certificates.www")
        done = machine.everleaf("rename", "www", "site")
        assert str(machine.live("site")) in done.out
        # The server still reads the old folder, which is told where the new one is.
        machine.live("www").parent.mkdir()
        machine.live("www").symlink_to(machine.live("site"))
        machine.run()
        assert issued(machine.running) == before
        assert machine.facts("site").serial == serial
        assert machine.status("site")["state"] == "well"
        assert machine.everleaf("history", "site", "--json").document["events"]
        assert machine.everleaf("rename", "nobody", "site", expect=2).err


def test_an_earlier_version_is_live_again_by_hand_and_stays_so(
    machine: Machine, server: Nginx
) -> None:
    with server:
        machine.run()
        assert machine.everleaf("rollback", "www", expect=2).err
        first = machine.facts("www").serial
        machine.run("--force")
        second = machine.facts("www").serial
        machine.everleaf("rollback", "www")
        assert machine.facts("www").serial == first
        assert well(machine)
        before = issued(machine.running)
        plan = machine.everleaf("plan", "--json").document["certificates"][0]
        assert "by hand" in plan["stages"]["reload"]["why"]
        assert machine.run().status == 0
        assert (machine.facts("www").serial, issued(machine.running)) == (first, before)
        machine.run("--force")
        assert machine.facts("www").serial not in (first, second)


def test_what_a_killed_run_left_is_gone_after_the_next(machine: Machine, server: Nginx) -> None:
    with server:
        command = [sys.executable, "-m", "everleaf", "--config", str(machine.config), "run"]
        machine.write()
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            until("an order is under way", lambda: list((machine.state / "pending").glob("*")))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        machine.run()
        assert well(machine)
        left = [str(path) for path in machine.state.rglob(".*")]
        assert left == []
        assert not list((machine.state / "pending").iterdir())


def test_the_folder_of_the_state_may_be_moved(machine: Machine, server: Nginx) -> None:
    del server
    machine.certificate("plain", f'names = ["{machine.name("plain")}"]\nendpoints = []')
    machine.run("plain")
    before = issued(machine.running)
    moved = machine.folder / "moved"
    Path(machine.state).rename(moved)
    machine.sections["settings"] = machine.sections["settings"].replace(
        str(machine.state), str(moved)
    )
    assert machine.run("plain").stages("plain") == []
    assert issued(machine.running) == before
