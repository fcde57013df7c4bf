"""The first certificates of a machine whose servers cannot start without them."""

from parts import CERTIFICATES, EDGES, everleaf

from e2e import stage
from support.loopback import served


def test_placeholders_let_the_edges_start_and_one_run_makes_them_real() -> None:
    stage.stop(*EDGES)
    stage.forget_everything()
    for edge in stage.NGINX:
        refused = stage.nginx_says(edge)
        assert refused.returncode != 0
        assert "No such file" in refused.stderr
    for name in CERTIFICATES:
        assert everleaf("placeholder", name).returncode == 0
    stage.start(*EDGES)
    assert {stage.status(name)["state"] for name in CERTIFICATES} == {"placeholder"}
    assert all(len(served(EDGES[edge], 443, "shop.stage.test")) == 1 for edge in EDGES)
    document = stage.run()
    assert not any(one["failing"] for one in document["certificates"])
    assert len(stage.orders()) == len(CERTIFICATES)
    for edge in EDGES:
        assert stage.serving(edge) == stage.installed("shop")
    for edge in stage.NGINX:
        assert stage.serving(edge, "second.stage.test") == stage.installed("second")
    for name in CERTIFICATES:
        one = stage.status(name)
        assert one["state"] == "well"
        assert {seen["sight"] for seen in one["addresses"]} == {"confirmed"}
