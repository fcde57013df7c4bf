"""Three nginx edges, a haproxy and Pebble in containers of their own; everleaf in one more."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from parts import ADDRESSES, CERTIFICATES, EDGES, PEBBLE, RUN, pool

from e2e import stage
from everleaf.pki.certificates import facts
from support.loopback import served
from support.serials import padded


def test_one_run_gets_a_certificate_with_three_names_to_all_four_edges() -> None:
    before = stage.orders()
    stage.run("--force", "shop")
    (order,) = [stage.fetched(url) for url in stage.orders() if url not in before]
    assert sorted(one["value"] for one in order["identifiers"]) == list(stage.NAMES)
    for edge in EDGES:
        chain = served(EDGES[edge], 443, "shop.stage.test")
        assert len(chain) == 2, "leaf and intermediate, no root"
        assert stage.serving(edge) == stage.installed("shop")
        roots = RUN / "roots.pem"
        assert ssl.PEM_cert_to_DER_cert(roots.read_text("ascii")) not in chain
        assert all(stage.trusted(edge, name, roots) for name in stage.NAMES)
        assert not stage.trusted(edge, "other.stage.test", roots)
        assert not stage.trusted(edge, "www.stage.test", Path("/tls/listener.pem"))


def test_a_second_run_places_no_order_and_reloads_nothing() -> None:
    stage.run()
    before = stage.orders(), stage.touched(*EDGES)
    again = stage.run()
    for name in CERTIFICATES:
        assert {one["stage"] for one in stage.stages(again, name)} <= {"confirm"}
    assert (stage.orders(), stage.touched(*EDGES)) == before


def predecessor(name: str) -> str:
    """The CertID of what is live."""
    leaf = (stage.live(name) / "cert.pem").read_text("ascii")
    return facts(ssl.PEM_cert_to_DER_cert(leaf)).cert_id or ""


def test_a_window_in_the_past_renews_with_replaces_and_all_edges_serve_the_new_leaf() -> None:
    stage.run()
    while padded(predecessor("shop")):
        stage.run("--force", "shop")
    before, chain = stage.orders(), stage.installed("shop")
    leaf = (stage.live("shop") / "cert.pem").read_text("ascii")
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=2), now - timedelta(hours=1)
    answer = json.dumps({"suggestedWindow": {"start": f"{start:%FT%TZ}", "end": f"{end:%FT%TZ}"}})
    body = json.dumps({"Certificate": leaf, "ARIResponse": answer}).encode()
    set_info = pool().request("POST", f"{PEBBLE}:15000/set-renewal-info/", body=body)
    assert set_info.status == 200
    stage.run("--poll-now")
    (order,) = [stage.fetched(url) for url in stage.orders() if url not in before]
    assert order["status"] == "valid"
    assert order["replaces"] == facts(ssl.PEM_cert_to_DER_cert(leaf)).cert_id
    assert stage.installed("shop") != chain
    for edge in EDGES:
        assert stage.serving(edge) == stage.installed("shop")


def test_two_certificates_behind_one_nginx_are_renewed_with_one_reload() -> None:
    stage.run()
    before = {edge: stage.reloads(edge) for edge in stage.NGINX}
    chains = [stage.installed(name) for name in CERTIFICATES]
    stage.run("--force")
    for edge in stage.NGINX:
        assert stage.reloads(edge) == before[edge] + 1
        served_now = [
            stage.serving(edge, "shop.stage.test"),
            stage.serving(edge, "second.stage.test"),
        ]
        assert served_now == [stage.installed("shop"), stage.installed("second")]
        assert not set(map(tuple, served_now)) & set(map(tuple, chains))


def test_a_stopped_edge_is_named_and_confirmed_again_without_an_order_or_a_reload() -> None:
    stage.run()
    others = ("edge1", "edge3", "proxy")
    before = stage.orders(), stage.touched(*others)
    stage.stop("edge2")
    document = stage.run(expect=1)
    assert all(one["failing"] for one in document["certificates"])
    for name in CERTIFICATES:
        (failed,) = [one for one in stage.stages(document, name) if one["result"] == "failed"]
        assert failed["stage"] == "confirm"
        words = " ".join(failed["fault"]["words"])
        assert "10.77.0.12" in words
        assert "10.77.0.11" not in words
        assert "10.77.0.13" not in words
        assert "10.77.0.14" not in words
        assert {one["code"] for one in failed["fault"]["causes"]} == {"connection-refused"}
    sights = {one["address"]: one["sight"] for one in stage.status("shop")["addresses"]}
    assert sights == {
        "10.77.0.11:443": "confirmed",
        "10.77.0.12:443": "unreachable",
        "10.77.0.13:443": "confirmed",
        "10.77.0.14:443": "confirmed",
    }
    stage.start("edge2")
    again = stage.run()
    for name in CERTIFICATES:
        assert [one["stage"] for one in stage.stages(again, name)] == ["confirm"]
    assert {one["sight"] for one in stage.status("shop")["addresses"]} == {"confirmed"}
    assert (stage.orders(), stage.touched(*others)) == before


def test_the_running_haproxy_takes_a_new_certificate_without_a_new_worker() -> None:
    stage.run()
    before = stage.workers("proxy"), stage.installed("shop")
    stage.run("--force", "shop")
    assert stage.workers("proxy") == before[0]
    assert stage.serving("proxy") == stage.installed("shop") != before[1]


def test_a_restarted_haproxy_serves_the_copy_that_everleaf_left() -> None:
    stage.run("--force", "shop")
    stage.stop("proxy")
    stage.start("proxy")
    assert stage.serving("proxy") == stage.installed("shop")


def test_every_address_of_a_name_is_looked_at() -> None:
    stage.run()
    looked_at = sorted(one["address"] for one in stage.status("second")["addresses"])
    assert looked_at == [f"{one}:443" for one in ADDRESSES["second.stage.test"]]
