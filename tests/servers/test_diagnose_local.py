"""`diagnose --local` at running nginx, haproxy and Apache: their files, processes, back ends."""

import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.cli import status
from everleaf.cli.diagnose_local import diagnoses
from everleaf.config.loading import load
from everleaf.config.settings import Settings
from everleaf.core.certificate import Version
from everleaf.core.diagnosis import Diagnosis
from everleaf.core.wanted import Wanted
from everleaf.local import apache as apache_server
from everleaf.local import nginx as nginx_server
from everleaf.local.processes import running
from everleaf.pki.certificates import facts
from everleaf.ports import Material
from everleaf.store.layout import Layout
from everleaf.store.shelf import DiskShelf
from support.certs import Authority, Live, Pair
from support.daemons import Apache
from support.forge import rsa_key
from support.jail import jail
from support.loopback import free, until
from support.nobody import open_folder, unprivileged
from support.servers import Haproxy, Nginx, Server, need

NAME = "www.example.org"
DAY = timedelta(days=1)


class Quiet(Haproxy):
    """haproxy without a stats socket."""

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        lines = super().configuration().splitlines()
        return "\n".join(line for line in lines if "stats socket" not in line) + "\n"


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


def seen(server: Server, settings: Settings | None = None) -> Diagnosis:
    (one,) = diagnoses(settings, below=server.pid)
    assert one.place.endswith(f" (pid {server.pid})")
    return one


def faults(one: Diagnosis) -> list[str]:
    return list(dict.fromkeys(found.code for found in one.faults))


def notices(one: Diagnosis) -> list[str]:
    return list(dict.fromkeys(found.code for found in one.findings if not found.is_fault))


def words(one: Diagnosis, code: str) -> str:
    return " | ".join(found.what for found in one.findings if found.code == code)


def places(one: Diagnosis, code: str) -> list[str]:
    return [place for found in one.findings if found.code == code for place in found.where]


def aged(server: Server) -> None:
    """Wait until a file that changes now is younger than all processes, as the kernel counts."""
    (one,) = running(server.pid)
    newest = max(process.started for process in (one.master, *one.workers))
    until("the processes have run for a moment", lambda: time.time() > newest + 0.15)


def certificate_line(server: Server) -> str:
    """Where its configuration names the certificate, as FILE:LINE."""
    for number, line in enumerate(server.config.read_text("utf-8").splitlines(), start=1):
        if "ssl_certificate " in line or " crt " in line or "SSLCertificateFile" in line:
            return f"{server.config}:{number}"
    pytest.fail("it names none")


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
    os.kill(server.pid, {"nginx": 1, "apache2": 10, "haproxy": 12}[server.program])
    until("it is healthy again", lambda: seen(server).is_healthy)


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
            (folder / name).chmod(0o600 if name == "privkey.pem" else 0o644)
        with Nginx(folder / "nginx", [free()], {NAME: folder}) as nginx:
            assert seen(nginx).findings == ()
            with unprivileged():
                one = seen(nginx)
    assert (faults(one), notices(one)) == ([], ["not-permitted"])
    assert "privkey.pem may not be read" in words(one, "not-permitted")
    assert "root" in one.findings[0].symptom.check


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


# -- which files -----------------------------------------------------------------------------------


