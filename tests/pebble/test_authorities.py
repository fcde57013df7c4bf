"""More than one authority, bound accounts, account commands, revocation and rehearsals."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.demo.authority import LocalAuthority
from support.loopback import free
from support.machine import Machine, authority, issued, orders, point
from support.servers import Nginx

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
BOUND = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {"kid-1": KEY}}
CALM = {"PEBBLE_WFE_NONCEREJECT": "0"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with authority(tmp_path_factory.mktemp("first"), environment=CALM) as one:
        yield one


@pytest.fixture
def machine(running: LocalAuthority, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", running)


def joined(machine: Machine, name: str, other: LocalAuthority, more: str = "") -> None:
    """Configure another authority, whose names are at the same address and port or another."""
    machine.sections[f"authorities.{name}"] = (
        f'directory = "{other.directory}"\nca_file = "{other.ca_file}"\n'
        f'trust_file = "{other.roots_file}"\nterms_of_service_agreed = true\n{more}'
    )
    machine.sections[f"solvers.{name}"] = (
        f'type = "http-01"\nlisten = ["{machine.host}:{other.http_port}"]\n'
        f"public_port = {other.http_port}"
    )


# -- failover ------------------------------------------------------------------------------------


def test_where_the_first_authority_is_down_the_second_issues_and_later_the_first_again(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack, authority(tmp_path / "two", environment=CALM) as second:
        first_stack = stack.enter_context(ExitStack())
        first = first_stack.enter_context(authority(tmp_path / "one", environment=CALM))
        machine = Machine(tmp_path / "machine", first)
        joined(machine, "second", second)
        machine.sections["settings"] += f'\nresolver = ["{second.dns}"]'
        machine.sections["settings"] = machine.sections["settings"].replace(
            f'resolver = ["{first.dns}"]\n', ""
        )
        name = f"www.{machine.slug}.test"
        for one in (first, second):
            point(one, name, machine.host)
        machine.sections["solvers.files"] = machine.sections.pop("solvers.web")
        web = tmp_path / "web"
        web.mkdir()
        servers = [(machine.host, one.http_port) for one in (first, second)]
        machine.sections["solvers.files"] = f'type = "webroot"\npath = "{web}"'
        del machine.sections["solvers.second"]
        machine.certificate(
            "www",
            f'names = ["{name}"]\nauthority = ["pebble", "second"]\nendpoints = []\n'
            'preflight = "off"\nrenew_before = "33%"',
        )
        with files_of(tmp_path / "nginx", servers, web):
            machine.run()
            assert machine.status("www")["live"]["authority"] == "pebble"
            first_stack.close()
            run = machine.run("--force")
            assert machine.status("www")["live"]["authority"] == "second"
            assert "authority passed over" in run.err
            # ARI is asked for, and `replaces` sent, only where the certificate came from.
            (order,) = [
                one for one in run.document["certificates"][0]["stages"] if one["stage"] == "order"
            ]
            assert "replaces" not in order["why"]
            assert "at second" in order["why"]
            third = machine.run("--force")
            order = next(
                one
                for one in third.document["certificates"][0]["stages"]
                if one["stage"] == "order"
            )
            assert "replaces" in order["why"]


def files_of(folder: Path, addresses: list[tuple[str, int]], web: Path) -> Nginx:
    folder.mkdir()
    server = Nginx(folder, [], {})
    server.http, server.webroot = tuple(addresses), web
    return server


def test_back_to_the_preferred_authority_at_the_next_renewal(
    machine: Machine, tmp_path: Path
) -> None:
    with authority(tmp_path / "two", environment=CALM) as second:
        joined(machine, "second", second)
        name = machine.name("www")
        point(second, name, machine.host)
        body = (
            f'names = ["{name}"]\nauthority = ["gone", "second"]\nsolver = "second"\nendpoints = []'
        )
        port = free()[1]
        machine.sections["authorities.gone"] = (
            f'directory = "https://127.0.0.1:{port}/dir"\nterms_of_service_agreed = true'
        )
        machine.certificate("www", body)
        machine.run()
        assert machine.status("www")["live"]["authority"] == "second"
        plan = machine.everleaf("plan", "--json").document["certificates"][0]["renewal"]
        assert [one["name"] for one in plan["authorities"]] == ["gone", "second"]
        assert plan["authorities"][0]["backoff"]["failures"] == 1
        # The preferred one is there again: it is asked first, as soon as its back-off is over.
        machine.sections["authorities.gone"] = machine.sections["authorities.pebble"]
        machine.certificate("www", body.replace('solver = "second"', 'solver = ["web"]'))
        machine.run("--force")
        assert machine.status("www")["live"]["authority"] == "gone"


def test_both_authorities_down_is_one_failure_with_the_words_of_both(machine: Machine) -> None:
    ports = [free()[1] for _ in range(2)]
    for name, port in zip(("one", "two"), ports, strict=True):
        machine.sections[f"authorities.{name}"] = (
            f'directory = "https://127.0.0.1:{port}/dir"\nterms_of_service_agreed = true'
        )
    machine.certificate(
        "www", f'names = ["{machine.name("www")}"]\nauthority = ["one", "two"]\nendpoints = []'
    )
    fault = machine.run(expect=1).fault("www")
    assert fault["code"] == "authority-unreachable"
    assert all(str(port) in str(fault) for port in ports)
    (held,) = machine.run(expect=1).document["certificates"][0]["stages"]
    assert held["result"] == "held"


# -- accounts ------------------------------------------------------------------------------------


def bound(tmp_path: Path, strict: LocalAuthority, kid: str, key: str) -> Machine:
    machine = Machine(tmp_path / f"m-{kid}", strict)
    secret = machine.folder / "hmac"
    secret.touch(0o600)
    secret.write_text(key, "utf-8")
    machine.sections["authorities.pebble"] += (
        f'\nexternal_account = {{ kid = "{kid}", hmac_key = {{ file = "{secret}" }} }}'
    )
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    return machine


def test_an_account_is_bound_to_an_outside_one_where_the_authority_asks_for_that(
    tmp_path: Path,
) -> None:
    with authority(tmp_path / "strict", options=BOUND, environment=CALM) as strict:
        bound(tmp_path, strict, "kid-1", KEY).run()
        fault = bound(tmp_path, strict, "kid-9", KEY).run(expect=1).fault("www")
        assert "kid-9" in str(fault) or "external" in str(fault).lower()
        plain = Machine(tmp_path / "plain", strict)
        plain.certificate("www", f'names = ["{plain.name("www")}"]\nendpoints = []')
        refused = plain.run(expect=1).fault("www")
        assert refused["code"] == "external-account-required"
        assert "external_account" in refused["remedy"]
        hmac = tmp_path / "m-kid-1" / "hmac"
        hmac.chmod(0o644)
        done = Machine.everleaf(bound_again(tmp_path, strict), "config", "check", expect=2)
        assert "everybody may read" in done.err
        assert KEY not in done.err


def bound_again(tmp_path: Path, strict: LocalAuthority) -> Machine:
    machine = Machine(tmp_path / "m-kid-1", strict)
    secret = machine.folder / "hmac"
    machine.sections["authorities.pebble"] += (
        f'\nexternal_account = {{ kid = "kid-1", hmac_key = {{ file = "{secret}" }} }}'
    )
    return machine


def test_the_account_is_shown_updated_rolled_over_and_given_up(machine: Machine) -> None:
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    machine.run()
    (shown,) = machine.everleaf("account", "show", "--json").document["accounts"]
    assert (shown["authority"], shown["status"], shown["contact"]) == ("pebble", "valid", [])
    machine.sections["authorities.pebble"] += '\ncontact = ["mailto:ops@example.org"]'
    (updated,) = machine.everleaf("account", "update", "--json").document["accounts"]
    assert updated["contact"] == ["mailto:ops@example.org"]
    (rolled,) = machine.everleaf("account", "rollover", "--json").document["accounts"]
    assert rolled["url"] == shown["url"]
    assert rolled["thumbprint"] != shown["thumbprint"]
    machine.run("--force")
    machine.everleaf("account", "deactivate", "--yes")
    machine.run("--force")
    (new,) = machine.everleaf("account", "show", "--json").document["accounts"]
    assert new["url"] != shown["url"]
    assert "terms of service" in machine.everleaf("account", "show").out
    assert machine.everleaf("account", "show", "nobody", expect=2).err


# -- revocation ----------------------------------------------------------------------------------


@pytest.mark.rule("ACME-13")
@pytest.mark.rule("ARI-18")
@pytest.mark.parametrize("by", ["account", "key"])
def test_a_revoked_certificate_is_due_at_once_without_a_poll(machine: Machine, by: str) -> None:
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    machine.run()
    before = machine.facts("www").serial
    machine.everleaf("revoke", "www", "--reason", "key-compromise", "--by", by, "--yes")
    plan = machine.everleaf("plan", "--json").document["certificates"][0]
    assert (plan["due"], plan["code"]) == (True, "revoked")
    machine.run()
    assert machine.facts("www").serial != before
    assert machine.run().stages("www") == []
    events = machine.everleaf("history", "www", "--json").document["events"]
    assert [one["detail"]["reason"] for one in events if one["what"] == "revoked"] == [
        "key-compromise"
    ]


def test_what_cannot_be_revoked_is_said(machine: Machine) -> None:
    machine.certificate("www", f'names = ["{machine.name("www")}"]\nendpoints = []')
    machine.everleaf("revoke", "www", "--reason", "superseded", "--yes", expect=2)
    machine.everleaf("placeholder", "www")
    done = machine.everleaf("revoke", "www", "--reason", "superseded", "--yes", expect=2)
    assert "placeholder" in done.err
    machine.everleaf("revoke", "www", "--reason", "because", "--yes", expect=2)


# -- rehearsals ----------------------------------------------------------------------------------


def tree(*folders: Path) -> dict[str, tuple[int, str]]:
    """Every file and link below: its mode and a digest of its content; a rehearsal's own not."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if "rehearsal" in path.parts or path.name.endswith(".sock"):
                continue
            status = path.lstat()
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            else:
                content = b""
            found[str(path)] = (status.st_mode, hashlib.sha256(content).hexdigest())
    return found


