"""Owner names and values of validations by DNS, by vectors and by the acme library."""

import pytest
from acme.challenges import DNS01
from cryptography.hazmat.primitives.asymmetric import rsa
from josepy.jwk import JWKRSA

from everleaf.challenges import labels
from everleaf.core.identifiers import parse

ACCOUNT = "https://example.com/acme/acct/ExampleAccount"


@pytest.mark.parametrize("name", ["example.org", "*.example.org"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("dns-01", "_acme-challenge.example.org."),
        # The draft's own example.
        ("dns-account-01", "_ujmmovf2vn55tgye._acme-challenge.example.org."),
        ("dns-persist-01", "_validation-persist.example.org."),
    ],
)
def test_the_owner_of_a_wildcard_is_that_of_its_base_name(
    name: str, kind: str, expected: str
) -> None:
    assert labels.owner(kind, parse(name), ACCOUNT) == expected


def test_another_account_has_another_label() -> None:
    one, other = (labels.account_label(f"{ACCOUNT}{number}") for number in (1, 2))
    assert one != other
    assert len(one) == len(other) == 17


def test_the_value_is_what_the_acme_library_computes() -> None:
    key = JWKRSA(key=rsa.generate_private_key(65537, 2048))
    challenge = DNS01(token=b"0123456789abcdef")
    assert labels.value(challenge.key_authorization(key)) == challenge.validation(key)


def test_a_line_of_a_zone_file_has_strings_of_255_bytes_at_most() -> None:
    text = "x" * 255 + 'y"z\\'
    written = labels.line("a.test.", text, 60)
    assert written == f'a.test. 60 IN TXT "{"x" * 255}" "y\\"z\\\\"'
