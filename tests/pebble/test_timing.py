"""Timing on a real Pebble: plan, one selected time, --wait, a mass revocation, a wrong clock."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.loopback import until
from support.machine import Machine, issued
from support.serials import cert_id, padded

pytestmark = pytest.mark.usefixtures("running")


def window(start: datetime, end: datetime, **more: object) -> str:
    text = {"start": f"{start:%FT%T.%fZ}", "end": f"{end:%FT%T.%fZ}"}
    return json.dumps({"suggestedWindow": text, **more})


def suggest(machine: Machine, name: str, text: str) -> None:
    machine.running.suggest(machine.live(name).joinpath("cert.pem").read_bytes(), text)


def unserved(machine: Machine, *names: str) -> None:
    """Certificates that nobody serves, and that are not confirmed."""
    for name in names:
        machine.certificate(name, f'names = ["{machine.name(name)}"]\nendpoints = []')


def renewal(machine: Machine, name: str) -> dict[str, Any]:
    document = machine.everleaf("plan", "--json").document
    (one,) = [item for item in document["certificates"] if item["name"] == name]
    found: dict[str, Any] = one["renewal"]
    return found


@pytest.mark.rule("ARI-5")
def test_the_plan_tells_all_times_and_all_reasons(machine: Machine) -> None:
    unserved(machine, "www")
    machine.run()
    now = datetime.now(UTC)
    start, end = now + timedelta(days=10), now + timedelta(days=12)
    suggest(machine, "www", window(start, end, explanationURL="https://ca.test/why"))
    machine.run("--poll-now")
    plan = renewal(machine, "www")
    assert (plan["due"], plan["reason"], plan["explanation_url"]) == (
        False, "ari", "https://ca.test/why",
    )  # fmt: skip
    assert plan["window"] == {"start": f"{start:%FT%TZ}", "end": f"{end:%FT%TZ}"}
    assert plan["window"]["start"] <= plan["selected"] <= plan["window"]["end"]
    assert plan["at"] == plan["selected"]
    assert plan["selected"] < plan["fallback"] < plan["emergency"] < plan["end"]
    assert now < datetime.fromisoformat(plan["next_poll"])
    assert plan["backoff"] == {"failures": 0, "last": None, "until": None}
    assert plan["wake_interval"] == 86400


@pytest.mark.rule("ARI-6")
def test_a_hundred_processes_come_to_the_same_time_until_the_window_moves(
    machine: Machine,
) -> None:
    unserved(machine, "www")
    machine.run()
    machine.write()

    def selected(_: int) -> str:
        command = [sys.executable, "-m", "everleaf", "--config", str(machine.config)]
        done = subprocess.run(
            [*command, "plan", "--json"], capture_output=True, check=True, timeout=120
        )
        return str(json.loads(done.stdout)["certificates"][0]["renewal"]["selected"])

    with ThreadPoolExecutor(4) as pool:
        first = set(pool.map(selected, range(100)))
    assert len(first) == 1
    machine.run("--poll-now")
    assert {selected(0)} == first, "asked again, the same window"
    now = datetime.now(UTC)
    suggest(machine, "www", window(now + timedelta(days=20), now + timedelta(days=30)))
    machine.run()
    assert {selected(0)} == first, "nobody was asked yet"
    until("a minute between two polls by hand", lambda: moved(machine, first))


def moved(machine: Machine, first: set[str]) -> bool:
    """Ask by hand as a run does a minute later, by turning the record back."""
    import sqlite3

    with sqlite3.connect(machine.state / "state.sqlite") as one:
        (text,) = one.execute("SELECT document FROM standing").fetchone()
        known = json.loads(text)
        known["renewal"]["asked_at"] = None
        one.execute("UPDATE standing SET document = ?", (json.dumps(known),))
    one.close()
    machine.run("--poll-now")
    return str(renewal(machine, "www")["selected"]) not in first


@pytest.mark.rule("ARI-8")
def test_a_run_that_waits_renews_at_the_selected_time_and_holds_nobody_up(
    machine: Machine,
) -> None:
    unserved(machine, "www")
    machine.run()
    now = datetime.now(UTC)
    start = now + timedelta(seconds=8)
    suggest(machine, "www", window(start, start + timedelta(milliseconds=10)))
    # Another certificate, due at once, must not wait.
    unserved(machine, "other")
    machine.write()
    command = [sys.executable, "-m", "everleaf", "--config", str(machine.config)]
    with subprocess.Popen(
        [*command, "run", "--json", "--poll-now", "--wait", "60s"], stdout=subprocess.PIPE
    ) as waiting:
        until("the other one is issued", lambda: machine.live("other").exists())
        assert datetime.now(UTC) < start
        before = issued(machine.running)
        # It sleeps: the lock is free, and another run may do its work.
        until("the lock is free", lambda: machine.run("other", expect=None).status == 0)
        out, _ = waiting.communicate(timeout=60)
        ended = datetime.now(UTC)
    assert waiting.returncode == 0
    assert start <= ended < start + timedelta(seconds=10)
    assert issued(machine.running) == before + 1
    document = json.loads(out)
    (one,) = [item for item in document["certificates"] if item["name"] == "www"]
    assert [stage["stage"] for stage in one["stages"]][-5:-1] == [
        "order", "validate", "verify", "install",
    ]  # fmt: skip
    events = machine.everleaf("history", "www", "--json").document["events"]
    times = [one["at"] for one in events if one["detail"].get("reason") == "ari"]
    assert times
    assert datetime.fromisoformat(times[0]) >= start.replace(microsecond=0)


@pytest.mark.rule("ARI-15")
def test_a_mass_revocation_of_two_hundred_is_answered_in_one_run_within_the_limits(
    machine: Machine,
) -> None:
    names = [f"c{number:03}" for number in range(200)]
    unserved(machine, *names)
    machine.sections["settings"] += "\njobs = 16"
    machine.run()
    machine.sections["authorities.pebble"] += (
        '\nlimits = { orders = "5 in 3h", certificates = "1 in 7d" }'
    )
    past = datetime.now(UTC) - timedelta(days=2)
    for name in names:
        suggest(machine, name, window(past, past + timedelta(hours=1)))
    before = issued(machine.running)
    unknown = {name for name in names if padded(cert_id(machine, name))}
    run = machine.run("--poll-now")
    placed = {
        one["name"]: stage["why"]
        for one in run.document["certificates"]
        for stage in one["stages"]
        if stage["stage"] == "order" and stage["result"] == "done"
    }
    assert set(placed) == set(names) - unknown
    assert issued(machine.running) == before + len(placed)
    assert all(" replaces " in why for why in placed.values())
    again = machine.run()
    assert all(not one["stages"] for one in again.document["certificates"] if one["name"] in placed)
    (event,) = [
        one
        for one in machine.everleaf("history", min(placed), "--json").document["events"]
        if one["detail"].get("reason") == "revoked-window"
    ]
    assert "its window ended" in event["detail"]["because"]


def test_new_orders_beyond_the_limit_wait_and_the_plan_says_until_when(machine: Machine) -> None:
    names = [f"c{number}" for number in range(6)]
    unserved(machine, *names)
    machine.sections["authorities.pebble"] += '\nlimits = { orders = "4 in 3h" }'
    plan = machine.everleaf("plan", "--json").document["certificates"]
    waiting = [one for one in plan if not one["due"]]
    assert [one["name"] for one in waiting] == ["c4", "c5"]
    assert all(one["renewal"]["turn"] for one in waiting)
    assert all(one["code"] == "missing" for one in plan), "also of what waits"
    assert all("4 new orders" in one["held"] for one in waiting)
    before = issued(machine.running)
    machine.run()
    assert issued(machine.running) == before + 4
    text = machine.everleaf("plan").out
    assert "4 new orders of this account in 3 h" in text
    assert "not before" in text


def turn(machine: Machine, folder: Path, **span: float) -> None:
    """From now on this machine's clock is off by so much."""
    folder.mkdir()
    folder.joinpath("sitecustomize.py").write_text(
        "from datetime import timedelta\n"
        "from everleaf.system.clock import SystemClock as clock\n"
        "now = clock.now\n"
        f"clock.now = lambda self: now(self) + timedelta(**{span})\n"
    )
    machine.environment["PYTHONPATH"] = str(folder)