def staged(machine: Machine) -> None:
    ca = machine.sections["authorities.pebble"]
    machine.sections["authorities.staging"] = ca
    machine.sections["authorities.pebble"] = f'{ca}\nstaging = "staging"'
    machine.sections["defaults"] = 'authority = "pebble"'


def test_a_rehearsal_goes_to_the_end_and_changes_nothing_that_is_live(
    machine: Machine, tmp_path: Path
) -> None:
    staged(machine)
    server = machine.nginx("www")
    machine.terminator("nginx", server)
    name = machine.name("www")
    (tmp_path / "copies").mkdir()
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["nginx"]\ngroup = "nogroup"\n'
        f'endpoints = ["{name}:{server.tls[0][1]}"]\n'
        f'copies = [{{ path = "{tmp_path}/copies/www.pem", kind = "combined" }}]',
    )
    machine.everleaf("placeholder", "www")
    with server:
        machine.run()
        quiet = [path for path in server.directory.glob("*") if path.suffix not in (".log", "")]
        watched = (machine.state, tmp_path / "copies")
        before, files = tree(*watched), {path: path.read_bytes() for path in quiet}
        run = machine.run("--dry-run")
        assert tree(*watched) == before
        assert {path: path.read_bytes() for path in quiet} == files
    stages = {one["stage"]: one["why"] for one in run.document["certificates"][0]["stages"]}
    assert list(stages) == ["order", "validate", "verify", "install", "reload", "confirm"]
    assert "what is there now" in stages["reload"]
    assert "1 of 1 addresses answer" in stages["confirm"]
    assert not list(machine.state.rglob("*.scratch-*"))


