"""The addresses of one name beside each other."""

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.chain import EXPIRED, ROOT_SENT
from everleaf.core.symptoms.connection import NO_ROUTE, TIMED_OUT
from everleaf.tls.diagnosing.seen import Seen
from everleaf.tls.diagnosing.together import compared, located
from everleaf.tls.handshake import Shake

GOOD = Shake(chain=(b"leaf",))


def seen(address: str, *symptoms: Symptom, main: Shake = GOOD) -> Seen:
    found = tuple(Finding(symptom=one, what="it is so") for one in symptoms)
    return Seen(address=address, main=main, findings=found)


def odd(*addresses: Seen) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.code, one.where) for one in compared(addresses)]


def test_one_address_alone_differs_from_nothing() -> None:
    assert odd(seen("a", EXPIRED)) == []


def test_the_one_that_is_not_as_most_are_is_named() -> None:
    assert odd(seen("a"), seen("b", EXPIRED), seen("c")) == [("address-differs", ("b",))]


def test_of_two_the_healthy_one_is_as_it_should_be() -> None:
    assert odd(seen("a", EXPIRED), seen("b")) == [("address-differs", ("a",))]


def test_a_healthy_one_among_failing_ones_differs_as_well() -> None:
    found = compared([seen("a", EXPIRED), seen("b"), seen("c", EXPIRED)])
    assert [(one.where, one.what) for one in found] == [
        (("b",), "unlike the other addresses, b does not show expired")
    ]


def test_notices_make_no_address_differ() -> None:
    assert odd(seen("a", ROOT_SENT), seen("b")) == []


def test_different_certificates_that_are_all_good_are_a_notice() -> None:
    (one,) = compared([seen("a"), seen("b", main=Shake(chain=(b"other",)))])
    assert one.code == "certificates-differ"
    assert not one.is_fault


def test_an_address_without_a_way_there_is_left_out() -> None:
    nowhere = seen("c", NO_ROUTE, main=Shake(code=NO_ROUTE.code))
    assert odd(seen("a"), seen("b"), nowhere) == []
    codes = [one.code for one in located([seen("a"), nowhere])]
    assert codes == ["no-route-from-here"]


def test_where_there_is_a_way_to_no_address_it_is_a_fault() -> None:
    nowhere = seen("c", NO_ROUTE, main=Shake(code=NO_ROUTE.code))
    assert [one.code for one in located([nowhere])] == ["no-route"]
    late = seen("a", TIMED_OUT, main=Shake(code=TIMED_OUT.code))
    assert [one.code for one in located([late, nowhere])] == ["timed-out", "no-route-from-here"]