@pytest.mark.parametrize("options", [(), ("--force",), ("--poll-now",)], ids=" ".join)
def test_a_clock_that_was_turned_far_ahead_since_renews_nothing(
    options: tuple[str, ...], machine: Machine, tmp_path: Path
) -> None:
    unserved(machine, "www")
    machine.run()
    before = issued(machine.running)
    turn(machine, tmp_path / "site", days=400)
    run = machine.run(*options, expect=1)
    (stage,) = run.document["certificates"][0]["stages"]
    assert stage["fault"]["code"] == "wrong-clock"
    assert "400 days fast" in stage["fault"]["what"]
    assert issued(machine.running) == before
    machine.environment.clear()
    machine.run()
    assert issued(machine.running) == before


def test_a_clock_that_is_off_orders_nothing_and_says_so(machine: Machine, tmp_path: Path) -> None:
    unserved(machine, "www")
    before = issued(machine.running)
    turn(machine, tmp_path / "site", hours=3)
    run = machine.run(expect=1)
    (stage,) = run.document["certificates"][0]["stages"]
    assert stage["fault"]["code"] == "wrong-clock"
    assert "3 hours fast" in stage["fault"]["what"]
    assert "max_clock_skew" in stage["fault"]["remedy"]
    assert issued(machine.running) == before
    machine.environment.clear()
    machine.run()
    assert issued(machine.running) == before + 1
