"""Ten certificates behind one nginx and one haproxy: one reload each, and one guilty of ten."""

import json
import re
import sys
from pathlib import Path

import pytest

from support.hooks import HOOKS
from support.loopback import free, served
from support.machine import Machine, issued, orders
from support.servers import Haproxy, Nginx

pytestmark = pytest.mark.usefixtures("running")
NAMES = [f"c{number}" for number in range(10)]
GUILTY = "c3"

# Refuses every new version of one certificate, as a server does that cannot load the pair.
REFUSING = """#!{python}
import os, pathlib, sys
live = pathlib.Path({live!r}).readlink().name
known = pathlib.Path({known!r})
if sys.argv[1] == "check" and known.exists() and known.read_text() != live:
    sys.exit("cannot load certificate of {guilty}: bad pair")
os.execv({hook!r}, [{hook!r}, *sys.argv[1:]])
"""


def ten(machine: Machine) -> tuple[Nginx, Haproxy]:
    """Placeholders for all ten, and servers that know them; neither runs yet."""
    nginx = machine.nginx(*NAMES)
    copies = machine.folder / "copies"
    copies.mkdir()
    (machine.folder / "haproxy").mkdir()
    address = free(machine.host)
    proxy = Haproxy(machine.folder / "haproxy", [address], [copies])
    machine.terminator("nginx", nginx)
    settings = ", ".join(f"{key} = {json.dumps(text)}" for key, text in proxy.settings.items())
    machine.sections["terminators.proxy"] = f'hook = "haproxy"\nsettings = {{ {settings} }}'
    for label in NAMES:
        name = machine.name(label)
        machine.certificate(
            label,
            f'names = ["{name}"]\nterminators = ["nginx", "proxy"]\n'
            f'copies = [{{ path = "{copies}/{label}.pem", kind = "combined" }}]\n'
            f'endpoints = [{{ host = "{name}", port = {nginx.tls[0][1]}, terminator = "nginx" }},'
            f' {{ host = "{name}", port = {address[1]}, terminator = "proxy" }}]',
        )
    for label in NAMES:
        machine.everleaf("placeholder", label)
    return nginx, proxy


def leaves(machine: Machine, server: Nginx | Haproxy) -> dict[str, bytes]:
    address = server.addresses[0]
    return {one: served(*address, f"{one}.{machine.slug}.test")[0] for one in NAMES}


def test_ten_renewed_at_once_cost_each_server_one_reload_and_one_guilty_stops_no_other(
    machine: Machine,
) -> None:
    nginx, proxy = ten(machine)
    with nginx, proxy:
        machine.run()
        before = nginx.reloads()
        first = leaves(machine, nginx)
        run = machine.run("--force")
        assert nginx.reloads() == before + 1
        # haproxy takes all ten over its runtime socket, at one call of its hook.
        assert len(re.findall(r"\] reload .*terminator=proxy", run.err)) == 1
        second = leaves(machine, nginx)
        assert leaves(machine, proxy) == second
        assert all(first[one] != second[one] for one in NAMES)

        refuse(machine)
        run = machine.run("--force", expect=1)
        failing = [one["name"] for one in run.document["certificates"] if one["failing"]]
        assert failing == [GUILTY]
        assert "bad pair" in str(run.document)
        for server in (nginx, proxy):
            third = leaves(machine, server)
            assert {one for one in NAMES if third[one] == second[one]} == {GUILTY}
        placed, made = orders(machine.running), issued(machine.running)
        reloads = nginx.reloads(), proxy.reloads()
        for _ in range(10):
            assert machine.run(expect=1).stages(GUILTY) == ["reload"]
        assert (orders(machine.running), issued(machine.running)) == (placed, made)
        assert (nginx.reloads(), proxy.reloads()) == reloads
        plan = machine.everleaf("plan", GUILTY, "--json").document["certificates"][0]
        assert plan["stages"]["reload"]["result"] == "held"
        assert "bad pair" in plan["stages"]["reload"]["why"]


def refuse(machine: Machine) -> None:
    """From now on nginx's test fails with any other version of the guilty one than today's."""
    hook, known = machine.folder / "refusing", machine.folder / "known"
    known.write_text(Path(machine.live(GUILTY)).readlink().name, "utf-8")
    hook.write_text(
        REFUSING.format(
            python=sys.executable,
            live=str(machine.live(GUILTY)),
            known=str(known),
            guilty=GUILTY,
            hook=str(HOOKS / "nginx"),
        ),
        "utf-8",
    )
    hook.chmod(0o755)
    text = machine.sections["terminators.nginx"]
    machine.sections["terminators.nginx"] = text.replace('hook = "nginx"', f'hook = "{hook}"')