def test_a_rehearsal_fails_where_the_servers_test_fails_or_nobody_answers(
    machine: Machine,
) -> None:
    staged(machine)
    server = machine.nginx("www")
    machine.terminator("nginx", server)
    name = machine.name("www")
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["nginx"]\nendpoints = ["{name}:{server.tls[0][1]}"]\n'
        f'copies = [{{ path = "{machine.folder}/nowhere/www.pem", kind = "combined" }}]',
    )
    run = machine.run("--dry-run", expect=1)
    faults = {
        one["stage"]: one["fault"]["code"]
        for one in run.document["certificates"][0]["stages"]
        if one["result"] == "failed"
    }
    assert faults["install"] == "no-such-folder"
    assert faults["reload"] == "configuration-broken"
    assert faults["confirm"] == "unconfirmed"


def test_a_passed_rehearsal_may_be_the_condition_of_a_first_order(machine: Machine) -> None:
    staged(machine)
    name, other = machine.name("www"), machine.name("other")
    body = f'names = ["{name}"]\nendpoints = []\nrehearse_first = true'
    machine.certificate("www", body)
    before = orders(machine.running)
    (held,) = machine.run().document["certificates"][0]["stages"]
    assert (held["stage"], held["result"]) == ("order", "held")
    assert "everleaf run --dry-run www" in held["why"]
    assert orders(machine.running) == before
    plan = machine.everleaf("plan", "--json").document["certificates"][0]
    assert plan["rehearsal"] == {"required": True, "passed": False, "exempt": None}
    machine.run("--dry-run")
    assert machine.everleaf("plan", "--json").document["certificates"][0]["rehearsal"]["passed"]
    machine.run()
    assert machine.live("www").exists()
    # Renewals need none; another set of names does.
    machine.run("--force")
    machine.certificate("www", body.replace(f'"{name}"', f'"{name}", "{other}"'))
    (held,) = machine.run().document["certificates"][0]["stages"]
    assert held["result"] == "held"


