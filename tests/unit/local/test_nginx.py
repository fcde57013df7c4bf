"""What a text of nginx's or Apache's configuration comes to, without any server."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.local import apache, nginx
from everleaf.local.model import Configured
from everleaf.local.processes import Kind, Running, _processes

NGINX = (
    *("ssl_certificate", "ssl_certificate_key", "proxy_pass", "https://a", "proxy_ssl", "on"),
    *("proxy_ssl_trusted_certificate", "include", "*.conf", "{", "}", ";", "'", "a", "\n"),
    *("ssl_client_certificate", "data:x", "$a", "grpc_pass", "grpcs://$b", "x_by_lua_block"),
)
APACHE = (
    *("<VirtualHost *>\n", "</VirtualHost>\n", "SSLEngine on\n", "SSLCertificateFile", "\n", "a"),
    *("SSLCertificateKeyFile", "SSLProxyEngine on\n", "ProxyPass", "https://a", "Include", '"'),
    *("SSLProxyVerify", "RewriteRule", "[P]", "<IfDefine>\n", "</IfDefine>\n", "Define", "${a}"),
    *("LoadModule", "ServerRoot", "<If", ">\n", "SSLCACertificateFile", "\\\n"),
)


def read(folder: Path, text: str, server: Callable[[Running], Configured]) -> Configured:
    path = folder / "server.conf"
    path.write_text(text, "utf-8")
    (this,) = [one for one in _processes() if one.pid == os.getpid()]
    command = ("-c", str(path)) if server is nginx.configured else ("-d", "/srv", "-f", str(path))
    kind = Kind.NGINX if server is nginx.configured else Kind.APACHE
    master = replace(this, command=command)
    return server(Running(kind=kind, master=master, workers=()))


def test_keys_belong_to_certificates_by_their_order(tmp_path: Path) -> None:
    text = (
        "ssl_certificate_key outer;\nserver { ssl_certificate a; ssl_certificate b;"
        " ssl_certificate_key /k; }\nserver { ssl_certificate c; }\n"
        "server { ssl_certificate $x; ssl_certificate d; ssl_certificate_key engine:y;"
        " ssl_certificate_key $z; }"
    )
    found = read(tmp_path, text, nginx.configured)
    assert [(Path(one.certificate).name, one.key, one.has_key) for one in found.uses] == [
        ("a", "/k", True),
        ("b", None, False),
        ("c", f"{tmp_path}/outer", True),
        ("d", None, False),
    ]
    assert found.unseen == [f"{tmp_path}/server.conf:4: ssl_certificate"]


def test_a_stream_speaks_tls_to_its_back_end_where_a_setting_says_so(tmp_path: Path) -> None:
    text = (
        "stream { server { proxy_pass a:1; } server { proxy_ssl on; proxy_pass b:1; }\n"
        "server { proxy_ssl on; proxy_ssl_server_name on; proxy_ssl_name n; proxy_pass c:1; } }"
    )
    found = read(tmp_path, text, nginx.configured).backends
    assert [(one.to, one.sends) for one in found] == [("b:1", ""), ("c:1", "n")]


def test_apaches_certificates_count_where_its_engine_is_on(tmp_path: Path) -> None:
    text = (
        "SSLCertificateFile whole\n<VirtualHost a>\nSSLCertificateFile off\n</VirtualHost>\n"
        "<VirtualHost b>\nSSLEngine on\nSSLCertificateFile pkcs11:x\n"
        "SSLCertificateFile on\nSSLCertificateKeyFile k1\nSSLCertificateKeyFile k2\n</VirtualHost>"
    )
    found = read(tmp_path, text, apache.configured)
    assert [(one.certificate, one.key) for one in found.uses] == [
        ("/srv/whole", None),
        ("/srv/on", "/srv/k2"),
    ]
    assert found.unseen == [f"{tmp_path}/server.conf:7: SSLCertificateFile"]
    assert read(tmp_path, "SSLCertificateFile whole", apache.configured).uses == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("ProxyPass / https://a/", 1),
        ("ProxyPass / http://a/", 0),
        ("ProxyPassMatch ^/(.*)$ wss://a/$1", 1),
        ("BalancerMember https://a", 1),
        ("RewriteRule ^ https://a/ [P,L]", 1),
        ("RewriteRule ^ https://a/ [R=301]", 0),
    ],
)
def test_what_apache_passes_on(tmp_path: Path, line: str, count: int) -> None:
    found = read(tmp_path, f"SSLProxyEngine on\n{line}", apache.configured)
    assert len(found.backends) == count
    assert read(tmp_path, line, apache.configured).backends == []


@given(words=st.lists(st.sampled_from(NGINX), max_size=40))
def test_no_text_makes_nginx_raise(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), " ".join(words), nginx.configured)


@given(words=st.lists(st.sampled_from(APACHE), max_size=40))
def test_no_text_makes_apache_raise(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), " ".join(words), apache.configured)
