"""What a failing address's diagnosis comes to: observation, fault, history, alert."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.approach import Approach, Pair, StartTls
from everleaf.core.diagnosis import Finding
from everleaf.core.lifecycle import Stage
from everleaf.core.standing import Observation
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.clients import CLIENT_UNTRUSTED
from everleaf.core.symptoms.connection import CONNECTION_REFUSED
from everleaf.core.symptoms.names import NOT_RELOADED, WRONG_VIRTUAL_HOST
from everleaf.core.wanted import Endpoint
from everleaf.errors import Cause, Fault
from support.bench import Bench

REFUSED = Finding(symptom=CONNECTION_REFUSED, what="nothing listens on port 443")
STALE = Finding(symptom=NOT_RELOADED, what="a certificate of last year is served")
HOST, OLD, NEW = "a.example.org", "192.0.2.1", "192.0.2.2"
SENTENCE = f"nothing listens on port 443. {CONNECTION_REFUSED.check}"


def seen(bench: Bench, address: str) -> Observation:
    (one,) = [
        one for one in bench.store.standing("a").observations if one.address == f"{address}:443"
    ]
    return one


def fault(bench: Bench) -> Fault:
    return bench.store.standing("a").troubles[Stage.CONFIRM].fault


@pytest.fixture
def down(bench: Bench) -> Bench:
    """Two edges of one certificate, and one of them is down since."""
    bench.want("a", "one", "two", confirm_every=timedelta(0))
    assert bench.run().failing == ()
    bench.edges.down.add("two")
    bench.diagnostician.findings["two"] = (REFUSED,)
    return bench


def test_a_failing_address_says_by_code_and_sentence_what_is_wrong_with_it(down: Bench) -> None:
    assert down.run().failing == ("a",)
    assert (seen(down, "two").code, seen(down, "two").words) == ("connection-refused", SENTENCE)
    assert (seen(down, "one").code, seen(down, "one").words) == ("", "")


def test_the_fault_the_history_and_the_alert_name_the_cause_at_the_address(down: Bench) -> None:
    down.run()
    cause = Cause(
        endpoint="a.example.org:443", address="two:443", code="connection-refused", words=SENTENCE
    )
    assert fault(down).code == "unconfirmed"
    assert fault(down).causes == (cause,)
    assert fault(down).words == (str(cause),)
    failed = down.store.history("a")[-1].detail
    assert failed["causes"] == "connection-refused"
    assert SENTENCE in failed["fault"]
    (alert,), (about,) = down.alerts.sent, down.alerts.contexts
    assert f"a.example.org:443 at two:443: connection-refused: {SENTENCE}" in alert.what
    told = {
        "endpoint": "a.example.org:443",
        "address": "two:443",
        "code": "connection-refused",
        "words": SENTENCE,
    }
    assert about["faults"] == [
        {
            "stage": "confirm",
            "code": "unconfirmed",
            "text": str(fault(down)),
            "causes": [told],
        }
    ]


def test_what_is_well_again_has_no_cause_any_more(down: Bench) -> None:
    down.run()
    down.edges.down.clear()
    assert down.run().failing == ()
    assert (seen(down, "two").code, seen(down, "two").words) == ("", "")


def test_only_what_fails_is_asked_about_and_once_for_each_look(down: Bench) -> None:
    assert down.diagnostician.asked == []
    down.run()
    (question,) = down.diagnostician.asked
    assert question.addresses == ("two",)
    assert (question.host, question.port, question.brief) == ("a.example.org", 443, True)
    down.run()
    assert [one.addresses for one in down.diagnostician.asked] == [("two",), ("two",)]


def test_a_stale_edge_is_asked_about_when_its_grace_is_over_and_not_before(bench: Bench) -> None:
    bench.want("a", "edge", grace=timedelta(seconds=20))
    bench.run()
    bench.edges.deaf.add("edge")
    bench.diagnostician.findings["edge"] = (STALE,)
    looks, started = bench.edges.looks, bench.clock.now()
    assert bench.run(force=True).failing == ("a",)
    assert bench.edges.looks > looks + 10
    assert len(bench.diagnostician.asked) == 1
    assert seen(bench, "edge").code == "not-reloaded"
    assert bench.clock.now() - started >= timedelta(seconds=20)


def test_the_diagnostician_is_told_what_is_expected_how_to_get_there_and_who_is_trusted(
    bench: Bench,
) -> None:
    approach = Approach(starttls=StartTls.SMTP)
    client = Pair(certificate=Path("client.pem"), key=Path("client.key"))
    endpoint = Endpoint(
        host="mail.example.org", port=25, addresses=("edge",), approach=approach, client=client
    )
    bench.want("a", "edge", endpoints=(endpoint,))
    bench.edges.down.add("edge")
    bench.run()
    (question,) = bench.diagnostician.asked
    assert (question.host, question.port, question.addresses) == ("mail.example.org", 25, ("edge",))
    assert (question.approach, question.client) == (approach, client)
    live = bench.shelf.holding(bench.wanted["a"]).live_version
    assert live is not None
    assert question.expected.chain == bench.on_disk("a")
    assert question.expected.installed_at == live.installed_at
    assert live.id in question.expected.source
    assert [one.roots for one in question.stores] == [bench.ca.hierarchy.roots]


def test_the_first_fault_has_the_word_and_the_others_are_named(down: Bench) -> None:
    later = Finding(symptom=WRONG_VIRTUAL_HOST, what="another host answers")
    down.diagnostician.findings["two"] = (later, REFUSED)
    down.run()
    assert seen(down, "two").code == "connection-refused"
    assert "1 more: wrong-virtual-host" in seen(down, "two").words


def test_a_diagnosis_that_fails_changes_nothing_about_the_outcome(down: Bench) -> None:
    down.diagnostician.faults.append(ValueError("a bug of ours"))
    assert down.run().failing == ("a",)
    assert fault(down).code == "unconfirmed"
    one = seen(down, "two")
    assert (one.sight, one.code) == ("unreachable", "")
    assert one.words == "connection refused: nothing listens there"
    assert any("a bug of ours" in str(fields) for _, _, fields in down.events.lines)


def test_a_healthy_diagnosis_does_not_hide_what_was_seen(down: Bench) -> None:
    down.diagnostician.findings.clear()
    assert down.run().failing == ("a",)
    assert "nothing listens there" in seen(down, "two").words


def test_an_optional_address_is_explained_and_does_not_fail(bench: Bench) -> None:
    endpoint = Endpoint(host="a.example.org", addresses=("edge",), optional=True)
    bench.want("a", "edge", endpoints=(endpoint,))
    bench.edges.down.add("edge")
    bench.diagnostician.findings["edge"] = (REFUSED,)
    assert bench.run().failing == ()
    assert seen(bench, "edge").code == "connection-refused"


def test_a_name_without_an_address_has_its_code_and_nobody_is_asked(bench: Bench) -> None:
    bench.want("a", "edge", endpoints=(Endpoint(host="nowhere.example.org"),))
    assert bench.run().failing == ("a",)
    (one,) = bench.store.standing("a").observations
    assert (one.sight, one.code) == ("unresolved", "unresolved")
    assert fault(bench).causes[0].address == ""
    assert bench.diagnostician.asked == []


def test_what_cannot_be_reached_over_quic_is_not_explained_by_a_look_over_tcp(bench: Bench) -> None:
    endpoint = Endpoint(host=HOST, addresses=("edge",), approach=Approach(http3=True))
    bench.want("a", "edge", endpoints=(endpoint,))
    bench.edges.down.add("edge")
    bench.diagnostician.findings["edge"] = (REFUSED,)
    assert bench.run().failing == ("a",)
    assert seen(bench, "edge").code == ""


def test_a_run_that_is_at_its_end_makes_no_diagnosis(down: Bench) -> None:
    down.clock.turn(hours=1)
    down.clock.deadline = down.clock.now() + timedelta(seconds=1.5)
    down.run()
    assert down.diagnostician.asked == []
    assert fault(down).code == "unconfirmed"


def test_a_refused_client_is_told_why_it_was_refused_whatever_else_is_wrong_there(
    bench: Bench,
) -> None:
    one = bench.want("a", "edge")
    present = tuple(replace(each, present=True) for each in one.endpoints)
    bench.want("a", "edge", endpoints=present)
    bench.edges.strict.add("edge")
    expired = Finding(symptom=Symptom(code="x", rank=1, meaning="", check=""), what="it is over")
    untrusted = Finding(symptom=CLIENT_UNTRUSTED, what="it does not know the issuer")
    bench.diagnostician.findings["edge"] = (expired, untrusted)
    assert bench.run().failing == ("a",)
    assert seen(bench, "edge").code == "client-certificate-untrusted"
    (question,) = bench.diagnostician.asked
    assert question.expected.chain == ()
    assert question.stores == ()
    assert question.client is not None
    assert question.client.key == Path(bench.shelf.live_path("a"), "privkey.pem")


# -- a name that leads elsewhere -----------------------------------------------------------------


@pytest.fixture
def named(bench: Bench) -> Bench:
    """One edge, found by its name, and well; then the name leads elsewhere."""
    bench.want("a", OLD, endpoints=(Endpoint(host=HOST),), confirm_every=timedelta(0))
    bench.resolver.known = {HOST: (OLD,)}
    assert bench.run().failing == ()
    bench.edges.down.add(NEW)
    bench.diagnostician.findings[NEW] = (REFUSED,)
    bench.resolver.known = {HOST: (NEW,)}
    return bench


def test_a_new_address_that_fails_while_the_old_one_is_well_is_a_wrong_address(
    named: Bench,
) -> None:
    assert named.run().failing == ("a",)
    one = seen(named, NEW)
    assert one.code == "wrong-address"
    assert f"no more to {OLD}" in one.words
    assert "1 more: connection-refused" in one.words
    assert named.run().failing == ("a",)
    named.clock.turn(hours=2)
    named.run()
    assert seen(named, NEW).code == "wrong-address", "also of later looks"
    named.resolver.known = {HOST: (OLD,)}
    named.clock.turn(hours=2)
    assert named.run().failing == ()


def test_a_new_address_is_no_wrong_one_where_the_old_one_is_not_well_either(named: Bench) -> None:
    named.edges.down.add(OLD)
    named.run()
    assert seen(named, NEW).code == "connection-refused"


def test_an_address_that_came_beside_the_old_ones_is_no_wrong_one(named: Bench) -> None:
    named.resolver.known = {HOST: (NEW, OLD)}
    named.run()
    assert seen(named, NEW).code == "connection-refused"


def test_an_old_address_that_fails_is_no_wrong_one(bench: Bench) -> None:
    bench.want("a", OLD, NEW, endpoints=(Endpoint(host=HOST),), confirm_every=timedelta(0))
    bench.resolver.known = {HOST: (OLD, NEW)}
    assert bench.run().failing == ()
    bench.resolver.known = {HOST: (OLD,)}
    bench.edges.down.add(OLD)
    bench.diagnostician.findings[OLD] = (REFUSED,)
    bench.run()
    assert seen(bench, OLD).code == "connection-refused"


def test_an_ipv6_address_is_known_without_port_and_brackets(bench: Bench) -> None:
    bench.want("a", "2001:db8::1", endpoints=(Endpoint(host=HOST),))
    bench.resolver.known = {HOST: ("2001:db8::1",)}
    assert bench.run().failing == ()
    assert bench.store.standing("a").reached == {f"{HOST}:443": ("2001:db8::1",)}


def test_listed_addresses_are_not_those_of_dns(bench: Bench) -> None:
    bench.want("a", "one", "two", confirm_every=timedelta(0))
    assert bench.run().failing == ()
    one = bench.wanted["a"]
    moved = replace(one.endpoints[0], addresses=("three",), terminator="one")
    bench.wanted["a"] = replace(one, endpoints=(moved,))
    bench.edges.down.add("three")
    bench.diagnostician.findings["three"] = (REFUSED,)
    bench.run()
    assert seen(bench, "three").code == "connection-refused"
