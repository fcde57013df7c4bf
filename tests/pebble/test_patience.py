"""Renewal information through a line that fails on command, before a real Pebble."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from everleaf.demo.authority import LocalAuthority
from support.faulty import Fault, Faulty, Reply, document, faulty, problem
from support.machine import Machine, issued
from support.serials import cert_id, replaceable

ARI = "/draft-ietf-acme-ari-03/renewalInfo/"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def proxy(running: LocalAuthority, tmp_path: Path) -> Iterator[Faulty]:
    with faulty(tmp_path / "proxy", running.directory, running.ca_file) as one:
        yield one


@pytest.fixture
def machine(running: LocalAuthority, proxy: Faulty, tmp_path: Path) -> Machine:
    """A machine behind the proxy, with one certificate that was issued."""
    there = replace(running, directory=proxy.directory, ca_file=proxy.ca_file)
    one = Machine(tmp_path / "machine", there)
    one.certificate("www", f'names = ["{one.name("www")}"]\nendpoints = []')
    one.run()
    return one


def renewal(machine: Machine) -> dict[str, Any]:
    (one,) = machine.everleaf("plan", "--json").document["certificates"]
    found: dict[str, Any] = one["renewal"]
    return found


def window(retry_after: str) -> Reply:
    start = datetime.now(UTC) + 20 * DAY
    text = {"start": f"{start:%FT%TZ}", "end": f"{start + DAY:%FT%TZ}"}
    return document({"suggestedWindow": text}, retry_after=retry_after)


def aged(machine: Machine, days: float) -> None:
    """Turn back the records of all versions, as if they had been issued so much earlier."""
    for path in machine.live("www").resolve().parent.glob("*/version.json"):
        version = json.loads(path.read_text(encoding="utf-8"))
        for field in ("not_before", "not_after", "earliest_end", "installed_at"):
            at = datetime.fromisoformat(version[field]) - timedelta(days=days)
            version[field] = at.isoformat()
        path.write_text(json.dumps(version), encoding="utf-8")


@pytest.mark.rule("ARI-9")
def test_ari_9_failures_are_known_to_the_next_process_and_nobody_retries_sooner(
    machine: Machine, proxy: Faulty
) -> None:
    no = problem("rejectedIdentifier", 400)
    proxy.faults += [("/order-plz", no)] * 2  # with `replaces`, and without
    machine.run("--force", expect=1)
    backoff = renewal(machine)["backoff"]
    assert backoff["failures"] == 1
    wait = datetime.fromisoformat(backoff["until"]) - datetime.fromisoformat(backoff["last"])
    assert MINUTE <= wait <= 1.1 * MINUTE + timedelta(seconds=1)
    sent = proxy.paths("POST").count("/order-plz")
    for _ in range(3):
        machine.run(expect=1)
    assert proxy.paths("POST").count("/order-plz") == sent


@pytest.mark.rule("ARI-11")
@pytest.mark.parametrize(
    ("seconds", "wait"), [(0, MINUTE), (7200, 120 * MINUTE), (10_000_000, DAY)]
)
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_ari_11_retry_after_is_kept_between_a_minute_and_a_day(
    machine: Machine, proxy: Faulty, form: str, seconds: int, wait: timedelta
) -> None:
    now = datetime.now(UTC)
    at = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    proxy.faults.append((ARI, window(str(seconds) if form == "seconds" else at)))
    machine.run("--poll-now")
    found = datetime.fromisoformat(renewal(machine)["next_poll"]) - now
    assert wait - timedelta(seconds=5) <= found <= wait + timedelta(seconds=30)


@pytest.mark.rule("ARI-12")
@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.RESET, Reply(status=503)])
def test_ari_12_a_temporary_failure_is_tried_again_at_once(
    machine: Machine, proxy: Faulty, fault: Fault | Reply
) -> None:
    before = renewal(machine)
    asked = len(proxy.paths("GET"))
    proxy.faults.append((ARI, fault))
    machine.run("--poll-now")
    assert [path.startswith(ARI) for path in proxy.paths("GET")[asked:]].count(True) == 2
    after = renewal(machine)
    assert after["trouble"] is None
    assert after["selected"] == before["selected"]


@pytest.mark.rule("ARI-12")
@pytest.mark.parametrize(
    "fault", [Fault.LOST_REQUEST, Reply(status=503), Reply(status=500), problem("rateLimited", 429)]
)
def test_ari_12_after_a_temporary_failure_the_window_holds_and_the_next_time_is_soon(
    machine: Machine, proxy: Faulty, fault: Fault | Reply
) -> None:
    before = renewal(machine)
    proxy.faults += [(ARI, fault)] * 10
    machine.run("--poll-now")
    after = renewal(machine)
    assert after["trouble"]
    assert (after["window"], after["selected"]) == (before["window"], before["selected"])
    wait = datetime.fromisoformat(after["next_poll"]) - datetime.now(UTC)
    assert wait < 2 * MINUTE
    asked = len(proxy.seen)
    machine.run()
    assert len(proxy.seen) == asked, "not before"


@pytest.mark.rule("ARI-13")
def test_ari_13_after_a_long_term_failure_the_next_time_is_in_six_hours(
    machine: Machine, proxy: Faulty
) -> None:
    before = renewal(machine)
    proxy.faults.append((ARI, problem("malformed", 404)))
    machine.run("--poll-now")
    after = renewal(machine)
    assert after["selected"] == before["selected"]
    wait = datetime.fromisoformat(after["next_poll"]) - datetime.now(UTC)
    assert timedelta(hours=5, minutes=55) < wait <= timedelta(hours=6)


@pytest.mark.rule("ARI-14")
def test_ari_14_nobody_asks_about_what_was_replaced_or_has_expired(
    machine: Machine, proxy: Faulty
) -> None:
    first = cert_id(machine, "www")
    machine.run("--force")
    second = cert_id(machine, "www")
    proxy.seen.clear()
    machine.run("--poll-now")
    assert [path for path in proxy.paths("GET") if path.startswith(ARI)] == [ARI + second]
    assert second != first
    aged(machine, days=100)
    proxy.seen.clear()
    proxy.faults += [("/order-plz", problem("rejectedIdentifier", 400))] * 5
    machine.run("--poll-now", expect=1)
    assert "/order-plz" in proxy.paths("POST"), "it is expired, and renewed without a question"
    assert not any(path.startswith(ARI) for path in proxy.paths())


@pytest.mark.rule("ARI-17")
@pytest.mark.rule("ARI-5")
def test_ari_17_an_emergency_overrides_the_window_and_the_operator_is_told(
    running: LocalAuthority, machine: Machine, tmp_path: Path
) -> None:
    told, script = tmp_path / "told", tmp_path / "tell"
    script.write_text(f"#!/bin/sh\ncat >> {told}\n", encoding="utf-8")
    script.chmod(0o755)
    machine.sections["alert"] = f'command = ["{script}"]\ndays = []'
    machine.sections["settings"] += '\nwake_interval = "1h"'
    replaceable(machine, "www")
    aged(machine, days=87)
    late = datetime.now(UTC) + 2 * DAY
    text = {"start": f"{late:%FT%TZ}", "end": f"{late + MINUTE:%FT%TZ}"}
    leaf = machine.live("www").joinpath("cert.pem").read_bytes()
    answer = {"suggestedWindow": text, "explanationURL": "https://ca.test/why"}
    running.suggest(leaf, json.dumps(answer))
    before, first = issued(machine.running), cert_id(machine, "www")
    run = machine.run("--poll-now")
    assert issued(machine.running) == before + 1
    assert "https://ca.test/why" in run.err, "the log names the explanation"
    (order,) = [one for one in run.document["certificates"][0]["stages"] if one["stage"] == "order"]
    assert f"replaces {first}" in order["why"]
    events = machine.everleaf("history", "www", "--json").document["events"]
    assert "emergency" in [one["detail"].get("reason") for one in events]
    machine.run()
    documents = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    assert [one["kind"] for one in documents] == ["emergency"]
    assert "renewed in this run" in documents[0]["what"]
    assert "explanation_url" in documents[0]
