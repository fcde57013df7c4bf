"""How an endpoint is reached, as it is configured; and what cannot be, each with its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import load
from everleaf.core.approach import DIRECT, Approach, Pair, StartTls, Via, Way
from everleaf.core.wanted import Endpoint
from everleaf.system.secrets import Secret
from support.certs import Authority
from support.starttls import written
from support.wrong import NAMES, RIGHT, WWW

Faults = Callable[[str], tuple[ConfigFault, ...]]
Write = Callable[[str], Path]
LINE = 11  # of the endpoint in a text with one
AT = f"{WWW}.endpoints[0]"
VANTAGE = '[vantages.out]\nurl = "socks5://me@proxy.test"\n'


def text(endpoint: str, vantages: str = "") -> str:
    whole = f'{NAMES}\nendpoints = [{{ host = "www.example.org", {endpoint} }}]'
    return RIGHT.replace(NAMES, whole) + vantages


@pytest.fixture
def one(write: Write) -> Callable[..., Endpoint]:
    def of(endpoint: str, vantages: str = "") -> Endpoint:
        (found,) = load(write(text(endpoint, vantages))).certificates["www"].endpoints
        return found

    return of


def test_nothing_said_is_tls_at_once_from_here(one: Callable[..., Endpoint]) -> None:
    found = one("port = 443")
    assert (found.approach, found.client, found.command, found.resolver) == (DIRECT, None, (), ())
    assert str(found) == "www.example.org:443"


@pytest.mark.parametrize("protocol", list(StartTls))
def test_every_protocol_with_starttls(one: Callable[..., Endpoint], protocol: StartTls) -> None:
    found = one(f'port = 25, starttls = "{protocol}", proxy_protocol = 2')
    assert found.approach == Approach(starttls=protocol, proxy_protocol=2)


def test_http3(one: Callable[..., Endpoint]) -> None:
    assert one("http3 = true").approach == Approach(http3=True)
    assert one("http3 = false").approach == DIRECT


@pytest.mark.parametrize(
    ("url", "via"),
    [
        ("socks5://proxy.test", Via(way=Way.SOCKS5, host="proxy.test", port=1080)),
        ("http://[2001:db8::1]:8080/", Via(way=Way.HTTP, host="2001:db8::1", port=8080)),
        ("ssh://me%40a@far.test:2222", Via(way=Way.SSH, host="far.test", port=2222, user="me@a")),
    ],
)
def test_a_vantage_by_its_url(one: Callable[..., Endpoint], url: str, via: Via) -> None:
    assert one(f'via = "{url}"').approach == Approach(via=via)


def test_a_vantage_by_its_name_keeps_the_password_where_it_stands(
    one: Callable[..., Endpoint], tmp_path: Path
) -> None:
    found = one('via = "out"', f'{VANTAGE}password = {{ env = "NO_SUCH_VARIABLE" }}').approach.via
    assert found is not None
    assert str(found) == "socks5://me@proxy.test:1080"
    assert found.hidden == Secret(env="NO_SUCH_VARIABLE")
    (tmp_path / "key").touch(0o600)
    far = '[vantages.out]\nurl = "ssh://far.test"\nidentity = "key"'
    assert one('via = "out"', far).approach.via == Via(
        way=Way.SSH, host="far.test", port=22, identity=tmp_path / "key"
    )


def test_a_client_certificate_by_its_files_and_by_its_name(
    one: Callable[..., Endpoint], tmp_path: Path
) -> None:
    written(Authority().issue("client.test", client=True), tmp_path / "pair")
    files = 'client_certificate = "pair/fullchain.pem", client_key = "pair/privkey.pem"'
    folder = tmp_path / "pair"
    pair = Pair(certificate=folder / "fullchain.pem", key=folder / "privkey.pem")
    assert one(files).client == pair
    live = tmp_path / "state" / "certificates" / "www" / "live"
    own = Pair(certificate=live / "fullchain.pem", key=live / "privkey.pem")
    assert one('client = "www"').client == own


def test_addresses_by_a_program_and_by_name_servers_of_its_own(
    one: Callable[..., Endpoint],
) -> None:
    assert one('addresses_command = ["sh", "-c", "x"]').command[0].startswith("/")
    assert one('addresses_command = ["sh", "-c", "x"]').command[1:] == ("-c", "x")
    assert one('resolver = ["9.9.9.9", "[2001:db8::1]:53"]').resolver == (
        "9.9.9.9",
        "[2001:db8::1]:53",
    )


def test_two_ways_to_one_port_are_two_endpoints(write: Write) -> None:
    both = f'{NAMES}\nendpoints = ["a.test", {{ host = "a.test", http3 = true }}]'
    found = load(write(RIGHT.replace(NAMES, both))).certificates["www"].endpoints
    assert [str(one) for one in found] == ["a.test:443", "a.test:443 (over QUIC)"]


WRONG = {
    "a protocol without starttls": ('starttls = "gopher"', "starttls", "'gopher'", "smtp"),
    "a version of the PROXY header": ("proxy_protocol = 3", "proxy_protocol", "3", "1 or 2"),
    "a vantage that is not there": ('via = "outside"', "via", "no vantage 'outside'", "vantages"),
    "a vantage of another scheme": ('via = "ftp://a"', "via", "no vantage's URL", "socks5://"),
    "a vantage without a host": ('via = "ssh://"', "via", "no vantage's URL", "socks5://"),
    "a vantage with a bad port": ('via = "http://a:x"', "via", "no vantage's URL", "http://"),
    "a vantage that is an option": ('via = "ssh://-oX"', "via", "no vantage's URL", "ssh://"),
    "a vantage with a path": ('via = "http://a/b"', "via", "ends with its port", "http://"),
    "a password": ('via = "http://a:pw@b"', "via", "a password does not belong", "vantages.NAME"),
    "quic and starttls": ('http3 = true, starttls = "smtp"', "starttls", "HTTP/3", "remove"),
    "quic and a PROXY header": ("http3 = true, proxy_protocol = 1", "proxy_protocol", "UDP", "rem"),
    "quic through a proxy": ('http3 = true, via = "http://a"', "via", "UDP", "remove one"),
    "a name server": ('resolver = ["dns.test"]', "resolver[0]", "'dns.test'", "192.0.2.1"),
    "a program": ('addresses_command = ["no-such"]', "addresses_command", "'no-such'", "PATH"),
    "a relative program": ('addresses_command = ["./a"]', "addresses_command", "relative", "/"),
    "addresses twice": (
        'addresses_command = ["sh"], addresses = ["192.0.2.1"]', "addresses_command",
        "asked of a program as well", "remove one",
    ),
    "addresses that nobody asks for": (
        'resolver = ["9.9.9.9"], addresses = ["192.0.2.1"]', "resolver", "no name server", "remove",
    ),
    "half a client": ('client_key = "/k"', "client_key", "client_certificate is missing", "add"),
    "a client twice": (
        'client = "www", client_key = "/k"', "client_key", "named already", "remove one",
    ),
    "a client that is not there": ('client = "wwv"', "client", "no certificate 'wwv'", "'www'"),
    "a client's file": (
        'client_certificate = "/dev/null", client_key = "/no/such"', "client_key", "/no/such",
        "may read",
    ),
    "a client's file without anything": (
        'client_certificate = "/dev/null", client_key = "/dev/null"', "client_certificate",
        "no certificate and its key", "without a passphrase",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_told_with_its_line(
    case: tuple[str, str, str, str], faults: Faults
) -> None:
    endpoint, key, what, remedy = case
    (found,) = faults(text(endpoint))
    assert (found.key, found.line) == (f"{AT}.{key}", LINE)
    assert what in found.what
    assert remedy in found.remedy
    assert ":pw@" not in str(found)


VANTAGES = {
    "no url": ('identity = "/x"', "url", "missing", "socks5"),
    "another scheme": ('url = "ftp://a"', "url", "no vantage's URL", "ssh://"),
    "a password in the url": ('url = "http://a:pw@b"', "url", "does not belong", "password = {"),
    "a password of nobody": (
        'url = "http://a"\npassword = { env = "X" }', "password", "whose password", "USER@",
    ),
    "a password for ssh": (
        'url = "ssh://me@a"\npassword = { env = "X" }', "password", "ssh takes no", "identity",
    ),
    "a password that is nowhere": (
        'url = "http://me@a"\npassword = { file = "/no/such" }', "password.file", "/no/such", "may",
    ),
    "a key for a proxy": ('url = "http://a"\nidentity = "/dev/null"', "identity", "no key", "rem"),
    "a key that is not there": (
        'url = "ssh://a"\nidentity = "/no/such"', "identity", "/no/such", "may read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VANTAGES.values(), ids=VANTAGES.keys())
def test_a_vantage_that_is_wrong(case: tuple[str, str, str, str], faults: Faults) -> None:
    table, key, what, remedy = case
    (found,) = faults(text('via = "out"', f"[vantages.out]\n{table}\n"))
    assert found.key == f"vantages.out.{key}"
    assert found.line
    assert what in found.what
    assert remedy in found.remedy
    assert ":pw@" not in str(found)


def test_the_certificate_itself_is_presented_alone(faults: Faults) -> None:
    usages = f'{NAMES}\nusages = ["server", "client"]'
    right = text('present = true, client = "www"').replace(NAMES, usages)
    (found,) = faults(right)
    assert found.key == f"{AT}.client"
    (found,) = faults(text("present = true, http3 = true").replace(NAMES, usages))
    assert found.key == f"{AT}.present"
    assert "UDP" in found.what
