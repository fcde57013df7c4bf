"""Agreement of servers of which some are not to be reached from here."""

import pytest

from everleaf.challenges import nameservers
from everleaf.challenges.nameservers import NameServers, Shown
from everleaf.challenges.zones import Server
from everleaf.system.dns import DnsError
from fakes.clock import TurnedClock

AWAY = Shown(fault="cannot be asked: Network is unreachable", no_route=True)
FOUR, SIX = "192.0.2.1", "2001:db8::1"
RECORD = ("_acme-challenge.a.test.", "one")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Shown]:
    # Whether this machine has a route is nothing that a test can arrange.
    found = {SIX: AWAY}
    monkeypatch.setattr(nameservers, "ask", lambda server, _: found[server.address])
    return found


@pytest.fixture
def servers() -> NameServers:
    return NameServers(clock=TurnedClock(), servers=[FOUR, SIX])


def test_an_address_to_which_there_is_no_route_is_left_out(
    shown: dict[str, Shown], servers: NameServers
) -> None:
    shown[FOUR] = Shown(texts=("one",))
    servers.agree([RECORD])
    shown[FOUR] = Shown()
    with pytest.raises(DnsError) as caught:
        servers.agree([RECORD])
    (words,) = caught.value.fault.words
    assert f"{FOUR}:53 has no TXT record" in words


def test_where_there_is_no_route_to_any_nothing_is_agreed_on(
    shown: dict[str, Shown], servers: NameServers
) -> None:
    shown[FOUR] = AWAY
    with pytest.raises(DnsError) as caught:
        servers.agree([RECORD])
    assert len(caught.value.fault.words) == 2
    assert all("Network is unreachable" in one for one in caught.value.fault.words)


def test_a_long_list_of_servers_is_cut_and_says_so(shown: dict[str, Shown]) -> None:
    many = [f"192.0.2.{number}" for number in range(20)]
    shown.update({one: Shown() for one in many})
    with pytest.raises(DnsError) as caught:
        NameServers(clock=TurnedClock(), servers=many).agree([RECORD])
    assert len(caught.value.fault.words) == 13
    assert caught.value.fault.words[-1] == "and 8 more"


@pytest.mark.parametrize(
    ("server", "written"),
    [
        (Server("192.0.2.1"), "192.0.2.1:53"),
        (Server("2001:db8::1", 5353), "[2001:db8::1]:5353"),
        (Server("192.0.2.1", name="ns1.a.test."), "ns1.a.test. (192.0.2.1:53)"),
    ],
)
def test_a_server_is_written_with_its_name_and_address(server: Server, written: str) -> None:
    assert str(server) == written
