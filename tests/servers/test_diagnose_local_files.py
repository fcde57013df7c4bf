"""Which files nginx, haproxy and Apache load, as `diagnose --local` finds them."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.local import apache as apache_server
from everleaf.local import nginx as nginx_server
from everleaf.local.processes import running
from support.certs import Authority, Live
from support.daemons import Apache
from support.forge import rsa_key
from support.inside import Quiet, aged, faults, notices, places, seen, words
from support.loopback import free
from support.servers import Haproxy, Nginx, Server
from support.tls_farm import Bound

NAME = "www.example.org"
DAY = timedelta(days=1)


@pytest.fixture
def stopped_apache(tmp_path: Path, live: Live) -> Apache:
    return Apache(tmp_path / "apache", free(), live)


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


@pytest.mark.symptom("configured-file-missing")
@pytest.mark.parametrize("program", ["nginx", "haproxy", "apache"])
def test_the_authorities_of_clients_that_were_removed(
    request: pytest.FixtureRequest, tmp_path: Path, authority: Authority, program: str
) -> None:
    roots = tmp_path / "clients.pem"
    roots.write_bytes(authority.root_pem())
    stopped: Nginx | Bound | Apache = request.getfixturevalue(f"stopped_{program}")
    if isinstance(stopped, Haproxy):
        stopped = Bound(tmp_path / "bound", [free()], stopped.certificates)
        stopped.options = f"verify optional ca-file {roots}"
    elif isinstance(stopped, Nginx):
        stopped.extra = f"ssl_client_certificate {roots};\nssl_verify_client optional;"
    else:
        stopped.extra = f"SSLCACertificateFile {roots}\nSSLVerifyClient optional"
    with stopped as server:
        assert seen(server).findings == ()
        roots.unlink()
        one = seen(server)
    assert faults(one) == ["configured-file-missing"]
    assert f"the list of authorities {roots} is not there" in one.sentence


@pytest.mark.symptom("changed-since-reload")
def test_a_key_beside_that_changed_without_a_reload(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue(NAME)
    (tmp_path / "a.pem").write_bytes(pair.files()["fullchain.pem"])
    (tmp_path / "a.pem.key").write_bytes(pair.files()["privkey.pem"])
    with Quiet(tmp_path / "quiet", [free()], [tmp_path / "a.pem"]) as haproxy:
        assert seen(haproxy).findings == ()
        aged(haproxy)
        (tmp_path / "a.pem.key").write_bytes(pair.files()["privkey.pem"])
        assert faults(seen(haproxy)) == ["changed-since-reload"]
