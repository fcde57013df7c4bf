"""What a directory says beyond its resources; nothing odd in it does harm."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.ca.answer import Answer
from everleaf.ca.directory import Directory, parse_directory

RESOURCES = {"newNonce": "/n", "newAccount": "/a", "newOrder": "/o"}


def read(**more: object) -> Directory:
    body = json.dumps({**RESOURCES, **more}).encode()
    return parse_directory(Answer(url="https://ca.test/dir", status=200, body=body))


def test_all_that_it_offers_is_read() -> None:
    directory = read(
        revokeCert="/revoke",
        keyChange="https://ca.test/key",
        meta={
            "website": "https://www.ca.test",
            "caaIdentities": ["CA.test.", "ca.example"],
            "profiles": {"classic": "https://ca.test/profiles#classic", "short": "six days"},
            "externalAccountRequired": True,
        },
    )
    assert directory.revoke_cert == "https://ca.test/revoke"
    assert directory.key_change == "https://ca.test/key"
    assert directory.website == "https://www.ca.test"
    assert directory.caa_identities == ("ca.test", "ca.example")
    assert directory.profiles == {
        "classic": "https://ca.test/profiles#classic",
        "short": "six days",
    }
    assert directory.external_account_required


@pytest.mark.rule("ACME-14")
def test_what_it_does_not_offer_is_absent() -> None:
    directory = read()
    assert (directory.revoke_cert, directory.key_change) == (None, None)
    assert (directory.website, directory.caa_identities) == ("", ())
    assert directory.profiles == {}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(website=ODD, identities=ODD, profiles=ODD)
def test_whatever_stands_there_comes_out_as_text(
    website: object, identities: object, profiles: object
) -> None:
    meta = {"website": website, "caaIdentities": identities, "profiles": profiles}
    directory = read(meta=meta)
    found = [directory.website, *directory.caa_identities, *directory.profiles.values()]
    assert all(isinstance(one, str) for one in found)
