"""dns-persist-01: the standing record as real servers show it, looked at and never written."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.persist import PersistSolver
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import OperatorError
from everleaf.ports import Challenge, Status
from everleaf.system.clock import SystemClock
from support.bind import Bind, Key, Zone, two

ACCOUNT = "https://ca.example/acct/1"
GOOD = f"ca.example; accounturi={ACCOUNT}"
KEY = Key()
CHALLENGE = Challenge(
    type="dns-persist-01",
    url="https://ca.example/c",
    status=Status.PENDING,
    account=ACCOUNT,
    issuers=("ca.example",),
)
RECORDS = (
    f'_validation-persist TXT "{GOOD}"',
    '_validation-persist TXT "other.example; accounturi=https://other.example/1"',
    f'_validation-persist.wild TXT "ca.example;" " accounturi={ACCOUNT}; " "policy=wildcard"',
    '_validation-persist.else TXT "other.example; accounturi=https://other.example/1"',
    f'_validation-persist.half TXT "{GOOD}"',
    "_validation-persist.alias CNAME elsewhere",
)


@dataclass(slots=True)
class World:
    """Two servers that are both primary for a.test."""

    first: Bind
    second: Bind

    @property
    def solver(self) -> PersistSolver:
        port = self.first.address[1]
        clock = SystemClock()
        return PersistSolver(
            "dns", NameServers(clock=clock, resolver=[self.first.at], port=port), clock
        )

    def present(self, name: str) -> Trace:
        trace = self.solver.trace(parse(name), CHALLENGE)
        self.solver.present(trace, CHALLENGE)
        self.solver.settle([(trace, CHALLENGE)])
        return trace

    def complaint(self, name: str) -> OperatorError:
        with pytest.raises(OperatorError, match="is not there, or does not suffice") as caught:
            self.present(name)
        return caught.value


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    at = two()
    policy = (f"grant {KEY.name} zonesub TXT",)
    with ExitStack() as stack:
        first = Bind(tmp_path / "1", at[0], keys=[KEY], zones=[Zone("a.test", policy, RECORDS, at)])
        rest = tuple(one for one in RECORDS if ".half" not in one)
        second = Bind(tmp_path / "2", at[1], keys=[KEY], zones=[Zone("a.test", policy, rest, at)])
        yield World(stack.enter_context(first), stack.enter_context(second))


@pytest.mark.parametrize("name", ["a.test", "wild.a.test", "*.wild.a.test"])
def test_a_record_that_suffices_everywhere_is_enough(world: World, name: str) -> None:
    trace = world.present(name)
    world.solver.remove(trace)
    world.present(name)


def test_nothing_is_ever_written(world: World) -> None:
    before = world.first.txt("_validation-persist.a.test.")
    trace = world.present("a.test")
    world.solver.remove(trace)
    world.solver.inspect([parse("a.test")])
    assert world.first.txt("_validation-persist.a.test.") == before
    assert "updating zone" not in world.first.words()


def test_it_binds_the_account(world: World) -> None:
    assert world.solver.binds_account
    assert world.solver.types == ("dns-persist-01",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.a.test", GOOD),
        ("*.b.a.test", f"{GOOD}; policy=wildcard"),
        ("else.a.test", GOOD),
    ],
)
def test_a_missing_record_is_told_as_the_line_to_set(world: World, name: str, text: str) -> None:
    error = world.complaint(name)
    owner = f"_validation-persist.{name.removeprefix('*.')}."
    assert error.fault.where == owner
    assert error.fault.remedy.endswith(f': {owner} 3600 IN TXT "{text}"')
    assert len(error.fault.words) == 2


def test_setting_that_line_mends_it(world: World) -> None:
    line = world.complaint("*.b.a.test").fault.remedy
    text = line.split('"')[1]
    for server in (world.first, world.second):
        server.add("_validation-persist.b.a.test.", text)
    world.present("*.b.a.test")


def test_a_record_without_the_policy_is_not_enough_for_a_wildcard(world: World) -> None:
    error = world.complaint("*.a.test")
    assert all("does not allow wildcards" in one for one in error.fault.words)


def test_the_server_that_lacks_the_record_is_named(world: World) -> None:
    (words,) = world.complaint("half.a.test").fault.words
    assert words.startswith(f"ns2.a.test. ([::1]:{world.second.address[1]}): no record names")


def test_the_line_is_for_the_end_of_the_cname_records(world: World) -> None:
    error = world.complaint("alias.a.test")
    assert error.fault.remedy.endswith(f': elsewhere.a.test. 3600 IN TXT "{GOOD}"')


def test_a_server_that_cannot_be_asked_is_named(world: World) -> None:
    world.second.stop()
    (words,) = world.complaint("a.test").fault.words
    assert words.startswith("ns2.a.test.")
    assert "does not answer" in words or "cannot be asked" in words


def test_an_inspection_finds_what_can_be_known_without_an_order(world: World) -> None:
    names = [parse(one) for one in ("a.test", "*.wild.a.test", "*.a.test", "b.a.test", "192.0.2.1")]
    wild, missing = world.solver.inspect(names)
    assert (wild.identifier, missing.identifier) == ("*.a.test", "b.a.test")
    assert "does not allow wildcards" in wild.what
    assert "no record names an authority" in missing.what
    assert "_validation-persist.b.a.test. 3600 IN TXT" in missing.remedy


def test_an_inspection_tells_of_a_zone_that_is_not_found(world: World) -> None:
    (concern,) = world.solver.inspect([parse("b.test")])
    assert concern.code == "dns-lookup-failed"


def test_the_registry_builds_it(world: World) -> None:
    solver = build(
        "dns-persist-01",
        "dns",
        clock=SystemClock(),
        resolver=[world.first.at],
        nameservers=[world.first.at],
    )
    solver.settle([(solver.trace(parse("half.a.test"), CHALLENGE), CHALLENGE)])


def test_a_name_and_its_wildcard_are_asked_for_in_one_record(world: World) -> None:
    both = [world.solver.trace(parse(one), CHALLENGE) for one in ("*.b.a.test", "b.a.test")]
    for traces in (both, both[::-1]):
        with pytest.raises(OperatorError) as caught:
            world.solver.settle([(trace, CHALLENGE) for trace in traces])
        assert f"{GOOD}; policy=wildcard" in caught.value.fault.remedy
