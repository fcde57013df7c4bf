"""Endpoints of every kind, seen from outside: issued, reloaded and confirmed, and renewed so."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from everleaf.core.approach import StartTls
from everleaf.pki.certificates import facts
from support.certs import Authority
from support.daemons import Caddy
from support.loopback import free, until
from support.machine import Machine, orders
from support.mail import Postfix
from support.proxies import Microsocks, Tinyproxy, knowing
from support.servers import Haproxy, Nginx
from support.sshd import Sshd
from support.starttls import Mailboxes, Postgres, written

COMBINED = "combined.pem"
pytestmark = pytest.mark.usefixtures("running")

NAMES = 'names = ["{name}"]\nterminators = ["it"]\ngrace = "5s"\n'


def hooked(machine: Machine, hook: str, settings: dict[str, str] | None = None) -> None:
    """Let everleaf reload the one server of a machine."""
    pairs = ", ".join(f"{key} = {json.dumps(text)}" for key, text in (settings or {}).items())
    machine.sections["terminators.it"] = f'hook = "{hook}"\nsettings = {{ {pairs} }}'


def endpoints(machine: Machine, *tables: str, more: str = "") -> None:
    """Configure the one certificate, with endpoints that are all for its name."""
    name = machine.name("www")
    listed = ",\n".join(f'  {{ host = "{name}", {table} }}' for table in tables)
    machine.certificate("www", f"{NAMES.format(name=name)}{more}\nendpoints = [\n{listed}\n]")


def serial(machine: Machine) -> str:
    return machine.facts("www").serial


def seen(machine: Machine) -> dict[str, tuple[str, str]]:
    """What each endpoint was seen to do, and the serial that it served."""
    found = machine.status("www")["addresses"]
    return {one["endpoint"]: (one["sight"], one["serial"]) for one in found}


def confirmed(machine: Machine, count: int = 1) -> None:
    """See that every endpoint was seen with what is live now."""
    found = seen(machine)
    assert len(found) == count
    assert set(found.values()) == {("confirmed", serial(machine))}
    assert machine.status("www")["state"] == "well"


def issued_and_renewed(machine: Machine, count: int = 1) -> None:
    """Issue, install, reload and confirm; then all of it again."""
    machine.run()
    confirmed(machine, count)
    first = serial(machine)
    machine.run("--force")
    assert serial(machine) != first
    confirmed(machine, count)


# -- protocols that turn to TLS -------------------------------------------------------------------


def test_postfix_by_starttls_and_on_the_port_of_smtps(machine: Machine, tmp_path: Path) -> None:
    address, secure = free(machine.host), free(machine.host)
    server = Postfix(tmp_path / "postfix", address, machine.live("www"))
    always = f"{secure[0]}:{secure[1]} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
    server.service = f"\n{always}"
    hooked(machine, "postfix", server.settings)
    endpoints(machine, f'port = {address[1]}, starttls = "smtp"', f"port = {secure[1]}")
    machine.everleaf("placeholder", "www")
    with server:
        issued_and_renewed(machine, 2)
        der = server.leaf(f"www.{machine.slug}.test")
    assert facts(der).serial == serial(machine)


@pytest.mark.parametrize("protocol", [StartTls.IMAP, StartTls.POP3])
def test_dovecot_by_starttls(machine: Machine, tmp_path: Path, protocol: StartTls) -> None:
    address = free(machine.host)
    server = Mailboxes(tmp_path / "dovecot", address, machine.live("www"), protocol)
    hooked(machine, "dovecot", server.settings)
    endpoints(machine, f'port = {address[1]}, starttls = "{protocol}"')
    machine.everleaf("placeholder", "www")
    machine.sections["authorities.pebble"] += '\nstaging = "pebble"'
    with server:
        issued_and_renewed(machine)
        machine.everleaf("confirm")
        machine.everleaf("status", "--probe")
        rehearsed = machine.everleaf("run", "--dry-run")
        assert "1 of 1 addresses answer" in rehearsed.out + rehearsed.err
    machine.everleaf("confirm", expect=1)
    machine.everleaf("run", "--dry-run", expect=1)


def test_postgresql_by_its_own_request_for_tls(machine: Machine, tmp_path: Path) -> None:
    address = free(machine.host)
    server = Postgres(address, None)
    try:
        server.live = server.home / "certificate" / "live"
        hook = tmp_path / "hook"
        reload = f"read -r pid < {server.data}/postmaster.pid && kill -HUP $pid"
        hook.write_text(f'#!/bin/sh\n[ "$1" = check ] && exit 0\n{reload}\n', "utf-8")
        hook.chmod(0o755)
        hooked(machine, str(hook))
        place = server.live.parent
        owner = "nobody" if os.geteuid() == 0 else ""
        copy = f'{{ path = "{place}", kind = "directory", owner = "{owner}" }}'
        more = f"copies = [{copy}]"
        endpoints(machine, f'port = {address[1]}, starttls = "postgres"', more=more)
        machine.everleaf("placeholder", "www")
        with server:
            issued_and_renewed(machine)
    finally:
        server.stop()


def test_postfix_goes_back_to_what_could_be_confirmed(machine: Machine, tmp_path: Path) -> None:
    address = free(machine.host)
    server = Postfix(tmp_path / "postfix", address, machine.live("www"))
    hooked(machine, "postfix", server.settings)
    more = 'on_unconfirmed = "rollback"'
    endpoints(machine, f'port = {address[1]}, starttls = "smtp"', more=more)
    machine.everleaf("placeholder", "www")
    with server:
        machine.run()
        first = serial(machine)
        frozen = tmp_path / "frozen"
        frozen.mkdir()
        for one in ("fullchain.pem", "privkey.pem"):
            frozen.joinpath(one).write_bytes(machine.live("www").joinpath(one).read_bytes())
        server.pair = server.pair.replace(str(machine.live("www")), str(frozen))
        server.configure()
        run = machine.run("--force", expect=1)
        assert '"code": "rolled-back"' in run.out
        assert serial(machine) == first
        assert facts(server.leaf()).serial == first
        assert set(seen(machine).values()) == {("confirmed", first)}


# -- whoever demands a certificate of its clients, or a PROXY header ------------------------------


def client_of(machine: Machine, folder: Path) -> tuple[Path, str]:
    """The root that a server trusts for its clients, and the keys that name such a client."""
    ca = Authority("Clients")
    root = machine.folder / "clients.pem"
    root.write_bytes(ca.root_pem())
    written(ca.issue("monitor.test", client=True), folder)
    files = ("client_certificate", "fullchain.pem"), ("client_key", "privkey.pem")
    return root, ", ".join(f'{key} = "{folder / file}"' for key, file in files)


def test_nginx_that_demands_a_client_certificate(machine: Machine, tmp_path: Path) -> None:
    root, client = client_of(machine, tmp_path / "client")
    server = machine.nginx("www")
    server.extra = f'ssl_verify_client on; ssl_client_certificate "{root}"; ssl_verify_depth 2;'
    hooked(machine, "nginx", server.settings)
    endpoints(machine, f"port = {server.tls[0][1]}, {client}")
    machine.everleaf("placeholder", "www")
    with server:
        issued_and_renewed(machine)
    (tmp_path / "client" / "privkey.pem").unlink()
    assert "client_key" in machine.everleaf("config", "check", expect=2).err


class Demanding(Haproxy):
    """haproxy that demands a certificate of its clients, takes any, and says whose it was."""

    roots: Path

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        demand = f'verify required ca-file "{self.roots}" crt-ignore-err all ca-ignore-err all'
        said = '"client %[ssl_c_serial,hex]"'
        self.extra = f"    log stdout format raw local0\n    log-format {said}\n"
        self.extra += f"    error-log-format {said}\n"
        return super().configuration().replace(" ssl crt ", f" ssl {demand} crt ")


def test_a_certificate_of_our_own_is_presented_to_haproxy_that_demands_one(
    machine: Machine, tmp_path: Path
) -> None:
    server = Demanding(tmp_path / "haproxy", [free(machine.host)], [machine.live("www") / COMBINED])
    server.roots = Path(machine.running.roots_file)
    hooked(machine, "haproxy", server.settings)
    endpoints(machine, f'port = {server.addresses[0][1]}, client = "agent"')
    machine.certificate("agent", f'names = ["{machine.name("agent")}"]\nendpoints = []')
    machine.everleaf("placeholder", "www")
    machine.run("agent")
    with server:
        issued_and_renewed(machine)
        client = machine.facts("agent").serial.upper()
        assert f"client {client}" in server.words()


@pytest.mark.parametrize("version", [1, 2])
def test_haproxy_behind_another_one(machine: Machine, tmp_path: Path, version: int) -> None:
    server = Behind(tmp_path / "haproxy", [free(machine.host)], [machine.live("www") / COMBINED])
    hooked(machine, "haproxy", server.settings)
    port = f"port = {server.addresses[0][1]}"
    endpoints(machine, f"{port}, proxy_protocol = {version}")
    machine.everleaf("placeholder", "www")
    with server:
        issued_and_renewed(machine)
        endpoints(machine, port)
        fault = machine.run(expect=1).fault("www")
        (cause,) = fault["causes"]
        assert cause["code"] == "proxy-header-expected"


class Behind(Haproxy):
    """haproxy that takes connections with a PROXY header, and no others."""

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        return super().configuration().replace(" ssl crt ", " accept-proxy ssl crt ")


# -- from elsewhere -------------------------------------------------------------------------------


def test_one_server_is_seen_through_socks5_through_connect_over_ssh_and_from_here(
    machine: Machine, tmp_path: Path
) -> None:
    server = machine.nginx("www")
    hooked(machine, "nginx", server.settings)
    port = f"port = {server.tls[0][1]}"
    secret = tmp_path / "password"
    secret.touch(0o600)
    secret.write_text("open sesame\n", "utf-8")
    sshd = Sshd(tmp_path / "sshd", free())
    ssh = sshd.settings
    path = f"{knowing(sshd, tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"
    machine.environment["PATH"] = path
    endpoints(machine)
    machine.everleaf("placeholder", "www")
    with sshd, Microsocks("me", "open sesame") as socks, Tinyproxy() as http, server:
        machine.sections |= {
            "vantages.socks": f'url = "{socks.via}"\npassword = {{ file = "{secret}" }}',
            "vantages.far": f'url = "ssh://{ssh["user"]}@{ssh["host"]}:{ssh["port"]}"\n'
            f'identity = "{ssh["identity"]}"',
        }
        ways = ('via = "socks"', f'via = "{http.via}"', 'via = "far"')
        endpoints(machine, port, *(f"{port}, {way}" for way in ways))
        issued_and_renewed(machine, 4)
        assert "open sesame" not in machine.everleaf("status", "--json").out
        socks.stop()
        found = machine.everleaf("confirm", "--json", expect=1).document["certificates"][0]
        bad = [one for one in found["addresses"] if one["sight"] != "confirmed"]
        assert [(one["sight"], one["code"]) for one in bad] == [("unreachable", "vantage-failed")]
        assert "socks5://me@" in bad[0]["endpoint"]
        assert "open sesame" not in str(found)


def test_addresses_come_from_a_name_server_of_their_own_and_from_a_program(
    machine: Machine,
) -> None:
    server = machine.nginx("www")
    hooked(machine, "nginx", server.settings)
    port = f"port = {server.tls[0][1]}"
    dns = machine.running.dns
    host, nowhere = free()
    settings = machine.sections["settings"]
    machine.sections["settings"] = settings.replace(dns, f"{host}:{nowhere}")
    command = f'addresses_command = ["printf", "{machine.host}\\\\n"]'
    endpoints(machine, f'{port}, resolver = ["{dns}"]', more='preflight = "off"')
    machine.everleaf("placeholder", "www")
    with server:
        issued_and_renewed(machine)
        endpoints(machine, f"{port}, {command}", more='preflight = "off"')
        machine.run()
        confirmed(machine)


def renewing(server: Caddy, folder: Path) -> Path:
    """A hook that has Caddy close its QUIC listener and open it again.

    Caddy 2.6 keeps the listener over a reload, and with it the certificate of before.
    """
    plain = folder / "Caddyfile.tcp"
    text = server.configuration()
    plain.write_text(text.replace("{\n", "{\n\tservers {\n\t\tprotocols h1 h2\n\t}\n", 1), "utf-8")
    admin = "{}:{}".format(*server.addresses[1])
    load = f'"{server.binary}" reload --force --adapter caddyfile --address {admin} --config'
    lines = (
        "#!/bin/sh",
        f'export XDG_CONFIG_HOME="{folder}"',
        '[ "$1" = check ] && exit 0',
        f'{load} "{plain}" && exec {load} "{server.config}"',
    )
    hook = folder / "hook"
    hook.write_text("\n".join(lines) + "\n", "utf-8")
    hook.chmod(0o755)
    return hook


def test_caddy_over_tcp_and_over_quic(machine: Machine, tmp_path: Path) -> None:
    address = free(machine.host)
    sites = [(f"www.{machine.slug}.test", machine.live("www"))]
    server = Caddy(tmp_path, address, free(machine.host), sites)
    hooked(machine, str(renewing(server, tmp_path)))
    port = f"port = {address[1]}"
    endpoints(machine, port, f"{port}, http3 = true")
    machine.everleaf("placeholder", "www")
    with server:
        issued_and_renewed(machine, 2)
    found = machine.everleaf("confirm", "--json", expect=1).document["certificates"][0]
    assert {(one["sight"], one["code"]) for one in found["addresses"]} == {
        ("unreachable", "connection-refused")
    }


# -- certificates with keys of two kinds ----------------------------------------------------------


class Both(Nginx):
    """nginx with one site that has an RSA and an ECDSA certificate."""

    folders: tuple[Path, Path]
    version: str

    def configuration(self) -> str:
        """The text of nginx.conf."""
        pairs = "".join(
            f'ssl_certificate "{one}/fullchain.pem"; ssl_certificate_key "{one}/privkey.pem"; '
            for one in self.folders
        )
        self.sites = {}
        (address,) = self.tls
        self.extra = (
            f"server {{ listen {address[0]}:{address[1]} ssl; {pairs}"
            f"ssl_protocols {self.version}; }}"
        )
        return super().configuration()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_rsa_and_ecdsa_are_each_looked_at_at_nginx(
    machine: Machine, tmp_path: Path, version: str
) -> None:
    server = Both(tmp_path / "nginx", [free(machine.host)], {})
    server.version = version
    server.folders = machine.live("rsa"), machine.live("ecdsa")
    hooked(machine, "nginx", server.settings)
    both_kinds(machine, server, tmp_path)


class BothInHaproxy(Haproxy):
    """haproxy with a bundle of an RSA and an ECDSA certificate."""

    folders: tuple[Path, Path]
    version: str

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        self.certificates = tuple(one / COMBINED for one in self.folders)
        only = f"ssl-min-ver {self.version} ssl-max-ver {self.version}"
        return super().configuration().replace(" ssl crt ", f" ssl {only} crt ")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_rsa_and_ecdsa_are_each_looked_at_at_haproxy(
    machine: Machine, tmp_path: Path, version: str
) -> None:
    server = BothInHaproxy(tmp_path / "haproxy", [free(machine.host)], [])
    server.version = version
    server.folders = machine.live("rsa"), machine.live("ecdsa")
    hooked(machine, "haproxy", server.settings)
    both_kinds(machine, server, tmp_path)


def both_kinds(machine: Machine, server: Both | BothInHaproxy, folder: Path) -> None:
    """Both are confirmed; then each is stale on its own, and found, and only that one."""
    name = machine.name("www")
    for kind, key_type in (("rsa", "rsa-2048"), ("ecdsa", "ecdsa-p256")):
        body = f'{NAMES.format(name=name)}key_type = "{key_type}"\nconfirm_every = "0s"'
        machine.certificate(kind, f'{body}\nendpoints = ["{name}:{server.addresses[0][1]}"]')
        machine.everleaf("placeholder", kind)
    with server:
        machine.run()
        right = server.folders
        for place, kind in enumerate(("rsa", "ecdsa")):
            frozen = folder / f"frozen {kind}"
            shutil.copytree(machine.live(kind).resolve(), frozen)
            machine.run("--force", kind)
            server.folders = tuple(  # type: ignore[assignment]
                frozen if at == place else one for at, one in enumerate(right)
            )
            server.configure()
            reloaded(server)
            failing = machine.run(expect=1).document["certificates"]
            assert [one["name"] for one in failing if one["failing"]] == [kind]
            server.folders = right
            server.configure()
            machine.run()
            assert {machine.status(one)["state"] for one in ("rsa", "ecdsa")} == {"well"}


def reloaded(server: Both | BothInHaproxy) -> None:
    """Have a server reload by hand, and wait until it has."""
    assert server.process is not None
    before, workers = server.reloads(), server.workers()
    server.process.send_signal(signal.SIGHUP if isinstance(server, Nginx) else signal.SIGUSR2)
    until("the reload", lambda: server.reloads() > before)
    until("the end of the old workers", lambda: not workers & server.workers())


# -- drift ----------------------------------------------------------------------------------------


def test_a_server_that_came_back_from_an_old_image_is_found_and_reloaded(
    machine: Machine, tmp_path: Path
) -> None:
    server = Image(tmp_path / "nginx", [free(machine.host)], {})
    server.folder = machine.live("www")
    server.name = machine.name("www")
    hooked(machine, "nginx", server.settings)
    endpoints(machine, f"port = {server.tls[0][1]}", more='confirm_every = "0s"')
    machine.everleaf("placeholder", "www")
    with server:
        machine.run()
        first = serial(machine)
        shutil.copytree(machine.live("www").resolve(), tmp_path / "image")
        machine.run("--force")
        placed = orders(machine.running)
        server.stop()
        server.folder = tmp_path / "image"
        server.start()
        fault = machine.run(expect=1).fault("www")
        assert fault["causes"][0]["code"] == "not-reloaded"
        assert set(seen(machine).values()) == {("stale", first)}
        server.folder = machine.live("www")
        server.configure()
        assert machine.run().stages("www") == ["reload", "confirm"]
        confirmed(machine)
        assert orders(machine.running) == placed


class Image(Nginx):
    """nginx whose one site may be moved to another folder."""

    folder: Path
    name: str

    def configuration(self) -> str:
        """The text of nginx.conf."""
        self.sites = {self.name: self.folder}
        return super().configuration()
