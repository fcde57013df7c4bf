"""Certificates from nothing to seen served, and renewed: a real Pebble and a real nginx."""

import fcntl
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.loopback import served
from support.machine import Machine
from support.serials import replaceable
from support.servers import Nginx

pytestmark = pytest.mark.usefixtures("running")


def past_window() -> str:
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=2), now - timedelta(hours=1)
    window = {"start": f"{start:%FT%TZ}", "end": f"{end:%FT%TZ}"}
    return json.dumps({"suggestedWindow": window})


def usual(machine: Machine, *labels: str, more: str = "") -> Nginx:
    """A certificate per label, with a placeholder each, behind one nginx that is not started."""
    server = machine.nginx(*labels)
    machine.terminator("nginx", server)
    for label in labels:
        name = machine.name(label)
        endpoint = f"{name}:{server.tls[0][1]}"
        body = f'names = ["{name}"]\nterminators = ["nginx"]\nendpoints = ["{endpoint}"]\n{more}'
        machine.certificate(label, body)
        machine.everleaf("placeholder", label)
    return server


def serial(machine: Machine, name: str) -> str:
    return str(machine.status(name)["live"]["serial"])


def test_a_first_certificate_goes_from_a_placeholder_to_confirmed(machine: Machine) -> None:
    server = usual(machine, "www")
    name = machine.name("www")
    with server:
        assert machine.status("www")["state"] == "placeholder"
        run = machine.run()
        assert run.stages("www") == ["order", "validate", "verify", "install", "reload", "confirm"]
        chain = served(*server.tls[0], name)
        pem = machine.live("www").joinpath("fullchain.pem").read_text("ascii")
        assert len(chain) == pem.count("BEGIN CERTIFICATE") == 2
        assert machine.status("www")["state"] == "well"


def test_a_run_with_nothing_to_do_orders_nothing_reloads_nothing_and_says_nothing(
    machine: Machine,
) -> None:
    server = usual(machine, "www")
    with server:
        machine.run()
        reloads, history = server.reloads(), machine.everleaf("history", "--json").out
        again = machine.everleaf("run")
        assert (again.out, again.err) == ("", "")
        assert server.reloads() == reloads
        assert machine.everleaf("history", "--json").out == history


@pytest.mark.rule("ARI-7")
@pytest.mark.rule("ARI-15")
def test_a_window_in_the_past_renews_with_replaces_and_the_new_leaf_is_served(
    machine: Machine,
) -> None:
    server = usual(machine, "www")
    with server:
        machine.run()
        replaceable(machine, "www")
        before = serial(machine, "www")
        key = machine.live("www").joinpath("privkey.pem").read_bytes()
        machine.running.suggest(
            machine.live("www").joinpath("cert.pem").read_bytes(), past_window()
        )
        run = machine.run("--poll-now")
        order = next(
            one for one in run.document["certificates"][0]["stages"] if one["stage"] == "order"
        )
        assert "replaces" in order["why"]
        assert serial(machine, "www") != before
        assert machine.live("www").joinpath("privkey.pem").read_bytes() != key
        assert machine.status("www")["state"] == "well"


def test_two_certificates_behind_one_nginx_are_renewed_with_one_reload(machine: Machine) -> None:
    server = usual(machine, "one", "two")
    with server:
        reloads = server.reloads()
        machine.run()
        assert server.reloads() == reloads + 1
        for label in ("one", "two"):
            leaf = served(*server.tls[0], f"{label}.{machine.slug}.test")[0]
            version = json.loads(machine.live(label).joinpath("version.json").read_text("utf-8"))
            assert hashlib.sha256(leaf).hexdigest() == version["chain_sha256"][0]


