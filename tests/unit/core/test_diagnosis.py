"""A diagnosis in one sentence; findings in the order in which they are told."""

from dataclasses import replace

from everleaf.core.diagnosis import Diagnosis, Finding, ranked
from everleaf.core.symptoms import Symptom, Weight
from everleaf.core.symptoms.table import ALL

FIRST = Symptom(code="first", rank=1, meaning="It is first.", check="Check the first")
SECOND = Symptom(code="second", rank=2, meaning="It is second.", check="Check the second")
NOTICE = replace(SECOND, code="notice", rank=99, weight=Weight.NOTICE)
FACTS: dict[str, object] = {"192.0.2.1": {}, "192.0.2.2": {}}


def finding(symptom: Symptom, what: str = "it is so", *where: str) -> Finding:
    return Finding(symptom=symptom, what=what, where=where)


def test_the_lowest_rank_is_told_first() -> None:
    found = ranked([finding(NOTICE), finding(SECOND), finding(FIRST)])
    assert [one.code for one in found] == ["first", "second", "notice"]


def test_what_is_found_at_two_places_is_one_finding() -> None:
    found = ranked([finding(FIRST, "x", "a"), finding(FIRST, "x", "b"), finding(FIRST, "y", "a")])
    assert [(one.what, one.where) for one in found] == [("x", ("a", "b")), ("y", ("a",))]


def test_notices_make_nothing_unhealthy() -> None:
    diagnosis = Diagnosis(place="h:1", findings=(finding(NOTICE),))
    assert diagnosis.is_healthy
    assert diagnosis.sentence == "h:1 is healthy"


def test_the_sentence_says_what_and_what_to_check_first() -> None:
    diagnosis = Diagnosis(place="h:1", findings=(finding(FIRST), finding(NOTICE)))
    assert diagnosis.sentence == "h:1: it is so. Check the first"


def test_the_sentence_names_further_faults_each_code_once() -> None:
    more = (finding(FIRST), finding(SECOND, "x"), finding(SECOND, "y"), finding(NOTICE))
    assert Diagnosis(place="h:1", findings=more).sentence.endswith(" (and 1 more: second)")


def test_the_sentence_names_the_address_where_it_is_not_so_at_all_of_them() -> None:
    one = Diagnosis(place="h:1", findings=(finding(FIRST, "x", "192.0.2.2"),), facts=FACTS)
    assert one.sentence == "h:1 at 192.0.2.2: x. Check the first"
    both = replace(one, findings=(finding(FIRST, "x", *FACTS),))
    assert both.sentence == "h:1: x. Check the first"


def test_codes_are_told_apart_and_every_row_says_what_to_do() -> None:
    assert len({one.code for one in ALL}) == len(ALL)
    for one in ALL:
        assert one.meaning.endswith("."), one.code
        assert not one.check.endswith("."), one.code
