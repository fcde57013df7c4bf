"""dns-lexicon's own code for a provider, against a real PowerDNS that speaks its interface."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

import pytest
import urllib3

from everleaf.challenges.labels import value
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import EndOfTimeError, OperatorError
from everleaf.ports import Challenge, Solver, Status
from everleaf.system.clock import SystemClock
from everleaf.system.secrets import Secret
from support.loopback import free, written
from support.powerdns import PowerDns, lack


def challenge(token: str) -> Challenge:
    return Challenge(
        type="dns-01",
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDns]:
    if find_spec("lexicon") is None:
        lack("dns-lexicon is not installed")
    with PowerDns(tmp_path_factory.mktemp("pdns")) as one:
        yield one


@pytest.fixture
def zone(server: PowerDns) -> str:
    """A zone of the test's own."""
    name = f"{token_hex(4)}.test"
    server.zone(name)
    return name


def key(server: PowerDns, folder: Path, text: str = "") -> Secret:
    path = folder / token_hex(4)
    path.touch(mode=0o600)
    path.write_text(f"{text or server.api_key}\n", "utf-8")
    return Secret(file=path)


def lexicon(server: PowerDns, folder: Path, **more: object) -> Solver:
    settings = {
        "provider": "powerdns",
        "clock": SystemClock(),
        "resolver": [server.at],
        "nameservers": [server.at],
        "options": {"pdns_server": server.url},
        "secrets": {"auth_token": key(server, folder)},
    }
    return build("lexicon", "dns", **{**settings, **more})


def present(solver: Solver, name: str, token: str) -> Trace:
    trace = solver.trace(parse(name), challenge(token))
    solver.present(trace, challenge(token))
    return trace


def test_a_provider_is_given_exactly_our_records(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    solver, owner = lexicon(server, tmp_path), f"_acme-challenge.www.{zone}."
    first = present(solver, f"www.{zone}", "1")
    second = present(solver, f"*.www.{zone}", "2")
    present(solver, f"www.{zone}", "2")
    solver.settle([(first, challenge("1")), (second, challenge("2"))])
    assert server.txt(owner) == sorted([value("1.thumb"), value("2.thumb")])
    solver.remove(first)
    assert server.txt(owner) == [value("2.thumb")]
    lexicon(server, tmp_path).remove(second)
    lexicon(server, tmp_path).remove(second)
    assert server.txt(owner) == []


@contextmanager
def hurried(server: PowerDns) -> Iterator[str]:
    """The provider as it is when two read a name's records before either has written."""
    meeting = threading.Barrier(2)

    class Onward(BaseHTTPRequestHandler):
        def carry(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = urllib3.request(
                self.command, server.url + self.path, headers=dict(self.headers), body=body
            )
            if self.command == "GET":
                with suppress(threading.BrokenBarrierError):
                    meeting.wait(0.7)
                meeting.reset()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.data)))
            self.end_headers()
            self.wfile.write(answer.data)

        do_GET = do_PATCH = carry  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(free(), Onward) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://{written(proxy.server_address)}"  # type: ignore[arg-type]
        proxy.shutdown()
        thread.join()


def test_certificates_side_by_side_do_not_overwrite_each_other(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    with hurried(server) as url:
        solver = lexicon(server, tmp_path, options={"pdns_server": url})
        threads = [threading.Thread(target=present, args=(solver, zone, token)) for token in "12"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.txt(f"_acme-challenge.{zone}.")) == 2


def test_a_run_that_was_told_to_stop_takes_its_records_down(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    clock = SystemClock()
    solver = lexicon(server, tmp_path, clock=clock)
    trace = present(solver, zone, "1")
    clock.stop()
    with pytest.raises(EndOfTimeError):
        solver.present(trace, challenge("1"))
    solver.remove(trace)
    assert server.txt(f"_acme-challenge.{zone}.") == []


def test_an_inspection_finds_nothing_where_the_zone_is_ours(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    names = [parse(one) for one in (zone, f"*.{zone}", f"www.{zone}")]
    assert lexicon(server, tmp_path).inspect(names) == ()


def test_an_inspection_finds_each_name_of_a_zone_that_is_not_ours(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    names = [parse(one) for one in (zone, f"www.{zone}")]
    found = lexicon(server, tmp_path, zone=f"other.{zone}").inspect(names)
    assert [one.identifier for one in found] == [zone, f"www.{zone}"]
    assert all(f"(other.{zone}): 404 " in one.what for one in found)
    (unknown,) = lexicon(server, tmp_path).inspect([parse("nobody.example")])
    assert unknown.code == "dns-lookup-failed"


def test_what_the_provider_says_is_told_without_secrets(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    secrets = {"auth_token": key(server, tmp_path, "wr0ng")}
    (concern,) = lexicon(server, tmp_path, secrets=secrets).inspect([parse(zone)])
    assert concern.code == "lexicon-failed"
    assert f"the provider powerdns did not let us into the zone ({zone}): 401 " in concern.what
    assert "Unauthorized" in concern.what
    assert "wr0ng" not in concern.what


def test_a_secret_in_an_address_is_not_told(server: PowerDns, zone: str, tmp_path: Path) -> None:
    secrets = {
        "pdns_server": key(server, tmp_path, f"{server.url}/s3cret"),
        "auth_token": key(server, tmp_path),
    }
    with pytest.raises(OperatorError) as caught:
        present(lexicon(server, tmp_path, options={}, secrets=secrets), zone, "1")
    assert "404 Client Error: Not Found for url: ***/api/v1/" in str(caught.value)


def test_a_zone_that_the_provider_does_not_have_is_told(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match="did not create the TXT record") as caught:
        present(lexicon(server, tmp_path, zone=f"other.{zone}"), zone, "1")
    assert caught.value.fault.where == f"_acme-challenge.{zone}. in other.{zone}"
    assert "404 Client Error" in str(caught.value.fault.words)


def test_a_provider_that_is_not_known_is_told(server: PowerDns, zone: str, tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        present(lexicon(server, tmp_path, provider="nobody"), zone, "1")
    assert "provider (nobody) is not supported" in str(caught.value.fault.words)


def test_a_provider_that_does_not_answer_is_given_up(
    server: PowerDns, zone: str, tmp_path: Path
) -> None:
    with socket.create_server(free()) as silent:
        options = {"pdns_server": f"http://{written(silent.getsockname())}"}
        solver = lexicon(server, tmp_path, options=options, limit=2.0)
        with pytest.raises(OperatorError) as caught:
            present(solver, zone, "1")
    assert caught.value.fault.words == ("ended after 2 s",)


def test_without_dns_lexicon_it_says_what_to_install(
    server: PowerDns, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "lexicon"
    package.mkdir(parents=True)
    text = "raise ModuleNotFoundError(\"No module named 'lexicon'\", name='lexicon')\n"
    (package / "__init__.py").write_text(text, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    with pytest.raises(OperatorError, match="dns-lexicon is not installed") as caught:
        present(lexicon(server, tmp_path), zone, "1")
    assert caught.value.fault.remedy == "pip install 'everleaf[lexicon]'"