def test_an_edge_that_is_stopped_is_named_and_confirmed_later_without_an_order_or_a_reload(
    machine: Machine,
) -> None:
    edges = {"one": machine.nginx("www"), "two": machine.nginx("www")}
    name = machine.name("www")
    for label, edge in edges.items():
        machine.terminator(label, edge)
    endpoints = ", ".join(
        f'{{ host = "{name}", port = {edge.tls[0][1]}, terminator = "{label}" }}'
        for label, edge in edges.items()
    )
    body = f'names = ["{name}"]\nterminators = ["one", "two"]\nendpoints = [{endpoints}]'
    machine.certificate("www", body + '\nconfirm_every = "0s"\ngrace = "2s"')
    machine.everleaf("placeholder", "www")
    with edges["one"]:
        with edges["two"]:
            machine.run()
        run = machine.run(expect=1)
        (fault,) = [one["fault"] for one in run.document["certificates"][0]["stages"]]
        gone = f"{machine.host}:{edges['two'].tls[0][1]}"
        assert any(gone in words for words in fault["words"])
        sights = {one["address"]: one["sight"] for one in machine.status("www")["addresses"]}
        assert sights[gone] == "unreachable"
        assert list(sights.values()).count("confirmed") == 1
        reloads = edges["one"].reloads()
        with edges["two"]:
            again = machine.run()
            assert again.stages("www") == ["confirm"]
            assert edges["one"].reloads() == reloads
        assert machine.status("www")["versions"].__len__() == 2  # the placeholder and the one


def test_an_edge_that_ignores_its_reload_is_named_as_stale_and_reloaded_again_later(
    machine: Machine, tmp_path: Path
) -> None:
    server = machine.nginx("www")
    name = machine.name("www")
    hook = tmp_path / "deaf"
    calls = tmp_path / "calls"
    hook.write_text(f'#!/bin/sh\necho "$1" >> {calls}\n', "utf-8")
    hook.chmod(0o755)
    machine.sections["terminators.deaf"] = f'hook = "{hook}"'
    endpoint = f"{name}:{server.tls[0][1]}"
    body = f'names = ["{name}"]\nterminators = ["deaf"]\nendpoints = ["{endpoint}"]'
    machine.certificate("www", body + '\ngrace = "1s"')
    machine.everleaf("placeholder", "www")
    old = json.loads(machine.live("www").joinpath("version.json").read_text("utf-8"))["serial"]
    with server:
        run = machine.run(expect=1)
        fault = run.document["certificates"][0]["stages"][-1]["fault"]
        new = serial(machine, "www")
        assert any(old in line and new in line for line in fault["words"])
        assert calls.read_text("utf-8").split() == ["check", "reload"]
        machine.terminator("deaf", server)
        again = machine.run()
        assert again.stages("www") == ["reload", "confirm"]
        assert machine.status("www")["state"] == "well"


def test_a_configuration_broken_by_somebody_else_is_not_reloaded_until_it_is_mended(
    machine: Machine,
) -> None:
    server = usual(machine, "www")
    name = machine.name("www")
    with server:
        machine.run()
        before = served(*server.tls[0], name)[0]
        reloads = server.reloads()
        server.extra = "this_is_no_directive on;"
        server.configure()
        run = machine.run("--force", expect=1)
        fault = run.document["certificates"][0]["stages"][-1]["fault"]
        assert fault["code"] == "configuration-broken"
        assert any("this_is_no_directive" in line for line in fault["words"])
        assert server.reloads() == reloads
        assert served(*server.tls[0], name)[0] == before
        server.extra = ""
        server.configure()
        versions = machine.status("www")["versions"]
        again = machine.run()
        assert again.stages("www") == ["reload", "confirm"]
        assert machine.status("www")["versions"] == versions
        assert served(*server.tls[0], name)[0] != before