def test_haproxy_with_a_folder_a_list_and_a_key_beside(
    tmp_path: Path, authority: Authority, stopped_haproxy: Haproxy
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    one, other, third = (authority.issue(name) for name in ("a.test", "b.test", "c.test"))
    (folder / "a.pem").write_bytes(one.files()["combined.pem"])
    (folder / "b.pem").write_bytes(other.files()["fullchain.pem"])
    (folder / "b.pem.key").write_bytes(other.files()["privkey.pem"])
    (folder / ".hidden").write_bytes(b"nothing")
    (tmp_path / "pair.ecdsa").write_bytes(third.files()["combined.pem"])
    (tmp_path / "list").write_text(
        f"# all\n{tmp_path}/pair.ecdsa [alpn h2] c.test\n\n  {tmp_path}/pair.ecdsa !d.test\n"
    )
    at = stopped_haproxy.addresses[0]
    stopped_haproxy.extra = (
        f"frontend more\n    bind {at[0]}:{free(at[0])[1]} ssl crt {folder} crt {tmp_path}/pair"
        f" crt-list {tmp_path}/list\n"
    )
    with stopped_haproxy as haproxy:
        one_look = seen(haproxy)
        assert (faults(one_look), notices(one_look)) == ([], [])
        known = [one for one in one_look.facts.values() if isinstance(one, dict) and "key" in one]
        assert [Path(one["certificate"]).name for one in known] == [
            *("combined.pem", "a.pem", "b.pem", "pair.ecdsa", "pair.ecdsa", "pair.ecdsa")
        ]
        assert f"{tmp_path}/list:2" in one_look.facts
        (folder / "b.pem.key").write_bytes(one.files()["privkey.pem"])
        assert "b.pem.key does not belong" in words(seen(haproxy), "key-mismatch")


def test_haproxy_with_a_base_for_certificates_and_a_folder_of_configuration(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    class Split(Haproxy):
        def configure(self) -> None:
            text = self.configuration()
            at = text.index("frontend")
            self.config = self.directory / "conf.d"
            self.config.mkdir()
            (self.config / "1.cfg").write_text(
                text[:at].replace("global\n", f'global\n    crt-base "{live.path}"\n')
            )
            (self.config / "2.cfg").write_text(text[at:])

    with Split(tmp_path / "split", [free()], [Path("combined.pem")]) as haproxy:
        assert seen(haproxy).is_healthy
        (live.path / "combined.pem").write_bytes(authority.issue(NAME).files()["fullchain.pem"])
        assert places(seen(haproxy), "configured-file-unreadable") == [f"{haproxy.config}/2.cfg:2"]


class Alone(Quiet):
    """haproxy without a master, which goes into a chroot once it has read its files."""

    def ready(self) -> bool:
        """It has no workers and writes no pid file."""
        return True

    def command(self) -> list[str]:
        """What starts haproxy in the foreground."""
        return [one.replace("-W", "-db") for one in super().command() if one != "-S"][:-1]

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        (self.directory / "empty").mkdir()
        jailed = f"global\n    chroot {self.directory}/empty\n" if os.geteuid() == 0 else "global\n"
        return super().configuration().replace("global\n", jailed)


@pytest.mark.symptom("changed-since-reload")
def test_haproxy_without_a_master(tmp_path: Path, live: Live, authority: Authority) -> None:
    with Alone(tmp_path / "alone", [free()], [live.path / "combined.pem"]) as haproxy:
        one = seen(haproxy)
        assert (faults(one), notices(one)) == ([], [])
        aged(haproxy)
        live.switch(authority.issue(NAME))
        assert faults(seen(haproxy)) == ["changed-since-reload"]


def test_nginx_with_includes_variables_and_settings_of_an_outer_level(
    tmp_path: Path, live: Live, stopped_nginx: Nginx, authority: Authority
) -> None:
    other = Live(tmp_path / "other")
    other.switch(authority.issue("other.test"))
    at = stopped_nginx.addresses[0][0]
    folder = tmp_path / "nginx" / "sites"
    folder.mkdir()
    (folder / "b.conf").write_text(
        f"ssl_certificate {other.path}/fullchain.pem;\nssl_certificate_key {live.path}/privkey.pem;"
        f"server {{ listen {at}:{free(at)[1]}; # }} not the end\n"
        f"  location ~ ^/a{{2}}$ {{ return 200 '}}'; }} }}\n".replace("^/a{2}$", '"^/a{2}$"')
    )
    (folder / "c.conf").write_text(
        f"server {{ listen {at}:{free(at)[1]} ssl; server_name {NAME};"
        f" ssl_certificate '{live.path}/fullchain.pem'; ssl_certificate_key {live.path}/$host; }}"
    )
    stopped_nginx.extra = "include sites/*.conf;"
    with pytest.raises(pytest.fail.Exception):  # nginx refuses the mismatch
        stopped_nginx.start()
    text = (folder / "b.conf").read_text("utf-8")
    good = text.replace(f"{live.path}/privkey", f"{other.path}/privkey")
    (folder / "b.conf").write_text(good)
    stopped_nginx.stop()
    with stopped_nginx as nginx:
        one = seen(nginx)
        assert (faults(one), notices(one)) == ([], [])
        assert {f"{folder}/b.conf:1", f"{folder}/c.conf:1"} < set(one.facts)
        (folder / "b.conf").write_text(text)
        assert places(seen(nginx), "key-mismatch") == [f"{folder}/b.conf:1"]


def test_apache_with_conditions_definitions_and_two_pairs(
    tmp_path: Path, live: Live, stopped_apache: Apache, authority: Authority
) -> None:
    other = Live(tmp_path / "other")
    other.switch(authority.issue(NAME, key=rsa_key(2048)))
    folder = tmp_path / "apache" / "more"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pair.conf").write_text(
        f"Define WHERE {other.path}\n<IfModule mod_ssl.c>\n<IfDefine !NOSUCH>\n"
        "SSLCertificateFile \\\n  ${WHERE}/fullchain.pem\n"
        'SSLCertificateKeyFile "${WHERE}/privkey.pem"\n</IfDefine>\n</IfModule>\n'
        "<IfModule !ssl_module>\nSSLCertificateFile /nowhere/a.pem\n</IfModule>\n"
        "<IfDefine NOSUCH>\n<Location />\n</Location>\nSSLCertificateFile /nowhere/b.pem\n"
        "</IfDefine>\n"
    )
    stopped_apache.extra = "IncludeOptional more/*.conf\nIncludeOptional nowhere.conf"
    with stopped_apache as apache:
        one = seen(apache)
        assert (faults(one), notices(one)) == ([], [])
        assert f"{folder}/pair.conf:4" in one.facts
        (other.path / "privkey.pem").write_bytes(live.pair.files()["privkey.pem"])
        assert places(seen(apache), "key-mismatch") == [f"{folder}/pair.conf:4"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [("nginx", "/etc/nginx/nginx.conf"), ("apache", "/etc/apache2/apache2.conf")],
)
def test_a_server_without_options_has_the_configuration_that_it_was_built_for(
    request: pytest.FixtureRequest, program: str, expected: str
) -> None:
    stopped: Server = request.getfixturevalue(f"stopped_{program}")
    module = nginx_server if program == "nginx" else apache_server
    with stopped as server:
        (one,) = running(server.pid)
        plain = replace(one.master, command=())
        assert module.configuration_file(one.master) == str(server.config)
        assert module.configuration_file(plain) == expected


# -- back ends -------------------------------------------------------------------------------------


class Proxying(Apache):
    """Apache with the modules that pass requests on."""

    def configuration(self) -> str:
        """The text of the configuration."""
        folder = "/usr/lib/apache2/modules"
        modules = "".join(
            f"LoadModule {name}_module {folder}/mod_{name}.so\n" for name in ("proxy", "proxy_http")
        )
        return super().configuration().replace("Listen ", f"{modules}Listen ")


def behind_nginx(folder: Path, live: Live, settings: str, to: str = "") -> Nginx:
    at = free()
    one = Nginx(folder / "nginx", [at], {NAME: live})
    one.extra = (
        f"server {{ listen {at[0]}:{free(at[0])[1]}; {settings}"
        f" location / {{ {to or 'proxy_pass https://127.0.0.1:1/'}; }} }}"
    )
    return one


def behind_haproxy(folder: Path, live: Live, settings: str) -> Haproxy:
    one = Haproxy(folder / "haproxy", [free()], [live.path / "combined.pem"])
    one.extra = f"backend b\n    server s 127.0.0.1:1 {settings}\n"
    return one


def behind_apache(folder: Path, live: Live, settings: str) -> Apache:
    one = Proxying(folder / "apache", free(), live)
    one.extra = f"SSLProxyEngine on\nProxyPass / https://back.test:1/\n{settings}"
    return one


def backend(one: Diagnosis) -> dict[str, object]:
    """The one that there is, as programs are told of it."""
    found = one.facts["backends"]
    assert isinstance(found, list)
    (known,) = found
    assert isinstance(known, dict)
    return known


@pytest.fixture
def roots(tmp_path: Path, authority: Authority) -> Path:
    path = tmp_path / "roots.pem"
    path.write_bytes(authority.root_pem())
    return path


@pytest.mark.symptom("backend-not-verified", "backend-name-not-sent")
@pytest.mark.parametrize(
    "to",
    [
        "proxy_pass https://127.0.0.1:1",
        "grpc_pass grpcs://127.0.0.1:1",
        "uwsgi_pass suwsgi://127.0.0.1:1",
    ],
)
def test_nginx_checks_nothing_and_sends_no_name_by_default(
    tmp_path: Path, live: Live, to: str
) -> None:
    with behind_nginx(tmp_path, live, "", to) as nginx:
        one = seen(nginx)
    assert (faults(one), notices(one)) == ([], ["backend-not-verified", "backend-name-not-sent"])
    assert to.split()[1] in words(one, "backend-not-verified")
    known = backend(one)
    assert (known["server_name"], known["verified"]) == (None, False)


def test_nginx_that_checks_all(tmp_path: Path, live: Live, roots: Path) -> None:
    settings = (
        f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {roots}; proxy_ssl_server_name on;"
        " proxy_ssl_name back.test;"
    )
    with behind_nginx(tmp_path, live, settings) as nginx:
        one = seen(nginx)
    assert (faults(one), notices(one)) == ([], [])
    known = backend(one)
    assert (known["server_name"], known["verified"]) == ("back.test", True)
    assert known["trust_store"] == [str(roots)]


def test_a_back_end_in_plain_http_is_none_of_ours(tmp_path: Path, live: Live) -> None:
    with behind_nginx(tmp_path, live, "", "proxy_pass http://127.0.0.1:1") as nginx:
        one = seen(nginx)
    assert (one.findings, one.facts["backends"]) == ((), [])


@pytest.mark.symptom("backend-not-verified", "backend-name-not-sent")
def test_haproxy_that_checks_nothing(tmp_path: Path, live: Live) -> None:
    with behind_haproxy(tmp_path, live, "ssl verify none") as haproxy:
        one = seen(haproxy)
    assert (faults(one), notices(one)) == ([], ["backend-not-verified", "backend-name-not-sent"])
    assert places(one, "backend-not-verified") == [f"{haproxy.config}:12"]


@pytest.mark.symptom("backend-name-not-checked")
def test_haproxy_that_checks_the_chain_alone(tmp_path: Path, live: Live, roots: Path) -> None:
    settings = f"ssl ca-file {roots}"
    with behind_haproxy(tmp_path, live, settings) as haproxy:
        one = seen(haproxy)
    assert notices(one) == ["backend-name-not-checked", "backend-name-not-sent"]


def test_haproxy_that_checks_all_by_its_defaults(tmp_path: Path, live: Live, roots: Path) -> None:
    server = behind_haproxy(tmp_path, live, "sni str(back.test)")
    default = f"backend b\n    default-server ssl verify required ca-file {roots}\n"
    server.extra = server.extra.replace("backend b\n", default)
    server.extra += "backend c\n    server t 127.0.0.1:2\n"
    with server as haproxy:
        one = seen(haproxy)
    assert (faults(one), notices(one)) == ([], [])
    assert backend(one)["server_name"] == "str(back.test)"


@pytest.mark.symptom("backend-not-verified")
def test_apache_that_checks_nothing(tmp_path: Path, live: Live) -> None:
    with behind_apache(tmp_path, live, "") as apache:
        one = seen(apache)
    assert (faults(one), notices(one)) == ([], ["backend-not-verified"])


@pytest.mark.symptom("backend-name-not-checked", "backend-by-clients-name")
def test_apache_that_checks_the_chain_alone(tmp_path: Path, live: Live, roots: Path) -> None:
    settings = (
        f"SSLProxyVerify require\nSSLProxyCACertificateFile {roots}\nSSLProxyCheckPeerName off\n"
        "ProxyPreserveHost On"
    )
    with behind_apache(tmp_path, live, settings) as apache:
        one = seen(apache)
    assert notices(one) == ["backend-name-not-checked", "backend-by-clients-name"]


def test_apache_that_checks_all(tmp_path: Path, live: Live, roots: Path) -> None:
    settings = f"SSLProxyVerify require\nSSLProxyCACertificateFile {roots}"
    with behind_apache(tmp_path, live, settings) as apache:
        one = seen(apache)
    assert (faults(one), notices(one)) == ([], [])


@pytest.mark.symptom("backend-store-missing")
@pytest.mark.parametrize("program", ["nginx", "haproxy", "apache"])
def test_a_trust_store_that_was_removed(
    tmp_path: Path, live: Live, roots: Path, program: str
) -> None:
    checked = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {roots};"
    servers: dict[str, tuple[Callable[[Path, Live, str], Server], str]] = {
        "nginx": (behind_nginx, f"{checked} proxy_ssl_server_name on;"),
        "haproxy": (behind_haproxy, f"ssl ca-file {roots} sni str(back.test)"),
        "apache": (
            behind_apache,
            f"SSLProxyVerify require\nSSLProxyCACertificateFile {roots}",
        ),
    }
    make, settings = servers[program]
    with make(tmp_path, live, settings) as server:
        assert seen(server).findings == ()
        roots.unlink()
        one = seen(server)
    assert faults(one) == ["backend-store-missing"]
    assert f"the trust store {roots}" in one.sentence


@pytest.mark.symptom("expired")
def test_the_certificate_that_is_presented_to_a_back_end(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    client = Live(tmp_path / "client")
    client.switch(authority.issue("client.test", client=True))
    settings = (
        f"proxy_ssl_certificate {client.path}/cert.pem;"
        f" proxy_ssl_certificate_key {client.path}/privkey.pem;"
    )
    with behind_nginx(tmp_path, live, settings) as nginx:
        assert seen(nginx).is_healthy, "its intermediate is the back end's to have"
        client.switch(authority.issue("client.test", client=True, lifetime=-DAY))
        assert "expired" in faults(seen(nginx))
