"""Which chain is meant: by the issuer's common name or the root's fingerprint."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.pki.certificates import to_pem
from everleaf.pki.preferred import fingerprint, leads_to, topmost
from support.forge import Plan, authority, der, root

ROOT, INTERMEDIATE, LEAF = root(), authority(), Plan().make()
CHAIN = to_pem(der(LEAF)) + to_pem(der(INTERMEDIATE))
DIGEST = ROOT.fingerprint(SHA256()).hex()


def test_a_chain_is_found_by_the_common_name_of_its_topmost_issuer() -> None:
    assert topmost(CHAIN) == "Root"
    assert leads_to(CHAIN, "Root", ())
    assert not leads_to(CHAIN, "Intermediate", ())
    assert not leads_to(CHAIN, "Roo", ())


@pytest.mark.parametrize(
    "written",
    [DIGEST, DIGEST.upper(), ":".join([DIGEST[:2], DIGEST[2:]])],
    ids=["bare", "capitals", "colons"],
)
def test_a_chain_is_found_by_the_fingerprint_of_a_trusted_root(written: str) -> None:
    assert leads_to(CHAIN, written, [der(ROOT)])
    assert not leads_to(CHAIN, written, [])
    assert not leads_to(CHAIN, "00" * 32, [der(ROOT)])


def test_a_root_that_was_sent_counts_as_well() -> None:
    assert leads_to(CHAIN + to_pem(der(ROOT)), DIGEST, [])
    assert leads_to(CHAIN + ROOT.public_bytes(Encoding.PEM), "Root", [])


def test_what_is_no_fingerprint_is_a_name() -> None:
    assert fingerprint("ISRG Root X1") == ""
    assert fingerprint("ab" * 31) == ""
