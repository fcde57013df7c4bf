"""Why an edge is failing: the same code by `run`, `status`, `history`, an alert and `diagnose`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from support.loopback import free
from support.machine import Machine, point
from support.servers import Nginx

pytestmark = pytest.mark.usefixtures("running")


@pytest.fixture
def letters(machine: Machine) -> Path:
    """Where alerts are kept, a JSON document a line."""
    box, program = machine.folder / "letters", machine.folder / "keep"
    program.write_text(f"#!/bin/sh\ncat >>{box}\n", "utf-8")
    program.chmod(0o755)
    machine.sections["alert"] = f'command = ["{program}"]'
    return box


@pytest.fixture
def place(machine: Machine) -> tuple[Nginx, str]:
    """An nginx that serves a certificate, not started, and its `host:port`."""
    server = machine.nginx("www")
    machine.terminator("edge", server)
    ((_, port),) = server.addresses
    name = machine.name("www")
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["edge"]\nendpoints = ["{name}:{port}"]\n'
        'grace = "3s"\nconfirm_every = "0s"',
    )
    machine.everleaf("placeholder", "www")
    return server, f"{name}:{port}"


def lead(machine: Machine, name: str, address: str) -> None:
    """Let a DNS name resolve to this address alone."""
    body = json.dumps({"host": name}).encode()
    cleared = urllib3.request("POST", f"{machine.running.dns_management}/clear-a", body=body)
    assert cleared.status == 200
    point(machine.running, name, address)


def diagnosed(machine: Machine, place: str) -> list[dict[str, Any]]:
    """The faults that `everleaf diagnose --json` finds, the first one at the head."""
    one = machine.running
    done = machine.everleaf(
        "diagnose", place, "--resolver", one.dns, "--ca-file", str(one.roots_file),
        "--expect", "www", "--json", expect=1,
    )  # fmt: skip
    return [found for found in done.document["findings"] if found["weight"] == "fault"]


def test_an_edge_that_is_down_is_so_called_everywhere(
    machine: Machine, place: tuple[Nginx, str], letters: Path
) -> None:
    server, where = place
    address = f"{machine.host}:{where.rpartition(':')[2]}"
    with server:
        machine.run()
    (cause,) = machine.run(expect=1).fault("www")["causes"]
    assert cause["endpoint"] == where
    assert cause["address"] == address
    assert cause["code"] == "connection-refused"
    assert "Check that the server runs" in cause["words"]
    (seen,) = machine.status("www")["addresses"]
    assert (seen["code"], seen["words"]) == (cause["code"], cause["words"])
    said = machine.everleaf("status", expect=1).out
    assert f"{cause['code']}: {cause['words']}" in said
    events = machine.everleaf("history", "--json", "www").document["events"]
    assert events[-1]["detail"]["causes"] == "connection-refused"
    assert cause["words"] in events[-1]["detail"]["fault"]
    (letter,) = map(json.loads, letters.read_text("utf-8").splitlines())
    assert cause["words"] in letter["what"]
    assert [one["causes"] for one in letter["faults"]] == [[cause]]
    assert [one["code"] for one in diagnosed(machine, where)] == ["connection-refused"]


@pytest.mark.symptom("reload-refused", "not-reloaded")
def test_a_refused_reload_is_told_from_a_forgotten_one(
    machine: Machine, place: tuple[Nginx, str]
) -> None:
    server, where = place
    with server:
        machine.run()
        server.extra = "no_such_directive on;"
        server.configure()
        assert machine.run("--force", expect=1).fault("www")["code"] == "configuration-broken"
        first, second = diagnosed(machine, where)
        assert (first["code"], second["code"]) == ("reload-refused", "not-reloaded")
        assert "no_such_directive" in first["what"]
        server.extra = ""
        server.configure()
        machine.run()
        machine.sections["terminators.edge"] = 'hook = "/bin/true"'
        (cause,) = machine.run("--force", expect=1).fault("www")["causes"]
        assert cause["code"] == "not-reloaded"
        assert [one["code"] for one in diagnosed(machine, where)] == ["not-reloaded"]


@pytest.mark.parametrize("answers", [False, True], ids=["nobody", "another server"])
@pytest.mark.symptom("wrong-address")
def test_a_wrong_address_in_dns_is_told_from_a_server_that_fails(
    machine: Machine, place: tuple[Nginx, str], *, answers: bool
) -> None:
    server, where = place
    name, _, port = where.rpartition(":")
    elsewhere = free()[0]
    with ExitStack() as stack:
        stack.enter_context(server)
        machine.run()
        if answers:
            machine.certificate("other", 'names = ["other.test"]\nendpoints = []')
            machine.everleaf("placeholder", "other")
            del machine.sections["certificates.other"]
            sites = {"other.test": machine.live("other")}
            stack.enter_context(Nginx(machine.folder / "other", [(elsewhere, int(port))], sites))
        lead(machine, name, elsewhere)
        (cause,) = machine.run(expect=1).fault("www")["causes"]
        assert (cause["code"], cause["address"]) == ("wrong-address", f"{elsewhere}:{port}")
        second = "wrong-virtual-host" if answers else "connection-refused"
        assert second in cause["words"]
        codes = [one["code"] for one in diagnosed(machine, where)]
        assert codes[:2] == ["wrong-address", second]
        lead(machine, name, machine.host)
        machine.run()
        server.stop()
        (cause,) = machine.run(expect=1).fault("www")["causes"]
        assert cause["code"] == "connection-refused"
