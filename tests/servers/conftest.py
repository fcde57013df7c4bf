"""An authority, a certificate's live folder, and the two servers that read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.loopback import free
from support.servers import Haproxy, Nginx

NAME = "www.example.org"


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def live(tmp_path: Path, authority: Authority) -> Live:
    folder = Live(tmp_path / "www")
    folder.switch(authority.issue(NAME))
    return folder


@pytest.fixture
def stopped_nginx(tmp_path: Path, live: Live) -> Nginx:
    return Nginx(tmp_path / "nginx", [free()], {NAME: live})


@pytest.fixture
def nginx(stopped_nginx: Nginx) -> Iterator[Nginx]:
    with stopped_nginx:
        yield stopped_nginx


@pytest.fixture
def stopped_haproxy(tmp_path: Path, live: Live) -> Haproxy:
    return Haproxy(tmp_path / "haproxy", [free()], [live.path / "combined.pem"])


@pytest.fixture
def haproxy(stopped_haproxy: Haproxy) -> Iterator[Haproxy]:
    with stopped_haproxy:
        yield stopped_haproxy
