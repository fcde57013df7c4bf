"""Links in header fields: RFC 8288, with what authorities and proxies make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.ca.answer import Answer
from everleaf.ca.links import targets
from everleaf.errors import AuthorityError

URL = "https://ca.test/cert/1"


@pytest.mark.rule("ACME-7")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], []),
        (['<https://ca.test/dir>;rel="index"'], []),
        (['</cert/1/1>;rel="alternate"'], ["/cert/1/1"]),
        (["<a>; rel=alternate", '<b>;rel="alternate"'], ["a", "b"]),
        (['<a>;rel="alternate", <b> ; rel = alternate'], ["a", "b"]),
        (["<a>;rel=alternate", "<a>;rel=alternate"], ["a"]),
        (['<a>;title="x, <y>; rel=alternate";rel=up'], []),
        (['<a>;title="\\"";REL="next Alternate"'], ["a"]),
        (["<a>;rel=alternate;rel=up", "<b>;rel=up;rel=alternate"], ["a"]),
        (['<a>;rel=alternate;anchor="#other"'], []),
        (["<a,b>;rel=alternate"], ["a,b"]),
        (["<a>;crossorigin;rel=alternate"], ["a"]),
        (["<a>;title*=UTF-8'de'x;rel=alternate"], ["a"]),
        (["garbage, <a>;rel=alternate", "<b", ",,", '<c>;rel="alternate'], ["a"]),
        (["<a>", "<b>;rel"], []),
    ],
)
def test_links_are_found_by_their_relation(fields: list[str], expected: list[str]) -> None:
    assert list(targets(fields, "alternate")) == expected


@given(st.lists(st.text(alphabet="<>;,=\"\\ arel*t'", max_size=60), max_size=3))
def test_whatever_a_field_holds_a_target_is_what_stands_in_brackets(fields: list[str]) -> None:
    for target in targets(fields, "rel"):
        assert any(f"<{target}>" in one for one in fields)


@pytest.mark.rule("ACME-7")
def test_a_relative_url_is_one_of_the_answers_origin_and_stands_there_once() -> None:
    links = ('</cert/1/1>;rel="alternate"', f'<{URL}/1>;rel="alternate"')
    answer = Answer(url=URL, status=200, links=links)
    assert answer.linked("alternate", "x") == ("https://ca.test/cert/1/1",)


def test_a_target_that_is_no_url_is_the_authoritys_fault() -> None:
    answer = Answer(url=URL, status=200, links=("<https://[>;rel=alternate",))
    with pytest.raises(AuthorityError, match="no URL"):
        answer.linked("alternate", "hand out the certificate")
