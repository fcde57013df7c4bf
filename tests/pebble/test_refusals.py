"""What goes wrong with a validation is told in the CA's words, whole, with our advice.

And nothing is left behind: no record, no listener, no file, no order that nobody will finish.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from everleaf.demo.authority import LocalAuthority
from support.bind import Key
from support.loopback import free, until
from support.machine import Machine, authority, orders
from support.town import DOMAIN, Town, quoted, town

BLOCKED = "blocked.test"
SLOW = {"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "5", "PEBBLE_WFE_NONCEREJECT": "0"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    records = ('caa CAA 0 issue "other.test"', "caa A 127.0.0.1", "*.caa A 127.0.0.1",
               'bound CAA 0 issue "pebble.test; validationmethods=dns-01"')  # fmt: skip
    with town(tmp_path_factory.mktemp("town"), records=records) as one:
        yield one


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    options = {"domainBlocklist": [BLOCKED]}
    with authority(tmp_path_factory.mktemp("pebble"), options=options) as one:
        yield one


@pytest.fixture
def machine(running: LocalAuthority, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", running)


def told(fault: dict[str, Any]) -> str:
    return " | ".join([str(fault["what"]), *fault["words"], str(fault["remedy"])])


def given_up(machine: Machine) -> bool:
    return not list((machine.state / "pending").glob("*"))


def test_a_wrong_txt_record(place: Town, tmp_path: Path) -> None:
    name = f"wrong.{DOMAIN}"
    machine = place.machine(tmp_path / "m", ("www", f'names = {quoted(name)}\nsolver = "hook"'))
    machine.sections["solvers.hook"] = 'type = "exec"\nhook = "/bin/true"\npropagation = false'
    place.bind.add(f"_acme-challenge.{name}.", "not the value")
    fault = machine.run(expect=1).fault("www")
    assert fault["code"] == "challenge-failed"
    assert "urn:ietf:params:acme:error:unauthorized" in told(fault)
    assert "Correct value not found for DNS challenge" in told(fault)
    assert "'hook' can be reached" in fault["remedy"]
    assert given_up(machine)
    assert place.bind.txt(f"_acme-challenge.{name}.") == ["not the value"]


def test_a_name_server_that_fails(place: Town, machine: Machine) -> None:
    # It fails the authority, and not us.
    name, dns = f"servfail.{DOMAIN}", machine.running.dns
    settings = machine.sections["settings"].replace(dns, place.bind.at)
    machine.sections["settings"] = settings
    body = json.dumps({"host": f"_acme-challenge.{name}"}).encode()
    url = f"{machine.running.dns_management}/set-servfail"
    assert urllib3.request("POST", url, body=body, timeout=5).status == 200
    machine.sections["solvers.hook"] = 'type = "exec"\nhook = "/bin/true"\npropagation = false'
    machine.certificate("www", f'names = ["{name}"]\nsolver = "hook"\nendpoints = []')
    fault = machine.run(expect=1).fault("www")
    assert "Error retrieving TXT records for DNS challenge" in told(fault)
    assert f"_acme-challenge.{name}" in told(fault)
    assert "unsuccessful response: 2" in told(fault)  # SERVFAIL
    assert given_up(machine)


@pytest.mark.parametrize("preflight", ["off", "stop"])
def test_an_update_that_is_refused(place: Town, tmp_path: Path, preflight: str) -> None:
    stranger = Key("stranger")
    file = stranger.file(tmp_path).file
    machine = place.machine(
        tmp_path / "m",
        (
            "www",
            f'names = {quoted(f"refused.{DOMAIN}")}\nsolver = "dns"\npreflight = "{preflight}"',
        ),
    )
    update = machine.sections["solvers.dns"].replace(str(place.key), str(file))
    machine.sections["solvers.dns"] = update
    before = orders(place.running)
    fault = machine.run(expect=1).fault("www")
    assert "stranger" in told(fault)
    assert stranger.secret not in json.dumps(fault)
    if preflight == "stop":
        assert fault["code"] == "preflight"
        assert orders(place.running) == before
    assert place.bind.txt(f"_acme-challenge.refused.{DOMAIN}.") == []


@pytest.mark.parametrize("solver", ["http-01", "tls-alpn-01"])
def test_a_port_that_is_closed(machine: Machine, solver: str) -> None:
    port = free()[1]
    machine.sections["solvers.web"] = (
        f'type = "{solver}"\nlisten = ["{machine.host}:{port}"]\npublic_port = {port}'
    )
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    fault = machine.run(expect=1).fault("www")
    assert fault["code"] == "challenge-failed"
    assert "urn:ietf:params:acme:error:" in told(fault)
    assert machine.name("www") in told(fault)
    assert given_up(machine)


def test_a_port_that_is_closed_is_seen_before_an_order(machine: Machine) -> None:
    port, other = free()[1], free()[1]
    machine.sections["solvers.web"] = (
        f'type = "http-01"\nlisten = ["{machine.host}:{port}"]\npublic_port = {other}'
    )
    body = f'names = ["{machine.name("www")}"]\nendpoints = []\npreflight = "stop"'
    machine.certificate("www", body)
    before = orders(machine.running)
    fault = machine.run(expect=1).fault("www")
    assert fault["code"] == "preflight"
    assert f"{machine.host}" in told(fault)
    assert "refused" in told(fault)
    assert orders(machine.running) == before


def test_a_blocked_domain(machine: Machine) -> None:
    machine.certificate("www", f'names = ["{BLOCKED}"]\nendpoints = []\npreflight = "off"')
    fault = machine.run(expect=1).fault("www")
    assert fault["actor"] == "operator"
    assert "urn:ietf:params:acme:error:rejectedIdentifier" in told(fault)
    assert BLOCKED in told(fault)


@pytest.mark.parametrize(
    ("name", "solver", "words"),
    [
        (f"x.caa.{DOMAIN}", "dns", 'CAA 0 issue "other.test" allows other.test'),
        (f"bound.{DOMAIN}", "account", "allows validation by dns-01 only"),
    ],
)
def test_caa_records_that_forbid_it_stop_the_order(
    place: Town, tmp_path: Path, name: str, solver: str, words: str
) -> None:
    machine = place.machine(
        tmp_path / "m", ("www", f'names = {quoted(name)}\nsolver = "{solver}"\npreflight = "stop"')
    )
    before = orders(place.running)
    fault = machine.run(expect=1).fault("www")
    assert words in told(fault)
    assert name.partition(".")[2] in told(fault)
    assert orders(place.running) == before
    # A warning is what it is by default: Pebble does not look at CAA.
    machine.sections["certificates.www"] = machine.sections["certificates.www"].replace(
        "stop", "warn"
    )
    run = machine.run("--force")
    assert words in run.err.replace("\\", "")


def responses(place: Town, owner: str) -> list[str]:
    """Values of responses: what a look before the order writes is shorter."""
    return [one for one in place.bind.txt(owner) if len(one) == 43]


@pytest.mark.rule("ACME-12")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_record_is_taken_away_after_a_signal(tmp_path: Path, how: signal.Signals) -> None:
    with town(tmp_path / "town", environment=SLOW) as place:
        name = f"killed.{DOMAIN}"
        owner = f"_acme-challenge.{name}."
        machine = place.machine(tmp_path / "m", ("www", f'names = {quoted(name)}\nsolver = "dns"'))
        machine.write()
        command = [sys.executable, "-m", "everleaf", "--config", str(machine.config), "run"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until("a record stands", lambda: responses(place, owner))
            process.send_signal(how)
            _, err = process.communicate(timeout=30)
        assert "Traceback" not in err
        order = json.loads((machine.state / "pending/www/order.json").read_text("utf-8"))
        assert order["order_url"]
        if how == signal.SIGTERM:
            assert process.returncode == 1
            assert place.bind.txt(owner) == []
        machine.run()
        assert place.bind.txt(owner) == []
        assert machine.live("www").exists()
        assert given_up(machine)
