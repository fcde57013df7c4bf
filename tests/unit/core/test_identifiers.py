"""Names and addresses as people write them, and what goes on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.identifiers import Identifier, Kind, key_of, parse
from everleaf.errors import OperatorError

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "test"]))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("WWW.Example.org.", Kind.DNS, "www.example.org"),
        ("*.example.org", Kind.DNS, "*.example.org"),
        ("bücher.example", Kind.DNS, "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", Kind.DNS, "xn--bcher-kva.example"),
        ("192.0.2.1", Kind.IP, "192.0.2.1"),
        ("2001:0DB8::0001", Kind.IP, "2001:db8::1"),
        ("[::1]", Kind.IP, "::1"),
    ],
)
def test_a_name_or_an_address_is_read(text: str, kind: Kind, value: str) -> None:
    assert parse(text) == Identifier(kind, value)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "a..b", "-a.example", "a-.example", "under_score.example", "a.*.example",
     "http://a.example", "a.example:443", "1.2.3.4.5", f"{'a' * 64}.example",
     ".".join(["abcdefghi"] * 26), "a b.example", "ex\u200dample.org"],
)  # fmt: skip
def test_what_is_neither_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse(text)
    assert caught.value.fault.remedy


@given(NAME)
def test_reading_what_was_read_changes_nothing(name: str) -> None:
    once = parse(name)
    assert parse(once.value) == once


@given(st.lists(NAME, min_size=1, max_size=5))
def test_a_set_of_identifiers_has_one_key_whatever_its_order(names: list[str]) -> None:
    identifiers = [parse(name) for name in names]
    assert key_of(identifiers) == key_of([*reversed(identifiers), *identifiers])
    assert key_of(identifiers) != key_of([*identifiers, parse("another.invalid")])
