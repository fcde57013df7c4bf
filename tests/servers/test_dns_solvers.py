"""dns-01 and dns-account-01 by dynamic updates, against real BIND servers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import dns.message
import pytest

from everleaf.challenges.dns import DnsSolver
from everleaf.challenges.labels import value
from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.rfc2136 import DynamicUpdates
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import EverleafError, OperatorError
from everleaf.ports import Challenge, Status
from everleaf.system.clock import SystemClock
from everleaf.system.secrets import Secret
from support.bind import Bind, Key, Zone, two
from support.loopback import Address, free, written

NAME = parse("a.test")
OWNER = "_acme-challenge.a.test."
TOKEN = "token"
ACCOUNT = "https://ca.test/acct/1"
KEY, STRANGER, NARROW = Key(), Key("stranger"), Key("narrow")


def challenge(token: str = TOKEN, kind: str = "dns-01") -> Challenge:
    return Challenge(
        type=kind,
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
        account=ACCOUNT,
    )


@dataclass(slots=True)
class World:
    """A primary server for several zones, with a second one for a.test."""

    folder: Path
    first: Bind
    second: Bind

    @property
    def servers(self) -> NameServers:
        return NameServers(
            clock=SystemClock(), resolver=[self.first.at], port=self.first.address[1]
        )

    def updates(
        self, key: Key | Secret = KEY, *, server: str = "", zone: str = ""
    ) -> DynamicUpdates:
        secret = key.file(self.folder) if isinstance(key, Key) else key
        return DynamicUpdates(secret, self.servers, server=server, zone=zone)

    def solver(self, key: Key = KEY, *types: str) -> DnsSolver:
        return DnsSolver("zone", self.updates(key), self.servers, types or ("dns-01",))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    at = two()
    policy = (f"grant {KEY.name} subdomain a.test. TXT", f"grant {NARROW.name} name {OWNER} TXT")
    aliases = ("_acme-challenge.www CNAME www.delegated.test.",)
    delegated = Zone(
        "delegated.test", (f"grant {KEY.name} name www.delegated.test. TXT",), at=at[:1]
    )
    zones = [
        Zone("a.test", policy, aliases, at),
        delegated,
        Zone("fixed.test", at=at[:1]),
        Zone(
            "several.test",
            (f"grant {KEY.name} subdomain several.test. TXT",),
            ("ns1 A 127.77.0.1",),
            at[:1],
        ),
        Zone("elsewhere.test", (f"grant {KEY.name} subdomain elsewhere.test. TXT",), at=at[1:]),
    ]
    keys = [KEY, NARROW]
    with ExitStack() as stack:
        first = Bind(tmp_path / "first", at[0], keys=keys, zones=zones)
        second = Bind(tmp_path / "second", at[1], keys=keys, zones=zones[:1])
        yield World(tmp_path, stack.enter_context(first), stack.enter_context(second))


def test_a_trace_is_owner_and_value_and_nothing_is_written(world: World) -> None:
    trace = world.solver().trace(NAME, challenge())
    assert trace == Trace(
        solver="zone", identifier="a.test", place=f"{OWNER} {value('token.thumb')}"
    )
    assert world.first.txt(OWNER) == []


def test_each_type_has_its_own_owner(world: World) -> None:
    solver = world.solver(KEY, "dns-account-01", "dns-01")
    assert solver.types == ("dns-account-01", "dns-01")
    owners = {
        kind: solver.trace(NAME, challenge(kind=kind)).place.split()[0] for kind in solver.types
    }
    assert owners["dns-01"] == OWNER
    label, _, rest = owners["dns-account-01"].partition(".")
    assert (len(label), rest) == (17, OWNER)


def test_only_the_preferred_type_binds_the_account(world: World) -> None:
    assert world.solver(KEY, "dns-account-01", "dns-01").binds_account
    assert not world.solver(KEY, "dns-01", "dns-account-01").binds_account


def test_a_wildcard_and_its_base_name_stand_at_one_owner(world: World) -> None:
    solver = world.solver()
    world.first.add(OWNER, "somebody's")
    traces = [
        solver.trace(one, challenge(token))
        for one, token in ((NAME, "1"), (parse("*.a.test"), "2"))
    ]
    for trace, token in zip(traces, "12", strict=True):
        solver.present(trace, challenge(token))
    ours = [value("1.thumb"), value("2.thumb")]
    assert world.first.txt(OWNER) == sorted([*ours, "somebody's"])
    solver.remove(traces[0])
    assert world.first.txt(OWNER) == sorted([ours[1], "somebody's"])
    solver.remove(traces[1])
    assert world.first.txt(OWNER) == ["somebody's"]


def test_what_is_presented_twice_is_there_once_and_gone_after_one_removal(world: World) -> None:
    solver = world.solver()
    trace = solver.trace(NAME, challenge())
    solver.present(trace, challenge())
    solver.present(trace, challenge())
    assert world.first.txt(OWNER) == [value("token.thumb")]
    solver.remove(trace)
    solver.remove(trace)
    assert world.first.txt(OWNER) == []


def test_the_record_is_written_where_the_cname_leads(world: World) -> None:
    solver = world.solver()
    trace = solver.trace(parse("*.www.a.test"), challenge())
    assert trace.place.split()[0] == "www.delegated.test."
    solver.present(trace, challenge())
    assert world.first.txt("www.delegated.test.") == [value("token.thumb")]
    solver.settle([(trace, challenge())])
    solver.remove(trace)
    assert world.first.txt("www.delegated.test.") == []


def test_settling_waits_until_the_second_server_shows_it(world: World) -> None:
    solver = world.solver()
    trace = solver.trace(NAME, challenge())
    solver.present(trace, challenge())
    assert world.second.txt(OWNER) == []
    late = threading.Timer(0.3, world.second.add, (OWNER, value("token.thumb")))
    late.start()
    solver.settle([(trace, challenge())])
    assert world.second.txt(OWNER) == [value("token.thumb")]
    late.join()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_every_algorithm_of_bind_is_spoken(tmp_path: Path, algorithm: str) -> None:
    at = free("127.0.0.1")
    key = Key(algorithm=f"hmac-{algorithm}")
    zone = Zone("a.test", (f"grant {key.name} zonesub TXT",), at=(at,))
    with Bind(tmp_path / "bind", at, keys=[key], zones=[zone]) as server:
        servers = NameServers(clock=SystemClock(), resolver=[server.at], port=at[1])
        DynamicUpdates(key.file(tmp_path), servers).write(OWNER, "one")
        assert server.txt(OWNER) == ["one"]


@contextmanager
def tcp_alone(target: Address) -> Iterator[Address]:
    """An address of which TCP leads to `target`, once, and UDP nowhere."""
    address = free()

    def carry(listening: socket.socket) -> None:
        line, _ = listening.accept()
        with line, socket.create_connection(target, timeout=10) as onward:
            onward.sendall(line.recv(65535))
            line.sendall(onward.recv(65535))

    with socket.create_server(address) as listening:
        thread = threading.Thread(target=carry, args=(listening,), daemon=True)
        thread.start()
        yield address
        thread.join(10)


def test_updates_go_over_tcp(world: World) -> None:
    with tcp_alone(world.first.address) as address:
        world.updates(server=written(address)).write(OWNER, "one")
    assert world.first.txt(OWNER) == ["one"]


def test_a_configured_server_is_given_the_update(world: World) -> None:
    world.updates(server=world.second.at).write(OWNER, "one")
    assert (world.first.txt(OWNER), world.second.txt(OWNER)) == ([], ["one"])


@dataclass(frozen=True, slots=True)
class Refusal:
    """An update that is refused: with which key, for what, and what is said then."""

    words: str
    remedy: str
    key: Key = KEY
    owner: str = OWNER
    zone: str = ""


REFUSALS = {
    "not allowed": Refusal(
        "said REFUSED",
        "grant narrow name _acme-challenge.b.a.test. TXT;",
        key=NARROW,
        owner="_acme-challenge.b.a.test.",
    ),
    "nobody may": Refusal(
        "said REFUSED", "Allow the key everleaf-key", owner="_acme-challenge.fixed.test."
    ),
    "not its zone": Refusal(
        "said NOTAUTH",
        "It is not the primary server of other.test.: name that one in the solver's `server`",
        owner="_acme-challenge.other.test.",
        zone="other.test.",
    ),
    "not in the zone": Refusal(
        "said NOTZONE", "is not in a.test.", owner="_acme-challenge.b.test.", zone="a.test"
    ),
    "unknown key": Refusal("said NOTAUTH BADKEY", "It has no key stranger", key=STRANGER),
    "other algorithm": Refusal(
        "said NOTAUTH BADKEY",
        "with the algorithm hmac-sha512",
        key=replace(KEY, algorithm="hmac-sha512"),
    ),
    "other secret": Refusal(
        "said NOTAUTH BADSIG", "The secret of everleaf-key is another one", key=Key()
    ),
}  # fmt: skip


@pytest.mark.parametrize("one", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_told_in_the_servers_words_with_advice(world: World, one: Refusal) -> None:
    updates = world.updates(one.key, zone=one.zone, server=world.first.at)
    with pytest.raises(OperatorError, match="the server refused to update") as caught:
        updates.write(one.owner, "one")
    fault = caught.value.fault
    assert fault.words == (f"{world.first.at} {one.words}",)
    assert one.remedy in fault.remedy
    assert one.owner in fault.what
    assert one.key.secret not in str(caught.value)
    assert one.key.secret not in repr(updates)


def test_clocks_that_differ_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # A message is signed with the time at which it is sent.
    skewed = SimpleNamespace(time=lambda: 1_000_000_000)
    monkeypatch.setattr(dns.message, "time", skewed)
    with pytest.raises(OperatorError) as caught:
        world.updates().write(OWNER, "one")
    assert caught.value.fault.words[0].endswith("said NOTAUTH BADTIME")
    assert "set the wrong one" in caught.value.fault.remedy


def test_a_server_that_does_not_answer_is_named(world: World) -> None:
    away = written(free("127.0.0.1"))
    with pytest.raises(OperatorError, match="gave no answer") as caught:
        world.updates(server=away).write(OWNER, "one")
    assert caught.value.fault.where == away
    assert "refused" in caught.value.fault.words[0].lower()


def test_a_key_that_cannot_be_read_is_told(world: World) -> None:
    with pytest.raises(OperatorError) as caught:
        world.updates(Secret(file=world.folder / "no.key")).write(OWNER, "one")
    assert caught.value.fault.code == "no-secret"


def test_an_inspection_of_zones_that_are_ours_finds_nothing_and_leaves_nothing(
    world: World,
) -> None:
    names = [parse(one) for one in ("a.test", "*.a.test", "www.a.test", "192.0.2.1")]
    assert world.solver().inspect(names) == ()
    for owner in (OWNER, "www.delegated.test."):
        assert world.first.txt(owner) == []


def test_an_inspection_needs_no_more_rights_than_an_answer(world: World) -> None:
    assert world.solver(NARROW).inspect([NAME]) == ()


def test_an_inspection_says_which_name_zone_and_server_refuse(world: World) -> None:
    names = [parse(one) for one in ("a.test", "fixed.test", "elsewhere.test", "b.test")]
    fixed, elsewhere, unknown = world.solver().inspect(names)
    assert fixed.identifier == "fixed.test"
    assert "refused to update _acme-challenge.fixed.test. in the zone fixed.test." in fixed.what
    assert f"{world.first.at}) said REFUSED" in fixed.what
    assert "update-policy" in fixed.remedy
    assert elsewhere.identifier == "elsewhere.test"
    assert "ns1.elsewhere.test." in elsewhere.what
    assert "said NOTAUTH" in elsewhere.what
    assert unknown.identifier == "b.test"
    assert "_acme-challenge.b.test." in unknown.what
    assert "answered REFUSED" in unknown.what


def test_an_inspection_with_the_wrong_key_says_so(world: World) -> None:
    (concern,) = world.solver(STRANGER).inspect([NAME])
    assert concern.code == "update-badkey"
    assert STRANGER.secret not in str(concern)


def test_an_inspection_for_account_labels_looks_for_the_zone_alone(world: World) -> None:
    solver = world.solver(STRANGER, "dns-account-01")
    assert solver.inspect([NAME]) == ()
    (concern,) = solver.inspect([parse("b.test")])
    assert concern.code == "dns-lookup-failed"


def test_a_trace_that_is_none_of_ours_removes_nothing(world: World) -> None:
    world.first.add(OWNER, "one")
    world.solver().remove(Trace(solver="zone", identifier="a.test", place=OWNER))
    assert world.first.txt(OWNER) == ["one"]


def test_a_record_that_cannot_be_removed_is_told(world: World) -> None:
    updates = world.updates(server=world.second.at)
    solver = DnsSolver("zone", updates, world.servers, ["dns-01"])
    trace = solver.trace(NAME, challenge())
    solver.present(trace, challenge())
    world.second.stop()
    with pytest.raises(EverleafError, match="gave no answer"):
        solver.remove(trace)


def test_the_next_address_of_the_primary_server_is_tried(world: World) -> None:
    for token in "1234":  # in an order that changes from answer to answer
        world.updates().write("_acme-challenge.several.test.", token)
    assert world.first.txt("_acme-challenge.several.test.") == list("1234")
