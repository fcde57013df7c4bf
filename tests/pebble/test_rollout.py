"""Rolling out to real servers: one edge first, quiet hours, a guilty pair, and the way back."""

import json
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.pki.certificates import split
from support.hooks import HOOKS
from support.loopback import free, served
from support.machine import Machine, orders
from support.servers import Haproxy, Nginx

pytestmark = pytest.mark.usefixtures("running")

# After a reload to any other version than today's the server serves another certificate.
SPOILING = """#!{python}
import pathlib, socket, subprocess, sys
live, config = pathlib.Path({live!r}), pathlib.Path({config!r})
def hook():
    status = subprocess.call([{hook!r}, *sys.argv[1:]])
    if status:
        sys.exit(status)
def nginx():
    text = config.read_text()
    config.write_text(text.replace({live!r}, {wrong!r}))
    try:
        hook()
    finally:
        config.write_text(text)
def haproxy():
    pem = pathlib.Path({wrong!r}, "combined.pem").read_text().replace("\\n\\n", "\\n")
    for command in ("set ssl cert {copy} <<\\n" + pem + "\\n", "commit ssl cert {copy}\\n"):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect({socket!r})
            line.sendall(command.encode())
            said = b"".join(iter(lambda: line.recv(65536), b""))
            if b"uccess" not in said and b"ransaction" not in said:
                sys.exit(said.decode())
hook()
if sys.argv[1] == "reload" and live.readlink().name != {known!r}:
    {kind}()
"""


def spoil(machine: Machine, terminator: str, server: Nginx | Haproxy) -> None:
    """From now on it serves what `other` has, once it took a new version of `www`."""
    kind = "nginx" if isinstance(server, Nginx) else "haproxy"
    hook = machine.folder / f"spoiling-{terminator}"
    live = machine.live("www")
    hook.write_text(
        SPOILING.format(
            python=sys.executable,
            live=str(live),
            known=live.readlink().name,
            config=str(server.config),
            wrong=str(machine.live("other")),
            copy=machine.folder / "copy.pem",
            socket=str(getattr(server, "socket", "")),
            hook=str(HOOKS / kind),
            kind=kind,
        ),
        "utf-8",
    )
    hook.chmod(0o755)
    part = f"terminators.{terminator}"
    machine.sections[part] = machine.sections[part].replace(f'"{kind}"', f'"{hook}"', 1)


def mend(machine: Machine, terminator: str, server: Nginx | Haproxy) -> None:
    """From now on it serves what it took."""
    kind = "nginx" if isinstance(server, Nginx) else "haproxy"
    part, hook = f"terminators.{terminator}", machine.folder / f"spoiling-{terminator}"
    machine.sections[part] = machine.sections[part].replace(f'"{hook}"', f'"{kind}"', 1)


def proxy(machine: Machine) -> Haproxy:
    """A haproxy that serves the copy of `www`."""
    folder = machine.folder / "haproxy"
    folder.mkdir()
    one = Haproxy(folder, [free(machine.host)], [machine.folder / "copy.pem"])
    pairs = ", ".join(f"{key} = {json.dumps(text)}" for key, text in one.settings.items())
    machine.sections["terminators.edge"] = f'hook = "haproxy"\nsettings = {{ {pairs} }}'
    return one


def edge(machine: Machine, name: str = "edge") -> Nginx:
    """An nginx that serves `www`."""
    one = machine.nginx("www")
    machine.terminator(name, one)
    return one


def want(machine: Machine, more: str = "", **edges: Nginx | Haproxy) -> None:
    """Configure `www`, to be seen at these edges, with a placeholder so that they can start."""
    name = machine.name("www")
    endpoints = ", ".join(
        f'{{ host = "{name}", port = {one.addresses[0][1]}, terminator = "{label}" }}'
        for label, one in edges.items()
    )
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = {json.dumps(list(edges))}\nendpoints = [{endpoints}]\n'
        f'copies = [{{ path = "{machine.folder}/copy.pem", kind = "combined" }}]\n'
        f'grace = "1s"\n{more}',
    )
    machine.everleaf("placeholder", "www")


def another(machine: Machine) -> None:
    """A certificate of another name, for servers to mistake for the right one."""
    machine.certificate("other", f'names = ["{machine.name("other")}"]\nendpoints = []')


def leaf(machine: Machine) -> bytes:
    """What is live."""
    return split(machine.live("www").joinpath("cert.pem").read_bytes())[0]


def seen(machine: Machine, server: Nginx | Haproxy) -> bytes:
    """What is served."""
    return served(*server.addresses[0], f"www.{machine.slug}.test")[0]


def renewed(machine: Machine, *, expect: int = 0) -> str:
    """A new version by another kind of key, so that nothing else is overridden; what it said."""
    text = machine.sections["certificates.www"]
    was, kind = re.findall(r'\nkey_type = "[^"]*"', text), "ecdsa-p384"
    if was:
        text, kind = text.replace(was[0], ""), "rsa-2048"
    machine.sections["certificates.www"] = f'{text}\nkey_type = "{kind}"'
    return machine.run("www", expect=expect).err


