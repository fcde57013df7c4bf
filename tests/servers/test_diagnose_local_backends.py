"""What nginx, haproxy and Apache use towards their back ends, as `diagnose --local` finds it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.diagnosis import Diagnosis
from support.certs import Authority, Live
from support.daemons import Apache
from support.inside import faults, notices, places, seen, words
from support.loopback import free
from support.servers import Haproxy, Nginx, Server

NAME = "www.example.org"
DAY = timedelta(days=1)


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
    assert known["server_name"] is None
    assert (known["verified"], known["name_checked"]) == (False, False)


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