def test_what_binds_the_production_account_is_exempt_and_the_plan_says_so(
    machine: Machine,
) -> None:
    staged(machine)
    machine.sections["solvers.persist"] = 'type = "dns-persist-01"'
    machine.certificate(
        "www",
        f'names = ["{machine.name("www")}"]\nsolver = "persist"\nendpoints = []\n'
        "rehearse_first = true",
    )
    plan = machine.everleaf("plan", "--json").document["certificates"][0]
    assert plan["rehearsal"]["exempt"] == "dns-persist-01 binds the production account"
    assert plan["due"]
    assert "no rehearsal: dns-persist-01 binds" in plan["why"]
    before = issued(machine.running)
    run = machine.run("--dry-run")
    assert "not rehearsed" in run.document["certificates"][0]["stages"][0]["why"]
    assert issued(machine.running) == before


def test_the_window_of_another_authority_says_nothing(machine: Machine, tmp_path: Path) -> None:
    with authority(tmp_path / "two", environment=CALM) as second:
        joined(machine, "second", second)
        name = machine.name("www")
        point(second, name, machine.host)
        machine.certificate("www", f'names = ["{name}"]\nauthority = "pebble"\nsolver = "web"\n'
                            "endpoints = []")  # fmt: skip
        machine.run()
        past = datetime.now(UTC) - timedelta(days=1)
        window = {"start": f"{past:%FT%TZ}", "end": f"{past + timedelta(hours=1):%FT%TZ}"}
        machine.running.suggest(
            machine.live("www").joinpath("cert.pem").read_bytes(),
            json.dumps({"suggestedWindow": window}),
        )
        asked = second.log.read_text("utf-8").count("draft-ietf-acme-ari")
        machine.certificate("www", f'names = ["{name}"]\nauthority = "second"\n'
                            'solver = "second"\nendpoints = []')  # fmt: skip
        run = machine.run("--poll-now")
        order = run.document["certificates"][0]["stages"][0]
        assert "replaces" not in order["why"]
        log = second.log.read_text("utf-8")
        assert log.count("draft-ietf-acme-ari") - asked <= 1
