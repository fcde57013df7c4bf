"""What a terminal shows of a run, and the options of run and status, with a real Pebble."""

import json
import socket
import sys
from itertools import groupby

import pytest

from support.machine import Machine
from support.terminal import Screen, watched

pytestmark = pytest.mark.usefixtures("running")


def on_a_terminal(machine: Machine, *arguments: str) -> Screen:
    machine.write()
    command = [sys.executable, "-m", "everleaf", "--config", str(machine.config)]
    return watched([*command, *arguments])


def simple(machine: Machine, *labels: str) -> None:
    for label in labels:
        machine.certificate(label, f'names = ["{machine.name(label)}"]\nendpoints = []')


def test_a_terminal_shows_a_line_of_progress_for_each_certificate_and_a_summary(
    machine: Machine,
) -> None:
    simple(machine, "www", "mail")
    screen = on_a_terminal(machine, "run")
    assert screen.status == 0
    assert screen.drawn
    last = {line.split()[0]: line.split()[1:] for line in screen.lines}
    assert last["www"][-1] == last["mail"][-1] == "done"
    assert screen.lines[-1] == "seen to; 2 certificates, all well"
    assert "stage done" not in screen.text


def test_a_run_with_nothing_to_do_draws_nothing_and_sums_up_in_one_line(machine: Machine) -> None:
    simple(machine, "www")
    machine.run()
    screen = on_a_terminal(machine, "run")
    assert (screen.status, screen.drawn) == (0, False)
    assert screen.lines == ["nothing to do; 1 certificate, all well"]


def test_quiet_shows_neither_progress_nor_a_summary(machine: Machine) -> None:
    simple(machine, "www")
    for _ in range(2):
        screen = on_a_terminal(machine, "--quiet", "run")
        assert (screen.status, screen.text) == (0, "")


def test_a_failure_is_named_in_the_summary_also_where_it_is_old(machine: Machine) -> None:
    simple(machine, "www")
    machine.sections["authorities.pebble"] = machine.sections["authorities.pebble"].replace(
        machine.running.directory, f"{machine.running.directory}/none"
    )
    for _ in range(2):
        screen = on_a_terminal(machine, "run")
        assert screen.status == 1
        assert screen.lines[-1].endswith("; 1 certificate, failing: www")


def test_with_one_job_certificates_are_prepared_one_after_the_other(machine: Machine) -> None:
    labels = ("a", "b", "c")
    simple(machine, *labels)
    done = machine.everleaf("--verbose", "--log-format", "json", "run", "--jobs", "1")
    events = [json.loads(line) for line in done.err.splitlines()]
    begun = [
        one["certificate"]
        for one in events
        if one["event"] == "stage begins" and one["stage"] in ("order", "validate", "install")
    ]
    assert sorted(name for name, _ in groupby(begun)) == list(labels)


def test_more_jobs_prepare_them_side_by_side(machine: Machine) -> None:
    simple(machine, "a", "b")
    machine.everleaf("run", "--jobs", "2")
    assert [machine.status(name)["state"] for name in ("a", "b")] == ["well", "well"]


def test_a_deadline_ends_a_run_and_the_next_goes_on(machine: Machine) -> None:
    simple(machine, "www")
    right = machine.sections["authorities.pebble"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"https://127.0.0.1:{silent.getsockname()[1]}/dir"
        machine.sections["authorities.pebble"] = right.replace(machine.running.directory, place)
        stopped = machine.everleaf("run", "--deadline", "1s", expect=1)
        assert "everleaf: stopped: " in stopped.err
        assert "the next run goes on" in stopped.err
    machine.sections["authorities.pebble"] = right
    machine.everleaf("run", "--force")
    assert machine.status("www")["state"] == "well"


def test_status_looks_from_outside_only_where_it_is_asked_to(machine: Machine) -> None:
    server = machine.nginx("www")
    machine.terminator("nginx", server)
    name = machine.name("www")
    port = server.tls[0][1]
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["nginx"]\nendpoints = ["{name}:{port}"]\n',
    )
    machine.everleaf("placeholder", "www")
    with server:
        machine.run()
        (before,) = machine.status("www")["addresses"]
        probed = machine.everleaf("status", "--probe", "--json").document["certificates"][0]
        assert probed["addresses"][0]["sight"] == "confirmed"
        assert probed["addresses"][0]["at"] >= before["at"]
        assert probed["confirmed"] is True
        assert f"{name}:{port} at {machine.host}" in machine.everleaf("status").out
    stored = machine.everleaf("status", "--json").document["certificates"][0]
    assert stored["confirmed"] is True
    probed = machine.everleaf("status", "--probe", "--json", expect=1).document["certificates"][0]
    assert (probed["state"], probed["confirmed"]) == ("failing", False)
    assert probed["addresses"][0]["sight"] == "unreachable"
