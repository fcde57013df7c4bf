"""Two nginx edges, a haproxy and Pebble in containers of their own; everleaf in one more.

The tests share the stage, so that they run one after the other; each begins with a run that sees
to it that all is well.
"""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from parts import ADDRESSES, CERTIFICATES, EDGES, PEBBLE, RUN, everleaf, pool, prepare, wait

from support.loopback import served

LIVE = Path("/var/lib/everleaf/certificates")
NAMES = {"edge1": "www.stage.test", "edge2": "api.stage.test", "proxy": "shop.stage.test"}


def run(*arguments: str, expect: int = 0) -> dict[str, Any]:
    done = everleaf("run", "--json", *arguments)
    assert done.returncode == expect, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def stages(document: dict[str, Any], name: str) -> list[str]:
    (one,) = [item for item in document["certificates"] if item["name"] == name]
    return [stage["stage"] for stage in one["stages"]]


def serving(edge: str, name: str = "") -> list[bytes]:
    return served(EDGES[edge], 443, name or NAMES[edge])


def answers(edge: str) -> bool:
    try:
        return bool(serving(edge))
    except OSError:
        return False


def installed(name: str) -> list[str]:
    version: dict[str, Any] = json.loads((LIVE / name / "live" / "version.json").read_text("utf-8"))
    return list(version["chain_sha256"])


def hashes(chain: list[bytes]) -> list[str]:
    return [sha256(der).hexdigest() for der in chain]


def reloads(edge: str) -> int:
    return (RUN / f"{edge}.log").read_text("utf-8", errors="replace").count("(SIGHUP) received")


def orders() -> int:
    events = json.loads(everleaf("history", "--json", "--limit", "10000").stdout)["events"]
    return sum(one["stage"] == "order" and one["what"] == "done" for one in events)


@pytest.fixture(autouse=True)
def stage(on_the_stage: None) -> Iterator[None]:
    del on_the_stage
    prepare()
    for name in CERTIFICATES:
        everleaf("placeholder", name)
    for edge in EDGES:
        (RUN / f"{edge}.stopped").unlink(missing_ok=True)
    for edge in EDGES:
        wait(f"{edge} serves", partial(answers, edge))
    yield
    for edge in EDGES:
        (RUN / f"{edge}.stopped").unlink(missing_ok=True)


def stop(edge: str) -> None:
    (RUN / f"{edge}.stopped").touch()
    os.kill(int((RUN / f"{edge}.pid").read_text("ascii")), signal.SIGTERM)
    wait(f"{edge} has stopped", lambda: not answers(edge))


def start(edge: str) -> None:
    (RUN / f"{edge}.stopped").unlink()
    wait(f"{edge} serves again", lambda: answers(edge))


def test_one_run_gets_a_certificate_with_three_names_to_all_three_edges() -> None:
    run("--force")
    for edge in EDGES:
        chain = serving(edge)
        assert hashes(chain) == installed("shop")
        assert len(chain) == 2, "leaf and intermediate, no root"
    names = json.loads(everleaf("status", "--json", "shop").stdout)["certificates"][0]["names"]
    assert names == ["api.stage.test", "shop.stage.test", "www.stage.test"]


def test_a_second_run_places_no_order_and_reloads_nothing() -> None:
    run()
    before = orders(), {edge: reloads(edge) for edge in ("edge1", "edge2")}
    again = run()
    assert {stage for name in CERTIFICATES for stage in stages(again, name)} <= {"confirm"}
    assert (orders(), {edge: reloads(edge) for edge in ("edge1", "edge2")}) == before


def test_a_window_in_the_past_renews_with_replaces_and_all_three_serve_the_new_leaf() -> None:
    run()
    before = installed("shop")
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=2), now - timedelta(hours=1)
    answer = json.dumps({"suggestedWindow": {"start": f"{start:%FT%TZ}", "end": f"{end:%FT%TZ}"}})
    leaf = (LIVE / "shop" / "live" / "cert.pem").read_text("ascii")
    body = json.dumps({"Certificate": leaf, "ARIResponse": answer}).encode()
    set_info = pool().request("POST", f"{PEBBLE}:15000/set-renewal-info/", body=body)
    assert set_info.status == 200
    document = run("--poll-now", "shop")
    (order,) = [one for one in document["certificates"][0]["stages"] if one["stage"] == "order"]
    assert "replaces" in order["why"]
    assert installed("shop") != before
    for edge in EDGES:
        assert hashes(serving(edge)) == installed("shop")


def test_two_certificates_behind_one_nginx_are_renewed_with_one_reload() -> None:
    run()
    before = {edge: reloads(edge) for edge in ("edge1", "edge2")}
    run("--force")
    assert {edge: reloads(edge) - count for edge, count in before.items()} == {
        "edge1": 1,
        "edge2": 1,
    }
    for edge in ("edge1", "edge2"):
        assert hashes(serving(edge)) == installed("shop")
        assert hashes(serving(edge, "second.stage.test")) == installed("second")


def test_a_stopped_edge_is_named_and_confirmed_again_without_an_order_or_a_reload() -> None:
    run()
    stop("edge2")
    document = run(expect=1)
    assert sorted(one["name"] for one in document["certificates"] if one["failing"]) == [
        "second",
        "shop",
    ]
    status = json.loads(everleaf("status", "--json", "shop").stdout)["certificates"][0]
    sights = {one["address"]: one["sight"] for one in status["addresses"]}
    assert sights == {
        "10.77.0.11:443": "confirmed",
        "10.77.0.12:443": "unreachable",
        "10.77.0.13:443": "confirmed",
    }
    before = orders(), reloads("edge1")
    start("edge2")
    again = run()
    assert stages(again, "shop") == ["confirm"]
    assert (orders(), reloads("edge1")) == before


def test_the_running_haproxy_takes_a_new_certificate_without_a_new_worker() -> None:
    run()
    master = int((RUN / "proxy.pid").read_text("ascii"))
    workers = Path(f"/proc/{master}/task/{master}/children").read_text("ascii")
    run("--force", "shop")
    assert Path(f"/proc/{master}/task/{master}/children").read_text("ascii") == workers
    assert hashes(serving("proxy")) == installed("shop")


def test_every_name_has_the_addresses_that_the_stage_says() -> None:
    document = run()
    assert document["exit"] == 0
    status = json.loads(everleaf("status", "--json", "second").stdout)["certificates"][0]
    looked_at = sorted(one["address"] for one in status["addresses"])
    assert looked_at == [f"{one}:443" for one in ADDRESSES["second.stage.test"]]
