"""CAA records: who may issue, for which account, validated how (RFC 8659, RFC 8657)."""

import pytest

from everleaf.core.caa import Caa, CaaRecord, binds_account, parse, refusal

ACCOUNT = "https://ca.test/acct/1"


def caa(*records: str, at: str = "example.org") -> Caa:
    found = []
    for record in records:
        flags, tag, value = record.split(" ", 2)
        found.append(CaaRecord(flags=int(flags), tag=tag, value=value.strip('"')))
    return Caa(at=at, records=tuple(found))


def why(known: Caa, *, wildcard: bool = False, methods: tuple[str, ...] = ("http-01",)) -> str:
    return refusal(
        known, identities=("ca.test",), wildcard=wildcard, account=ACCOUNT, methods=methods
    )


@pytest.mark.parametrize(
    "records",
    [
        (),
        ('0 issue "ca.test"',),
        ('0 issue "CA.TEST."',),
        ('0 issue "other.test"', '0 issue "ca.test"'),
        ('0 iodef "mailto:ops@example.org"',),
        ('0 issuewild ";"',),
        (f'0 issue "ca.test; accounturi={ACCOUNT}"',),
        ('0 issue "ca.test; validationmethods=dns-01,http-01"',),
        ('0 issue " ca.test ;  unknown = x ; "',),
        ('0 issuemail ";"', '128 contactemail "ops@example.org"'),
        ('0 somethingelse "x"',),
    ],
)
def test_what_allows_the_authority(records: tuple[str, ...]) -> None:
    assert why(caa(*records)) == ""


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (('0 issue ";"',), "allows nobody"),
        (('0 issue ""',), "allows nobody"),
        (('0 issue "other.test"',), "allows other.test"),
        (('0 issue "ca.test; %%%%%"',), "cannot be understood"),
        (
            ('0 issue "ca.test; accounturi=https://ca.test/acct/2"',),
            "ours is https://ca.test/acct/1",
        ),
        (('0 issue "ca.test; validationmethods=dns-01"',), "by dns-01 only"),
        (('128 future "x"', '0 issue "ca.test"'), "critical"),
    ],
)
def test_what_forbids_it_names_the_record_and_the_place(
    records: tuple[str, ...], words: str
) -> None:
    said = why(caa(*records))
    assert words in said
    assert said.startswith("example.org")
    assert "CAA" in said


def test_a_wildcard_has_a_property_of_its_own_which_takes_precedence() -> None:
    both = caa('0 issue "ca.test"', '0 issuewild "other.test"')
    assert why(both) == ""
    assert "allows other.test" in why(both, wildcard=True)
    assert why(caa('0 issue "other.test"', '0 issuewild "ca.test"'), wildcard=True) == ""
    assert why(caa('0 issue "ca.test"'), wildcard=True) == ""


def test_an_authority_whose_names_are_not_known_is_not_judged() -> None:
    known = caa('0 issue "other.test"')
    assert refusal(known, identities=(), wildcard=False, account="", methods=()) == ""


def test_an_account_that_is_not_known_yet_is_not_judged() -> None:
    known = caa('0 issue "ca.test; accounturi=https://ca.test/acct/2"')
    found = refusal(
        known, identities=("ca.test",), wildcard=False, account="", methods=("http-01",)
    )
    assert found == ""


def test_records_that_bind_one_account_are_known() -> None:
    assert binds_account(caa('0 issue "ca.test; accounturi=x"'))
    assert not binds_account(caa('0 issue "ca.test"', '0 iodef "accounturi=x"'))


def test_parameters_are_read_whatever_their_case_and_space() -> None:
    found = parse("Ca.Test ; AccountURI = https://x/1 ; validationmethods=dns-01")
    assert found is not None
    assert found.domain == "ca.test"
    assert found.parameters == {"accounturi": "https://x/1", "validationmethods": "dns-01"}