def test_a_pair_that_makes_the_test_fail_stays_back_and_the_other_one_goes_forward(
    machine: Machine, tmp_path: Path
) -> None:
    server = machine.nginx("good", "bad")
    port = server.tls[0][1]
    hook = tmp_path / "picky"
    refused = tmp_path / "refused"
    real = Path(__file__).parents[2] / "hooks" / "nginx"
    hook.write_text(
        "#!/bin/sh\n"
        f'if [ -e {refused} ] && [ "$1" = check ]; then\n'
        f"  if ! cmp -s {machine.live('bad')}/cert.pem {refused}; then\n"
        "    echo 'this pair is not to my liking' >&2; exit 1\n"
        "  fi\nfi\n"
        f'exec {real} "$@"\n',
        "utf-8",
    )
    hook.chmod(0o755)
    settings = ", ".join(f"{key} = {json.dumps(value)}" for key, value in server.settings.items())
    machine.sections["terminators.nginx"] = f'hook = "{hook}"\nsettings = {{ {settings} }}'
    for label in ("good", "bad"):
        name = machine.name(label)
        machine.certificate(
            label,
            f'names = ["{name}"]\nterminators = ["nginx"]\nendpoints = ["{name}:{port}"]',
        )
        machine.everleaf("placeholder", label)
    with server:
        machine.run()
        serials = {label: serial(machine, label) for label in ("good", "bad")}
        # From now on only the certificate that is live now is to the hook's liking.
        refused.write_bytes(machine.live("bad").joinpath("cert.pem").read_bytes())
        run = machine.run("--force", expect=1)
        codes = {
            one["name"]: [stage["fault"]["code"] for stage in one["stages"] if "fault" in stage]
            for one in run.document["certificates"]
        }
        assert codes == {"good": [], "bad": ["pair-refused"]}
        assert serial(machine, "bad") == serials["bad"]
        assert serial(machine, "good") != serials["good"]
        # Remembered: the next run neither orders nor tries it again, and still says so.
        versions = machine.status("bad")["versions"]
        again = machine.run(expect=1)
        assert again.stages("bad") == ["reload"]
        assert machine.status("bad")["versions"] == versions


def test_a_second_run_beside_the_first_exits_75_and_says_who_holds_the_lock(
    machine: Machine,
) -> None:
    machine.everleaf("run")
    with (machine.state / "lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write(json.dumps({"pid": os.getpid(), "since": "2026-01-01T00:00:00Z"}))
        held.flush()
        second = machine.everleaf("run", expect=75)
        assert str(os.getpid()) in second.err


def test_a_rehearsal_touches_nothing_live(machine: Machine) -> None:
    name = machine.name("www")
    machine.sections["authorities.pebble"] += '\nstaging = "rehearsal"'
    machine.sections["authorities.rehearsal"] = machine.sections["authorities.pebble"].replace(
        '\nstaging = "rehearsal"', ""
    )
    machine.sections["defaults"] = 'authority = "pebble"'
    machine.certificate("www", f'names = ["{name}"]\nendpoints = []')
    run = machine.run("--dry-run")
    assert run.stages("www") == ["order", "validate", "verify", "install"]
    assert not machine.live("www").exists()
    assert machine.status("www")["state"] == "missing"
    machine.run("--dry-run")


def test_a_rehearsal_without_a_staging_directory_exits_2_and_says_how_to_name_one(
    machine: Machine,
) -> None:
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    run = machine.everleaf("run", "--dry-run", expect=2)
    assert "staging =" in run.err


def test_changed_names_are_ordered_anew(machine: Machine) -> None:
    first, second = machine.name("a"), machine.name("b")
    machine.certificate("www", f'names = ["{first}"]\nendpoints = []')
    machine.run()
    assert machine.run().stages("www") == []
    machine.certificate("www", f'names = ["{first}", "{second}"]\nendpoints = []')
    machine.run()
    assert machine.status("www")["names"] == sorted([first, second])


def test_what_was_taken_out_of_the_configuration_is_orphaned_until_it_is_forgotten(
    machine: Machine,
) -> None:
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    machine.run()
    assert machine.everleaf("forget", "www", expect=2).err
    del machine.sections["certificates.www"]
    assert machine.everleaf("status", "--json").document["orphaned"] == ["www"]
    machine.everleaf("forget", "www")
    assert machine.everleaf("status", "--json").document["orphaned"] == []
    assert not machine.live("www").parent.exists()
