"""`diagnose --local` at running nginx, haproxy and Apache: files, processes, our versions."""

import io
import json
import os
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.cli import status
from everleaf.cli.diagnose_local import diagnoses
from everleaf.config.loading import load
from everleaf.core.certificate import Version
from everleaf.core.wanted import Wanted
from everleaf.pki.certificates import facts
from everleaf.ports import Material
from everleaf.store.layout import Layout
from everleaf.store.shelf import DiskShelf
from support.certs import Authority, Live, Pair
from support.daemons import Apache
from support.inside import Quiet, aged, certificate_line, faults, notices, places, seen, words
from support.jail import jail
from support.loopback import free, until
from support.nobody import open_folder, unprivileged
from support.servers import Haproxy, Nginx, Server, need

NAME = "www.example.org"
DAY = timedelta(days=1)
_RELOAD = {"nginx": signal.SIGHUP, "apache2": signal.SIGUSR1, "haproxy": signal.SIGUSR2}


@pytest.fixture
def stopped_apache(tmp_path: Path, live: Live) -> Apache:
    return Apache(tmp_path / "apache", free(), live)


@pytest.fixture
def stopped_quiet(tmp_path: Path, live: Live) -> Quiet:
    return Quiet(tmp_path / "quiet", [free()], [live.path / "combined.pem"])


