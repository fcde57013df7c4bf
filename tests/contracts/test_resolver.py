"""What every `Resolver` keeps: DNS from a name server of the test's own, and the fake."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from everleaf.core.caa import CaaRecord
from everleaf.errors import EndOfTimeError, EverleafError
from everleaf.ports import Resolver
from everleaf.system.clock import SystemClock
from everleaf.tls.printing import printed
from everleaf.tls.resolver import DnsResolver
from fakes.names import MemoryResolver
from support.loopback import free, written

RECORDS = {
    "both.a.test": ("192.0.2.7", "192.0.2.1", "2001:db8::1"),
    "four.a.test": ("192.0.2.9",),
    "six.a.test": ("2001:db8::2",),
}


CAA = {
    "a.test": ('0 issue "ca.example; accounturi=https://ca.example/a"', '128 iodef "mailto:a"'),
    "own.a.test": ('0 issue ";"',),
}


class NameServer:
    """Answers A and AAAA from a dictionary, over UDP. `code` instead, where it is set."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.code: int | None = None

    def serve(self) -> None:
        while True:
            wire, sender = self._line.recvfrom(4096)
            if not wire:
                return
            self._line.sendto(self.answer(dns.message.from_wire(wire)).to_wire(), sender)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
        found = RECORDS.get(name, ())
        mine = [one for one in found if (":" in one) == (kind == dns.rdatatype.AAAA)]
        if self.code is not None:
            response.set_rcode(dns.rcode.Rcode(self.code))
        elif kind == dns.rdatatype.CAA:
            texts = CAA.get(name, ())
            if texts:
                rrset = dns.rrset.from_text_list(question.name, 60, "IN", kind, texts)
                response.answer.append(rrset)
        elif not found and name != "empty.a.test":
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif mine:
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, mine))
        return response


@contextmanager
def name_server() -> Iterator[tuple[NameServer, str]]:
    address = free()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(address)
        one = NameServer(line)
        thread = threading.Thread(target=one.serve, daemon=True)
        thread.start()
        try:
            yield one, written(address)
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(b"", address)
            thread.join(10)


@contextmanager
def real() -> Iterator[Resolver]:
    with name_server() as (_, address):
        yield DnsResolver([address])


@contextmanager
def memory() -> Iterator[Resolver]:
    policies = {
        name: tuple(
            CaaRecord(flags=int(flags), tag=tag, value=value.strip('"'))
            for flags, tag, value in (text.split(" ", 2) for text in texts)
        )
        for name, texts in CAA.items()
    }
    yield MemoryResolver(RECORDS, policies, {"printf": RECORDS["both.a.test"]})


@pytest.fixture(params=[real, memory])
def resolver(request: pytest.FixtureRequest) -> Iterator[Resolver]:
    enter: Callable[[], contextmanager[Resolver]] = request.param  # type: ignore[valid-type]
    with enter() as one:  # type: ignore[attr-defined]
        yield one


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_all_addresses_of_both_kinds_are_found_sorted(resolver: Resolver, name: str) -> None:
    assert resolver.addresses(name) == tuple(sorted(RECORDS[name]))


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_is_its_own_answer(resolver: Resolver, address: str) -> None:
    assert resolver.addresses(address) == (address,)


def test_addresses_that_a_program_prints_are_sorted_and_each_once(resolver: Resolver) -> None:
    text = "\\n ".join((*RECORDS["both.a.test"], "2001:db8:0::1"))
    assert resolver.printed(["printf", text]) == tuple(sorted(RECORDS["both.a.test"]))


@pytest.mark.parametrize("name", ["nowhere.a.test", "empty.a.test"])
def test_a_name_without_addresses_is_a_fault_that_names_it(resolver: Resolver, name: str) -> None:
    with pytest.raises(EverleafError, match=name) as caught:
        resolver.addresses(name)
    assert caught.value.fault.code == "unresolved"
    assert caught.value.fault.remedy


@pytest.mark.parametrize("name", ["a.test", "b.a.test", "x.nowhere.a.test"])
def test_caa_records_are_found_by_climbing_to_the_closest_name(
    resolver: Resolver, name: str
) -> None:
    found = resolver.caa(name)
    assert found.at == "a.test"
    assert {str(one) for one in found.records} == {f"CAA {text}" for text in CAA["a.test"]}


def test_a_closer_record_set_hides_those_above(resolver: Resolver) -> None:
    found = resolver.caa("x.own.a.test")
    assert found.at == "own.a.test"
    assert [str(one) for one in found.records] == ['CAA 0 issue ";"']


def test_a_name_without_caa_records_up_to_the_top_allows_everybody(resolver: Resolver) -> None:
    assert resolver.caa("www.b.example").records == ()


def test_caa_records_that_cannot_be_had_are_a_fault() -> None:
    with name_server() as (server, address):
        server.code = dns.rcode.SERVFAIL
        with pytest.raises(EverleafError, match=r"CAA records of www\.a\.test"):
            DnsResolver([address]).caa("www.a.test")


def test_a_name_server_that_fails_is_told_apart_from_a_missing_name() -> None:
    with name_server() as (server, address):
        server.code = dns.rcode.SERVFAIL
        with pytest.raises(EverleafError, match="cannot be looked up") as caught:
            DnsResolver([address]).addresses("four.a.test")
    assert address.rpartition(":")[0] in str(caught.value.fault.words)


def test_the_second_server_is_asked_where_the_first_is_down() -> None:
    with name_server() as (_, address):
        assert DnsResolver([written(free()), address]).addresses("four.a.test") == ("192.0.2.9",)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("exit 3", "failed with status 3"),
        ("true", "prints no address"),
        ("echo 192.0.2.1; echo www.a.test", "prints 'www.a.test', which is no address"),
        ("echo 192.0.2.1; echo careful >&2", "prints 'careful'"),
        ("yes 192.0.2.1 | head -n 2000", "prints more than"),
        ("/no/such/program", "failed with status 127"),
    ],
)
def test_a_program_that_prints_no_addresses_is_a_fault(script: str, what: str) -> None:
    with pytest.raises(EverleafError, match=what) as caught:
        DnsResolver().printed(["sh", "-c", script])
    assert caught.value.fault.code == "unresolved"
    assert caught.value.fault.remedy


def test_a_program_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(EverleafError, match="cannot be executed"):
        DnsResolver().printed(["/no/such/program"])


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started() -> None:
    clock = SystemClock()
    with pytest.raises(EverleafError, match="was ended after"):
        printed(["sh", "-c", "sleep 60 & sleep 60"], clock, limit=0.2)


def test_a_program_is_ended_with_the_run() -> None:
    clock = SystemClock()
    clock.stop()
    with pytest.raises(EndOfTimeError):
        DnsResolver(clock=clock).printed(["sleep", "60"])


def test_a_program_knows_little_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "192.0.2.66")
    with pytest.raises(EverleafError, match="prints no address"):
        DnsResolver().printed(["sh", "-c", 'echo "$SECRET"'])
