"""Whole runs against an authority, a network and a disk that do not help."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from everleaf.demo.authority import LocalAuthority
from support.faulty import Fault, Faulty, document, faulty, problem
from support.loopback import until
from support.machine import Machine, issued, orders
from support.pebble import pebble


@contextmanager
def between(running: LocalAuthority, folder: Path) -> Iterator[tuple[Machine, Faulty]]:
    """A machine that speaks to Pebble through a proxy that fails on command."""
    with faulty(folder / "proxy", running.directory, running.ca_file) as proxy:
        there = replace(running, directory=proxy.directory, ca_file=proxy.ca_file)
        machine = Machine(folder / "machine", there)
        machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
        yield machine, proxy


def stage(run: dict[str, list[dict[str, list[dict[str, object]]]]], name: str) -> dict[str, object]:
    return next(one for one in run["certificates"][0]["stages"] if one["stage"] == name)


@pytest.mark.rule("ACME-1")
@pytest.mark.rule("ACME-3")
def test_nine_of_ten_nonces_refused_and_every_authorization_reused(tmp_path: Path) -> None:
    with pebble(tmp_path / "ca", bad_nonces=90, authorizations_reused=100) as running:
        machine = Machine(tmp_path / "machine", running)
        machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
        machine.run()
        machine.run("--force")
        assert issued(running) == 2
        assert len(machine.status("www")["versions"]) == 2


def test_an_order_in_processing_is_waited_for_as_long_as_the_authority_asks(
    running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        name = {"type": "dns", "value": machine.name("www")}
        busy = {
            "status": "processing",
            "identifiers": [name],
            "authorizations": [f"{proxy.url}/authZ/1"],
            "finalize": f"{proxy.url}/finalize-order/1",
        }
        proxy.faults += [("/my-order/", document(busy, retry_after="1"))] * 2
        before = issued(running)
        machine.run()
        assert not proxy.faults
        assert issued(running) - before == 1


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(
    "path", ["/order-plz", "/finalize-order/", "/certZ/", "/chalZ/", "/authZ/"]
)
def test_a_connection_that_fails_once_costs_no_certificate(
    fault: Fault, path: str, running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        before = issued(running)
        proxy.faults.append((path, fault))
        run = machine.run(expect=None)
        if run.status != 0:
            assert "Traceback" not in run.err
            run = machine.run("--force")
        assert run.status == 0
        assert issued(running) - before == 1
        assert not proxy.faults, "the fault was met"


def test_a_lost_answer_to_new_order_is_sent_for_again_in_the_same_run(tmp_path: Path) -> None:
    # No nonce is refused: the answer that is lost is that of an order.
    with pebble(tmp_path / "ca") as running, between(running, tmp_path) as (machine, proxy):
        before = issued(running), orders(running)
        proxy.faults.append(("/order-plz", Fault.LOST_ANSWER))
        machine.run()
        assert (issued(running) - before[0], orders(running) - before[1]) == (1, 2)


@pytest.mark.rule("ACME-6")
def test_a_refusal_fails_with_the_authoritys_words_and_is_held_back(
    running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        no = problem("rejectedIdentifier", 400, "policy forbids issuing for this name")
        proxy.faults.append(("/order-plz", no))
        run = machine.run(expect=1)
        fault = stage(run.document, "order")["fault"]
        assert isinstance(fault, dict)
        assert any("policy forbids issuing" in line for line in fault["words"])
        sent = len(proxy.seen)
        again = machine.run(expect=1)
        assert stage(again.document, "order")["result"] == "held"
        assert len(proxy.seen) == sent, "held back, nobody was asked"
        machine.run("--force")


@pytest.mark.rule("ACME-5")
def test_a_limit_is_kept_for_all_certificates_of_the_account_and_force_does_not_break_it(
    running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        proxy.faults.append(("/order-plz", problem("rateLimited", 429, retry_after="3600")))
        machine.run(expect=1)
        machine.certificate("other", f'names = ["{machine.name("other")}"]\nendpoints = []')
        sent = proxy.paths("POST").count("/order-plz")
        run = machine.run("--force", expect=1)
        assert stage(run.document, "order")["result"] == "held"
        assert proxy.paths("POST").count("/order-plz") == sent


@pytest.mark.rule("ARI-16")
@pytest.mark.parametrize(
    "no", [problem("alreadyReplaced", 409), problem("serverInternal", 500)], ids=["409", "500"]
)
def test_an_order_that_is_refused_with_replaces_is_placed_without_it(
    no: object, running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        machine.run()
        proxy.faults.append(("/order-plz", no))  # type: ignore[arg-type]
        run = machine.run("--force")
        assert "placed without it" in run.err
        sent = ["replaces" in one.payload for one in proxy.seen if one.path == "/order-plz"]
        # Pebble refuses a nonce now and then, and the same order is sent once more.
        assert [carries for carries, _ in groupby(sent)] == [False, True, False]


@pytest.mark.rule("ACME-12")
def test_a_challenge_that_fails_leaves_nothing_presented_and_is_held_back(
    machine: Machine, tmp_path: Path
) -> None:
    web = tmp_path / "nobody-serves-this"
    web.mkdir()
    machine.sections["solvers.web"] = f'type = "webroot"\npath = "{web}"'
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    run = machine.run(expect=1)
    fault = stage(run.document, "validate")["fault"]
    assert isinstance(fault, dict)
    assert fault["code"] == "challenge-failed"
    assert machine.name("www") in str(fault["words"])
    assert [one for one in web.rglob("*") if one.is_file()] == []
    assert not list((machine.state / "pending").iterdir())
    assert stage(machine.run(expect=1).document, "order")["result"] == "held"


def test_sigterm_takes_responses_down_keeps_the_order_and_the_next_run_goes_on(
    tmp_path: Path,
) -> None:
    with pebble(tmp_path / "ca", validation_sleeps=15) as running:
        machine = Machine(tmp_path / "machine", running)
        web = tmp_path / "web"
        web.mkdir()
        machine.sections["solvers.web"] = f'type = "webroot"\npath = "{web}"'
        body = f'names = ["{machine.name("www")}"]\nendpoints = []\npreflight = "off"'
        machine.certificate("www", body)
        machine.write()
        command = [sys.executable, "-m", "everleaf", "--config", str(machine.config), "run"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until("a response stands", lambda: [one for one in web.rglob("*") if one.is_file()])
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 1, err
        assert "Traceback" not in err
        assert [one for one in web.rglob("*") if one.is_file()] == []
        order = json.loads((machine.state / "pending/www/order.json").read_text("utf-8"))
        assert order["order_url"]


def test_an_alert_is_sent_when_it_fails_and_when_it_is_well_again_and_not_between(
    running: LocalAuthority, tmp_path: Path
) -> None:
    with between(running, tmp_path) as (machine, proxy):
        told = tmp_path / "told"
        script = tmp_path / "tell"
        script.write_text(f"#!/bin/sh\ncat >> {told}\n", "utf-8")
        script.chmod(0o755)
        machine.sections["alert"] = f'command = ["{script}"]'
        proxy.faults.append(("/order-plz", problem("rejectedIdentifier", 400)))
        machine.run(expect=1)
        machine.run(expect=1)
        machine.run("--force")
        machine.run()
        documents = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
        assert [one["kind"] for one in documents] == ["failing", "recovered"]
        assert {one["certificate"] for one in documents} == {"www"}
        assert documents[0]["faults"][0]["stage"] == "order"


def test_a_wrong_included_file_takes_out_its_own_certificates_and_the_others_are_served(
    machine: Machine,
) -> None:
    good, bad = machine.name("good"), machine.name("bad")
    parts = machine.folder / "conf.d"
    parts.mkdir()
    for label, name in (("good", good), ("bad", bad)):
        text = f'[certificates.{label}]\nnames = ["{name}"]\nendpoints = []\n'
        parts.joinpath(f"{label}.toml").write_text(text, "utf-8")
    with parts.joinpath("bad.toml").open("a", encoding="utf-8") as file:
        file.write('key_typ = "rsa-2048"\n')
    machine.sections = {"": 'include = ["conf.d/*.toml"]'} | machine.sections
    run = machine.run(expect=2)
    assert "bad.toml:4" in run.err
    assert machine.live("good").exists()
    assert not machine.live("bad").parent.exists()


def test_an_issued_chain_that_is_not_trusted_is_kept_and_installed_once_it_is(
    machine: Machine, running: LocalAuthority
) -> None:
    before = issued(running)
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    trusted = machine.sections["authorities.pebble"]
    other = f'trust_file = "{running.ca_file}"'
    roots = f'trust_file = "{running.roots_file}"'
    machine.sections["authorities.pebble"] = trusted.replace(roots, other)
    run = machine.run(expect=1)
    fault = stage(run.document, "verify")["fault"]
    assert isinstance(fault, dict)
    assert Path(str(fault["where"])).joinpath("chain.pem").exists()
    assert not machine.live("www").exists()
    machine.sections["authorities.pebble"] = trusted
    assert machine.run().stages("www") == ["verify", "install", "reload"]
    assert issued(running) - before == 1
