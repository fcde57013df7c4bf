"""`everleaf diagnose --chain`: what is wrong with a chain in files, before a server has it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate

from everleaf.core.diagnosis import Diagnosis, Finding, ranked
from everleaf.core.symptoms.chain import KEY_MISMATCH
from everleaf.errors import OperatorError
from everleaf.pki.certificates import is_certificate, read, split
from everleaf.pki.judging import judge
from everleaf.pki.judging.facts import facts
from everleaf.pki.judging.names import names_of
from everleaf.pki.judging.order import leaf_of
from everleaf.pki.keys import public_bytes
from everleaf.system.clock import SystemClock
from everleaf.system.trust import stores

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def diagnosis(chain: Path, key: Path | None, root: Path | None, name: str | None) -> Diagnosis:
    """Judge a chain's file as a server would send it.

    Args:
        chain: PEM, leaf first.
        key: the leaf's, PEM, not encrypted; None: that is not looked at.
        root: the roots that decide, PEM; None: the system's decide, beside Mozilla's.
        name: that the leaf must be for; None: names are not judged.

    Raises:
        OperatorError: a file cannot be read, or does not hold what it should.
    """
    ders = _certificates(chain)
    trusted = stores(root)
    if root is not None and not any(map(is_certificate, trusted[0].roots)):
        raise _bad(root, "the root holds no certificate that can be read", "Name a PEM file")
    found = list(judge(ders, name or "", trusted, SystemClock().now()))
    if key is not None:
        found += _mismatch(key, _public(key), ders)
    return Diagnosis(
        place=str(chain),
        findings=ranked(found),
        facts={"certificates": [facts(der) for der in ders]},
    )


def _certificates(path: Path) -> tuple[bytes, ...]:
    """Those of the file, DER, of which one at least can be read."""
    text = _read(path, "chain")
    ders = split(text)
    if len(ders) != text.count(_BEGIN):
        raise _bad(
            path, "the chain is cut off within a certificate", "Copy the file once more, whole"
        )
    if not ders and is_certificate(text):
        remedy = "Servers read PEM: `openssl x509 -inform der -in FILE` makes it of DER"
        raise _bad(path, "the chain is DER, not PEM", remedy)
    if not ders and _KEY.search(text):
        raise _bad(
            path, "the chain holds a private key and no certificate", "Name the chain's file"
        )
    if not any(map(is_certificate, ders)):
        raise _bad(
            path, "the chain holds no certificate that can be read", "Name a chain's file, PEM"
        )
    return ders


def _read(path: Path, what: str) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"the {what} cannot be read: {error.strerror}"
        raise _bad(path, why, "Check the path, and its permissions") from error
    if not text.strip():
        raise _bad(
            path, f"the {what} is empty", "Check what wrote it, and whether the disk is full"
        )
    return text


def _public(path: Path) -> bytes:
    """The public half of a private key's file; its text is never repeated."""
    block = _KEY.search(_read(path, "key"))
    if block is None:
        raise _bad(path, "the key is no private key as PEM", "Name the key's file")
    try:
        return public_bytes(load_pem_private_key(block.group(), password=None).public_key())
    except TypeError:
        what, remedy = "the key is encrypted", "Give `--key` a file that `openssl pkey` decrypted"
    except (ValueError, UnsupportedAlgorithm) as error:
        what, remedy = f"the key cannot be read ({type(error).__name__})", "Copy it again, whole"
    raise _bad(path, what, remedy)


def _mismatch(path: Path, public: bytes, ders: Sequence[bytes]) -> Iterator[Finding]:
    """The key is not the leaf's; where the first certificate is unreadable, nobody can tell."""
    if not is_certificate(ders[0]):
        return
    sent, _ = read(ders)
    leaf = leaf_of(sent)
    if public_bytes(leaf.public_key()) == public:
        return
    others = (one for one in sent if public_bytes(one.public_key()) == public)
    other = next((one.subject.rfc4514_string() for one in others), "")
    rather = f", but to {other!r}" if other else ", nor to any other certificate of the chain"
    yield Finding(
        symptom=KEY_MISMATCH,
        what=f"the key in {path} does not belong to the leaf {_called(leaf)}{rather}",
        detail={"key": str(path), "subject": leaf.subject.rfc4514_string(), "belongs_to": other},
    )


def _called(leaf: Certificate) -> str:
    dns, addresses = names_of(leaf)
    return next(iter((*dns, *addresses)), "") or repr(leaf.subject.rfc4514_string())


def _bad(path: Path, what: str, remedy: str) -> OperatorError:
    return OperatorError(what, code="bad-file", where=str(path), remedy=remedy)
