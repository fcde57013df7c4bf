"""Proxies: of one authority or of the environment, with credentials that are never shown."""

import base64
import ssl
from collections.abc import Iterator

import pytest
from urllib3 import ProxyManager

from everleaf.ca.proxy import connections
from everleaf.ca.session import Session
from everleaf.errors import OperatorError, UnreachableError
from support.faulty import Faulty
from support.tunnel import Tunnel, tunnel
from support.wire import Turning

SECRET = "s3cr3t-ä:/@"
CREDENTIALS = "us%20er:s3cr3t-%C3%A4%3A%2F%40"
WANTS = "Basic " + base64.b64encode(f"us er:{SECRET}".encode()).decode()


@pytest.fixture
def proxy() -> Iterator[Tunnel]:
    with tunnel() as one:
        yield one


def session(server: Faulty, proxy: str | None, clock: Turning | None = None) -> Session:
    clock = clock or Turning()
    return Session(server.directory, clock=clock, ca_file=server.ca_file, proxy=proxy)


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/"])
def test_requests_go_through_the_authoritys_proxy(server: Faulty, proxy: Tunnel, form: str) -> None:
    assert session(server, form.format(proxy.port)).directory().new_order
    assert proxy.targets == [f"127.0.0.1:{server.port}"]
    assert "proxy-authorization" not in proxy.headers[0]


def test_the_authoritys_proxy_overrides_the_environments(
    server: Faulty, proxy: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    assert session(server, proxy.url).directory().new_order
    assert len(proxy.targets) == 1


def test_an_empty_proxy_is_none_even_where_the_environment_has_one(
    server: Faulty, proxy: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert session(server, "").directory().new_order
    assert proxy.targets == []
    assert session(server, None).directory().new_order
    assert len(proxy.targets) == 1


def test_credentials_go_to_the_proxy_and_not_to_the_authority(
    server: Faulty, proxy: Tunnel
) -> None:
    proxy.wants = WANTS
    assert session(server, f"http://{CREDENTIALS}@127.0.0.1:{proxy.port}").directory().new_order
    assert [one["proxy-authorization"] for one in proxy.headers] == [WANTS]
    assert all("proxy-authorization" not in one.headers for one in server.seen)


def test_credentials_stand_in_no_url_that_could_be_shown() -> None:
    manager = connections(
        f"http://{CREDENTIALS}@h:1", ssl.create_default_context(), kept=1, configured=True
    )
    assert isinstance(manager, ProxyManager)
    assert manager.proxy is not None
    assert manager.proxy.url == "http://h:1"


def told(error: BaseException) -> str:
    """All that could be logged of an error and of what it came from."""
    text = ""
    found: BaseException | None = error
    while found is not None:
        text += repr(found) + str(found)
        found = found.__cause__ or found.__context__
    return text


@pytest.mark.parametrize("status", [407, 403])
def test_a_proxy_that_refuses_is_named_as_such_and_asked_but_once(
    server: Faulty, proxy: Tunnel, status: int
) -> None:
    proxy.refuses = status
    clock = Turning()
    one = session(server, f"http://{CREDENTIALS}@127.0.0.1:{proxy.port}", clock)
    with pytest.raises(UnreachableError, match=rf"the proxy .* {status}") as caught:
        one.directory()
    assert "`proxy`" in caught.value.fault.remedy
    assert "s3cr3t" not in told(caught.value)
    assert len(proxy.headers) == 1
    assert clock.slept == []


def test_a_proxy_that_is_not_there_or_is_busy_is_tried_again(server: Faulty, proxy: Tunnel) -> None:
    proxy.refuses = 503
    with pytest.raises(UnreachableError, match="503"):
        session(server, proxy.url).directory()
    assert len(proxy.headers) == 4
    clock = Turning()
    with pytest.raises(UnreachableError, match=r"(?i)refused") as caught:
        session(server, f"http://{CREDENTIALS}@127.0.0.1:9", clock).directory()
    assert len(clock.slept) == 3
    assert "s3cr3t" not in told(caught.value)


@pytest.mark.parametrize(
    "text", ["socks5://u:s3cr3t@h:1", "http://", "ftp://u:s3cr3t@h", "http://u:s3cr3t@h:99999"]
)
def test_a_proxy_that_is_none_is_the_operators_fault_and_its_text_is_not_shown(
    server: Faulty, text: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        session(server, text).directory()
    assert caught.value.fault.code == "bad-proxy"
    assert "`proxy`" in caught.value.fault.remedy
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_one_of_the_environment_that_is_none_is_said_to_be_there(
    server: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://h:1")
    with pytest.raises(OperatorError) as caught:
        session(server, None).directory()
    assert "HTTPS_PROXY" in caught.value.fault.remedy