@pytest.fixture(params=["nginx", "haproxy", "quiet", "apache"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each of the servers in turn, with the live pair; `quiet` is a haproxy without a socket."""
    stopped: Server = request.getfixturevalue(f"stopped_{request.param}")
    with stopped:
        yield stopped


# -- all is well -----------------------------------------------------------------------------------


def test_a_server_with_its_live_pair_is_healthy(server: Server, live: Live) -> None:
    one = seen(server)
    assert (faults(one), notices(one)) == ([], [])
    assert one.sentence == f"{one.place} is healthy"
    known = one.facts[certificate_line(server)]
    assert isinstance(known, dict)
    assert str(known["certificate"]).startswith(str(live.path))
    assert [link["names"] for link in known["chain"][:1]] == [[NAME]]
    assert "PRIVATE" not in json.dumps(dict(one.facts))


def test_a_server_that_was_reloaded_is_healthy(
    server: Server, live: Live, authority: Authority
) -> None:
    aged(server)
    live.switch(authority.issue(NAME))
    assert faults(seen(server)) == ["changed-since-reload"]
    os.kill(server.pid, _RELOAD[server.program])
    until("it is healthy again", lambda: seen(server).is_healthy)


def test_workers_that_are_on_their_way_out_do_not_count(
    server: Server, live: Live, authority: Authority
) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    aged(server)
    with socket.create_connection(server.addresses[0]) as line, context.wrap_socket(line) as held:
        held.sendall(b"GET / HTTP/1.1\r\n")  # and no end of it: its worker has to stay
        before = server.workers()
        live.switch(authority.issue(NAME))
        os.kill(server.pid, _RELOAD[server.program])
        until("it is healthy", lambda: seen(server).is_healthy)
        one = seen(server)
        assert server.workers() & before, "the old worker is gone"
    assert one.is_healthy
    assert notices(one) == (["reload-uncertain"] if server.program == "apache2" else [])


def test_nothing_runs() -> None:
    assert diagnoses(None, below=os.getpid() + (1 << 23)) == ()


def test_the_command_line_says_it_as_json(tmp_path: Path, nginx: Nginx) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        status(["--config", str(tmp_path / "none.toml"), "diagnose", "--local", "--json"])
    document = json.loads(out.getvalue())
    (one,) = [one for one in document["diagnoses"] if one["place"] == f"nginx (pid {nginx.pid})"]
    assert one["healthy"]
    assert one["facts"]["process"]["configuration"] == str(nginx.config)


# -- changed since it was read ---------------------------------------------------------------------


@pytest.mark.symptom("changed-since-reload")
def test_a_link_that_was_switched_without_a_reload(
    server: Server, live: Live, authority: Authority
) -> None:
    aged(server)
    live.switch(authority.issue(NAME))
    one = seen(server)
    assert faults(one) == ["changed-since-reload"]
    assert places(one, "changed-since-reload") == [certificate_line(server)]
    assert "Reload the server" in one.sentence


@pytest.mark.symptom("changed-since-reload")
def test_a_file_that_was_written_over_without_a_reload(
    server: Server, live: Live, authority: Authority
) -> None:
    aged(server)
    for name, content in authority.issue(NAME).files().items():
        (live.path / name).write_bytes(content)
    assert faults(seen(server)) == ["changed-since-reload"]


@pytest.mark.symptom("changed-since-reload")
def test_a_worker_that_died_and_was_replaced_has_read_nothing(
    nginx: Nginx, live: Live, authority: Authority
) -> None:
    aged(nginx)
    live.switch(authority.issue(NAME))
    before = nginx.workers()
    os.kill(min(before), signal.SIGKILL)
    until("it is replaced", lambda: nginx.workers() - before and len(nginx.workers()) == 2)
    assert faults(seen(nginx)) == ["changed-since-reload"]


def test_haproxy_that_took_the_file_over_its_runtime_api(
    haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    aged(haproxy)
    live.switch(authority.issue(NAME))
    path = live.path / "combined.pem"
    payload = "\n".join(line for line in path.read_text("ascii").splitlines() if line)
    haproxy.ask(f"set ssl cert {path} <<\n{payload}\n")
    assert faults(seen(haproxy)) == ["changed-since-reload"], "it is not yet committed"
    assert "Success" in haproxy.ask(f"commit ssl cert {path}")
    assert seen(haproxy).is_healthy


@pytest.mark.symptom("changed-since-reload")
def test_haproxy_with_another_certificate_in_memory_only(
    haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    path = live.path / "combined.pem"
    other = authority.issue(NAME).files()["combined.pem"].decode("ascii")
    payload = "\n".join(line for line in other.splitlines() if line)
    haproxy.ask(f"set ssl cert {path} <<\n{payload}\n")
    haproxy.ask(f"commit ssl cert {path}")
    one = seen(haproxy)
    assert faults(one) == ["changed-since-reload"]
    assert "in memory" in one.sentence


@pytest.mark.symptom("reload-uncertain")
def test_a_file_whose_mode_changed_may_be_the_same(nginx: Nginx, live: Live) -> None:
    aged(nginx)
    (live.path / "fullchain.pem").chmod(0o644)
    one = seen(nginx)
    assert (faults(one), notices(one)) == ([], ["reload-uncertain"])


@pytest.mark.symptom("reload-uncertain")
def test_a_file_that_was_replaced_by_an_older_one(
    nginx: Nginx, live: Live, authority: Authority, tmp_path: Path
) -> None:
    for name, content in authority.issue(NAME).files().items():
        fresh = tmp_path / name
        fresh.write_bytes(content)
        os.utime(fresh, (1e9, 1e9))
    aged(nginx)
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).replace(live.path / name)
    assert notices(seen(nginx)) == ["reload-uncertain"]


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.symptom("configured-file-missing")
def test_a_certificate_that_was_removed(server: Server, live: Live) -> None:
    name = "combined.pem" if server.program == "haproxy" else "fullchain.pem"
    (live.path / name).unlink()
    one = seen(server)
    assert faults(one) == ["configured-file-missing"]
    assert f"{live.path / name} is not there" in one.sentence
    assert certificate_line(server) in one.sentence


@pytest.mark.symptom("configured-file-missing")
def test_a_link_that_leads_nowhere(nginx: Nginx, live: Live) -> None:
    shutil.rmtree(live.directory / "versions")
    one = seen(nginx)
    assert faults(one) == ["configured-file-missing"]
    assert f"the link {live.path} leads nowhere" in words(one, "configured-file-missing")


@pytest.mark.symptom("configured-file-missing")
def test_a_configuration_file_that_was_removed(server: Server) -> None:
    server.config.unlink()
    one = seen(server)
    assert faults(one) == ["configured-file-missing"]
    assert str(server.config) in one.sentence


@pytest.mark.symptom("configured-file-unreadable")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"what is this?\n", "holds no certificate that can be read"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "holds no certificate that can be read"),
    ],
)
def test_a_certificate_that_is_none(server: Server, live: Live, content: bytes, why: str) -> None:
    name = "combined.pem" if server.program == "haproxy" else "fullchain.pem"
    (live.path / name).write_bytes(content)
    one = seen(server)
    assert "configured-file-unreadable" in faults(one)
    assert why in words(one, "configured-file-unreadable")


@pytest.mark.symptom("configured-file-unreadable")
def test_a_certificate_in_der(nginx: Nginx, live: Live) -> None:
    (live.path / "fullchain.pem").write_bytes(live.pair.der)
    assert "is DER" in words(seen(nginx), "configured-file-unreadable")


@pytest.mark.symptom("configured-file-unreadable")
def test_a_key_that_is_none(server: Server, live: Live) -> None:
    name = "combined.pem" if server.program == "haproxy" else "privkey.pem"
    (live.path / name).write_bytes(live.pair.files()["fullchain.pem"])
    one = seen(server)
    assert "holds no private key" in words(one, "configured-file-unreadable")


@pytest.mark.symptom("configured-file-unreadable")
def test_a_pipe_holds_nobody(nginx: Nginx, live: Live) -> None:
    path = live.path / "privkey.pem"
    path.unlink()
    os.mkfifo(path)
    assert "is no file" in words(seen(nginx), "configured-file-unreadable")


@pytest.mark.symptom("key-mismatch")
def test_a_key_of_another_certificate(server: Server, live: Live, authority: Authority) -> None:
    aged(server)
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    one = seen(server)
    assert faults(one) == ["key-mismatch", "changed-since-reload"]
    assert certificate_line(server) in places(one, "key-mismatch")


@pytest.mark.symptom("missing-intermediate")
def test_a_leaf_without_its_intermediate(server: Server, live: Live, authority: Authority) -> None:
    files = authority.issue(NAME).files()
    leaf = files["cert.pem"]
    aged(server)
    live.switch(live.pair, fullchain=leaf, combined=files["privkey.pem"] + leaf)
    assert "missing-intermediate" in faults(seen(server))


def test_apache_with_its_chain_in_another_file(stopped_apache: Apache, live: Live) -> None:
    stopped_apache.pair = (
        f"SSLCertificateFile {live.path}/cert.pem\nSSLCertificateKeyFile {live.path}/privkey.pem\n"
        f"SSLCertificateChainFile {live.path}/chain.pem"
    )
    with stopped_apache as apache:
        assert seen(apache).is_healthy
        (live.path / "chain.pem").unlink()
        assert faults(seen(apache)) == ["configured-file-missing"]


@pytest.mark.symptom("expired")
def test_a_certificate_that_is_over(server: Server, live: Live, authority: Authority) -> None:
    live.switch(authority.issue(NAME, lifetime=-DAY))
    one = seen(server)
    assert "expired" in faults(one)
    assert one.faults[0].code == "expired"


@pytest.mark.symptom("expired", "key-mismatch")
def test_one_fault_hides_no_other(nginx: Nginx, live: Live, authority: Authority) -> None:
    aged(nginx)
    live.switch(authority.issue(NAME, lifetime=-DAY).with_key(authority.issue(NAME).key))
    assert faults(seen(nginx)) == ["expired", "key-mismatch", "changed-since-reload"]


@pytest.mark.symptom("not-permitted")
def test_who_may_not_read_the_key_is_told_to_be_root(authority: Authority) -> None:
    pair = authority.issue(NAME)
    with open_folder() as folder:
        for name, content in pair.files().items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o644)
        with Nginx(folder / "nginx", [free()], {NAME: folder}) as nginx:
            assert seen(nginx).findings == ()
            (folder / "privkey.pem").chmod(0)
            with unprivileged():
                one = seen(nginx)
    assert faults(one) == []
    assert "not-permitted" in notices(one)
    assert "privkey.pem may not be read" in words(one, "not-permitted")


@pytest.mark.symptom("no-certificate-configured")
def test_a_configuration_that_is_broken_by_now_is_not_called_healthy_without_a_word(
    tmp_path: Path, authority: Authority
) -> None:
    live = Live(tmp_path / "www")
    live.switch(authority.issue(NAME))
    with Nginx(tmp_path / "nginx", [free()], {NAME: live}) as nginx:
        nginx.config.write_text("garbage")
        one = seen(nginx)
    assert (faults(one), notices(one)) == ([], ["no-certificate-configured"])
    assert str(nginx.config) in words(one, "no-certificate-configured")


class Jailed(Nginx):
    """nginx in a root directory of its own, with the paths as they are inside."""

    def command(self) -> list[str]:
        """What starts nginx in the foreground."""
        return [one.replace(str(self.jail), "") for one in super().command()]

    def configuration(self) -> str:
        """The text of nginx.conf."""
        return super().configuration().replace(str(self.jail), "")


@pytest.mark.symptom("another-file-system")
def test_a_server_in_another_root_directory(tmp_path: Path, authority: Authority) -> None:
    root = jail(tmp_path / "jail", need("nginx"))
    live = Live(root / "www")
    live.switch(authority.issue(NAME))
    live.path.unlink()
    live.path.symlink_to("versions/1")
    stopped = Jailed(root / "nginx", [free()], {NAME: live})
    stopped.jail = root
    with stopped as nginx:
        one = seen(nginx)
    assert (faults(one), notices(one)) == ([], ["another-file-system"])
    assert "/nginx/nginx.conf" in words(one, "another-file-system")


# -- what everleaf installed -----------------------------------------------------------------------


class Ours:
    """A state directory with versions of one certificate."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.copy = folder / "copy.pem"
        config = folder / "everleaf.toml"
        config.write_text(
            f'[settings]\nstate_dir = "{folder}/state"\n'
            '[authorities.test]\ndirectory = "https://ca.example.org/directory"\n'
            "terms_of_service_agreed = true\n"
            '[solvers.web]\ntype = "http-01"\nlisten = ["127.0.0.1:8080"]\n'
            f'[certificates.www]\nnames = ["{NAME}"]\n'
            f'copies = [{{ path = "{self.copy}", kind = "combined" }}]\n',
            "utf-8",
        )
        self.settings = load(config)
        self.wanted = self.settings.certificates["www"]
        self.live = Layout(self.settings.state_dir).live("www")
        self._shelf = DiskShelf(self.settings.state_dir)
        self._authority = authority
        self._count = 0

    def renew(self) -> Path:
        """Install a version and make it live; its folder."""
        self._count += 1
        pair = self._authority.issue(NAME)
        version = _version(self.wanted, pair, f"v{self._count}")
        files = pair.files()
        material = Material(
            leaf=files["cert.pem"], chain=files["chain.pem"], key=files["privkey.pem"]
        )
        self._shelf.install(self.wanted, version, material)
        self._shelf.switch(self.wanted, version.id)
        return Layout(self.settings.state_dir).versions("www") / version.id


def _version(wanted: Wanted, pair: Pair, name: str) -> Version:
    known, now = facts(pair.der), datetime.now(UTC)
    return Version(
        id=name,
        ask=wanted.ask,
        authority="test",
        account="https://ca.example.org/account/1",
        identifiers=wanted.identifiers,
        serial=known.serial,
        not_before=known.not_before,
        not_after=known.not_after,
        earliest_end=known.not_after,
        chain_sha256=tuple(facts(der).sha256 for der in pair.chain),
        cert_id=None,
        installed_at=now,
    )


@pytest.fixture
def ours(tmp_path: Path, authority: Authority) -> Ours:
    tmp_path.chmod(0o711)
    one = Ours(tmp_path, authority)
    one.renew()
    return one


def nginx_with(tmp_path: Path, folder: Path) -> Nginx:
    return Nginx(tmp_path / "nginx", [free()], {NAME: folder})


def test_the_live_version_is_as_it_should_be(tmp_path: Path, ours: Ours) -> None:
    with nginx_with(tmp_path, ours.live) as nginx:
        one = seen(nginx, ours.settings)
        assert (faults(one), notices(one)) == ([], [])
        known = one.facts[certificate_line(nginx)]
    assert isinstance(known, dict)
    assert (known["origin"], known["name"], known["installed_version"]) == ("live", "www", "v1")


def test_the_link_by_the_certificates_name_is_live_as_well(tmp_path: Path, ours: Ours) -> None:
    link = tmp_path / "own"
    link.symlink_to(ours.live)
    with nginx_with(tmp_path, link) as nginx:
        assert notices(seen(nginx, ours.settings)) == []


@pytest.mark.symptom("bypasses-live")
@pytest.mark.parametrize("renewed", [False, True])
def test_a_path_into_a_versions_folder(tmp_path: Path, ours: Ours, renewed: bool) -> None:
    with nginx_with(tmp_path, ours.live.resolve()) as nginx:
        if renewed:
            ours.renew()
        one = seen(nginx, ours.settings)
    assert faults(one) == ["bypasses-live"]
    rest = "and v2 is live" if renewed else "the live one today"
    assert f"in the folder of version v1 of www, {rest}" in one.sentence


@pytest.mark.symptom("older-version-configured")
def test_a_copy_that_stayed_behind(tmp_path: Path, ours: Ours) -> None:
    shutil.copytree(ours.live, tmp_path / "kept")
    ours.renew()
    with nginx_with(tmp_path, tmp_path / "kept") as nginx:
        one = seen(nginx, ours.settings)
    assert faults(one) == ["older-version-configured"]
    assert "version v1 of www" in one.sentence


@pytest.mark.symptom("untended-copy")
def test_a_copy_of_what_is_live(tmp_path: Path, ours: Ours) -> None:
    shutil.copytree(ours.live, tmp_path / "kept")
    with nginx_with(tmp_path, tmp_path / "kept") as nginx:
        one = seen(nginx, ours.settings)
    assert (faults(one), notices(one)) == ([], ["untended-copy"])


def test_a_copy_that_is_kept_is_as_it_should_be(tmp_path: Path, ours: Ours) -> None:
    with Haproxy(tmp_path / "haproxy", [free()], [ours.copy]) as haproxy:
        one = seen(haproxy, ours.settings)
    assert (faults(one), notices(one)) == ([], [])


@pytest.mark.symptom("not-from-everleaf")
def test_a_strangers_certificate(nginx: Nginx, ours: Ours) -> None:
    one = seen(nginx, ours.settings)
    assert (faults(one), notices(one)) == ([], ["not-from-everleaf"])
    assert "which has www for its names" in words(one, "not-from-everleaf")


def test_where_the_state_may_not_be_read_nothing_is_compared(authority: Authority) -> None:
    with open_folder() as folder:
        ours = Ours(folder, authority)
        ours.renew()
        for name, content in authority.issue(NAME).files().items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o644)
        with Nginx(folder / "nginx", [free()], {NAME: folder}) as nginx:
            assert notices(seen(nginx, ours.settings)) == ["not-from-everleaf"]
            Layout(ours.settings.state_dir).versions("www").chmod(0)
            with unprivileged():
                one = seen(nginx, ours.settings)
            known = one.facts[certificate_line(nginx)]
    assert one.findings == ()
    assert isinstance(known, dict)
    assert "origin" not in known


@pytest.mark.symptom("older-version-configured")
def test_a_kept_copy_that_somebody_put_back(tmp_path: Path, ours: Ours) -> None:
    before = ours.copy.read_bytes()
    ours.renew()
    ours.copy.write_bytes(before)
    with Haproxy(tmp_path / "haproxy", [free()], [ours.copy]) as haproxy:
        assert faults(seen(haproxy, ours.settings)) == ["older-version-configured"]


def test_the_link_of_the_lineage_is_live_as_well(tmp_path: Path, ours: Ours) -> None:
    link = Layout(ours.settings.state_dir).lineage("www")
    assert link.is_symlink()
    with nginx_with(tmp_path, link) as nginx:
        one = seen(nginx, ours.settings)
    assert (faults(one), notices(one)) == ([], [])