@pytest.mark.parametrize(
    ("make", "policy"), [(edge, "rollback-if-worse"), (proxy, "rollback")], ids=["nginx", "haproxy"]
)
def test_what_is_served_wrong_after_the_reload_is_rolled_back_and_stays_so(
    machine: Machine, make: type, policy: str
) -> None:
    server = make(machine)
    want(machine, f'on_unconfirmed = "{policy}"', edge=server)
    another(machine)
    with server:
        machine.run()
        first = leaf(machine)
        spoil(machine, "edge", server)
        assert "could not be confirmed" in renewed(machine, expect=1)
        assert seen(machine, server) == leaf(machine) == first
        # Neither a later run nor a lost state brings it back, and nothing is ordered.
        placed = orders(machine.running)
        machine.state.joinpath("state.sqlite").unlink()
        machine.run(expect=None)
        assert seen(machine, server) == first
        plan = machine.everleaf("plan", "www", "--json").document["certificates"][0]
        assert "no edge confirmed" in plan["stages"]["reload"]["why"]

        mend(machine, "edge", server)
        machine.everleaf("rollback", "www", "--newest")
        assert seen(machine, server) == leaf(machine) != first
        assert machine.status("www")["state"] == "well"
        assert orders(machine.running) == placed


def test_by_hand_it_is_rolled_back_while_the_server_is_stopped(machine: Machine) -> None:
    server = edge(machine)
    want(machine, edge=server)
    with server:
        machine.run()
        first = leaf(machine)
        renewed(machine)
        assert seen(machine, server) != first
    placed = orders(machine.running)
    done = machine.everleaf("rollback", "www", expect=1)
    assert "the reload failed; the version stays installed" in done.err
    assert leaf(machine) == first
    version = machine.live("www").readlink().name
    with server:
        assert seen(machine, server) == first
        machine.run(expect=1)  # the back-off holds
        assert leaf(machine) == first
        machine.everleaf("rollback", "www", "--version", version)
        assert machine.status("www")["state"] == "well"
        machine.run()
        assert seen(machine, server) == leaf(machine) == first
        machine.everleaf("rollback", "www", "--newest", "--version", version, expect=2)
        machine.everleaf("rollback", "www", "--newest")
        assert seen(machine, server) == leaf(machine) != first
        assert orders(machine.running) == placed


def test_one_edge_is_confirmed_before_the_other_is_reloaded_and_stops_it_where_it_is_not(
    machine: Machine,
) -> None:
    canary, follower = edge(machine, "one"), edge(machine, "two")
    want(machine, 'canary = "one"', one=canary, two=follower)
    another(machine)
    with canary, follower:
        machine.run()
        told = re.findall(
            r"\] (reload|stage done) .*(?:terminator=(one|two)|stage=(confirm))", renewed(machine)
        )
        steps = [one or confirm for _, one, confirm in told]
        assert steps.index("one") < steps.index("confirm") < steps.index("two")
        second = leaf(machine)
        assert seen(machine, canary) == seen(machine, follower) == second

        spoil(machine, "one", canary)
        before = follower.reloads()
        renewed(machine, expect=1)
        assert seen(machine, follower) == second
        assert follower.reloads() == before
        plan = machine.everleaf("plan", "www", "--json").document["certificates"][0]
        assert "one" in plan["stages"]["reload"]["why"]

        placed = orders(machine.running)
        mend(machine, "one", canary)
        machine.everleaf("rollback", "www", "--newest")
        assert seen(machine, canary) == seen(machine, follower) == leaf(machine) != second
        assert orders(machine.running) == placed


def test_in_the_quiet_hours_nothing_is_reloaded_but_by_hand_it_is(machine: Machine) -> None:
    server = edge(machine)
    want(machine, edge=server)
    now, hour = datetime.now(UTC), timedelta(hours=2)
    quiet = f'\nquiet_hours = "{now - hour:%H:%M}-{now + hour:%H:%M} UTC"'
    with server:
        machine.run()
        first, loud = leaf(machine), machine.sections["certificates.www"]
        machine.sections["certificates.www"] += quiet
        before = server.reloads()
        renewed(machine)
        assert (seen(machine, server), leaf(machine), server.reloads()) == (first, first, before)
        plan = machine.everleaf("plan", "www", "--json").document["certificates"][0]
        assert "quiet hours" in plan["stages"]["reload"]["why"]
        machine.sections["certificates.www"] = f'{loud}\nkey_type = "ecdsa-p384"'
        machine.run()
        second = leaf(machine)
        assert seen(machine, server) == second != first

        machine.sections["certificates.www"] += quiet
        machine.everleaf("rollback", "www")
        assert seen(machine, server) == leaf(machine) == first
        machine.everleaf("rollback", "www", "--newest")
        assert seen(machine, server) == leaf(machine) == second


def test_a_pair_that_nginx_cannot_load_is_found_and_stays_back_without_its_state_too(
    machine: Machine,
) -> None:
    server = machine.nginx("www", "good")
    machine.terminator("edge", server)
    want(machine, edge=server)
    name = machine.name("good")
    machine.certificate("good", f'names = ["{name}"]\nterminators = ["edge"]\nendpoints = []')
    machine.everleaf("placeholder", "good")
    with server:
        machine.run()
        first, good = leaf(machine), served(*server.addresses[0], name)[0]
        # The key was copied by hand, and the certificate is read where it lives.
        key = machine.folder / "copied.key"
        shutil.copy(machine.live("www") / "privkey.pem", key)
        text = server.configuration().replace(f"{machine.live('www')}/privkey.pem", str(key))
        Path(server.config).write_text(text, "utf-8")
        fault = machine.run("--force", expect=1).fault("www")
        assert fault["code"] == "pair-refused"
        assert "key values mismatch" in str(fault["words"])
        assert seen(machine, server) == leaf(machine) == first
        assert served(*server.addresses[0], name)[0] != good
        placed = orders(machine.running)
        machine.state.joinpath("state.sqlite").unlink()
        for _ in range(2):
            machine.run(expect=None)
            assert seen(machine, server) == leaf(machine) == first
        assert orders(machine.running) == placed
