"""`diagnose --chain`: a chain, its key and its root in files, judged before a server has them."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from everleaf.cli.diagnose_chain import diagnosis
from everleaf.core.diagnosis import Diagnosis
from everleaf.errors import OperatorError
from everleaf.pki.certificates import to_pem
from support import lineage
from support.forge import DAY, der, key, pem_of, rsa_key
from support.lineage import NAME, Link, bundle, openssl
from support.shell import Everleaf

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SECRET = b"correct horse battery staple"


def leaf(**changes: Any) -> Link:
    return Link(**{"start": START, "end": START + 90 * DAY, **changes})


def authority(number: int, **changes: Any) -> Link:
    return lineage.authority(number, **{"start": START, "end": START + 900 * DAY, **changes})


MIDDLE, TOP = authority(1), authority(0)
LEAF, INTERMEDIATE, ROOT = lineage.chain(leaf(), MIDDLE, TOP)


class Files:
    """A folder with chain, key and root; what a test does not write is good."""

    def __init__(self, folder: Path) -> None:
        self.chain = bundle(folder / "fullchain.pem", LEAF, INTERMEDIATE)
        self.key = folder / "privkey.pem"
        self.key.touch(0o600)
        self.key.write_bytes(pem_of(key(10)))
        self.root = bundle(folder / "root.pem", ROOT)

    def judged(self, name: str | None = NAME) -> Diagnosis:
        return diagnosis(self.chain, self.key, self.root, name)

    def codes(self, name: str | None = NAME) -> list[str]:
        return [one.code for one in self.judged(name).findings]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_good_chain_with_its_key_is_healthy(files: Files) -> None:
    found = files.judged()
    assert found.is_healthy
    assert found.findings == ()
    assert found.sentence == f"{files.chain} is healthy"


def test_each_certificate_is_described(files: Files) -> None:
    first, second = _certificates(files.judged())
    shown = subprocess.run(
        [
            openssl(),
            "x509",
            "-in",
            str(files.chain),
            "-noout",
            "-serial",
            "-fingerprint",
            "-sha256",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout.lower()
    assert f"serial={first['serial']}" in shown
    assert first["sha256"] in shown.replace(":", "")
    assert {**first, "serial": "", "sha256": ""} == {
        "subject": "CN=leaf",
        "issuer": "CN=Authority 1",
        "serial": "",
        "not_before": f"{START:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{START + 90 * DAY:%Y-%m-%dT%H:%M:%SZ}",
        "names": [NAME],
        "key": "ECDSA P-256",
        "signature": "ecdsa-with-SHA256",
        "sha256": "",
    }
    assert second["subject"] == "CN=Authority 1"


def _certificates(found: Diagnosis) -> list[dict[str, Any]]:
    listed = found.facts["certificates"]
    assert isinstance(listed, list)
    return listed


def test_without_a_name_names_are_not_judged(files: Files) -> None:
    assert files.codes(None) == []
    assert files.codes("other.example.org") == ["hostname-mismatch"]


def test_a_missing_issuer_and_one_of_another_lineage_are_told_apart(files: Files) -> None:
    bundle(files.chain, LEAF)
    assert files.codes() == ["missing-intermediate"]
    bundle(files.chain, LEAF, replace(MIDDLE, key=key(99)).below(TOP))
    assert files.codes() == ["intermediate-of-another-lineage"]


def test_a_chain_that_leads_to_another_root_than_the_given_one(files: Files) -> None:
    bundle(files.root, authority(5, subject="Other Top").below())
    assert files.codes() == ["untrusted-authority"]


def test_without_a_root_the_systems_store_decides_and_mozillas_is_the_second(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files.root))
    (one,) = diagnosis(files.chain, None, None, None).findings
    assert one.code == "root-of-one-store"
    assert one.detail["untrusted"] == ["mozilla"]
    monkeypatch.delenv("SSL_CERT_FILE")
    found = diagnosis(files.chain, None, None, None)
    assert [one.code for one in found.findings] == ["untrusted-authority"]


# -- the key ---------------------------------------------------------------------------------------


def test_a_key_of_nobody_is_told_beside_all_else(files: Files) -> None:
    files.key.write_bytes(pem_of(key(99)))
    bundle(files.chain, LEAF)
    found = files.judged()
    assert [one.code for one in found.findings] == ["key-mismatch", "missing-intermediate"]
    assert found.findings[0].detail == {
        "key": str(files.key),
        "subject": "CN=leaf",
        "belongs_to": "",
    }


def test_a_key_of_another_certificate_of_the_chain_says_of_which(files: Files) -> None:
    files.key.write_bytes(pem_of(key(101)))
    (one,) = files.judged().findings
    assert one.code == "key-mismatch"
    assert one.detail["belongs_to"] == "CN=Authority 1"


def test_in_the_wrong_order_the_key_is_still_that_of_the_leaf(files: Files) -> None:
    bundle(files.chain, INTERMEDIATE, LEAF)
    assert files.codes() == ["wrong-order"]


def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.mark.parametrize(
    ("private", "form"),
    [
        (key(10), PrivateFormat.TraditionalOpenSSL),
        (rsa_key(2048), PrivateFormat.TraditionalOpenSSL),
        (rsa_key(2048), PrivateFormat.PKCS8),
        (ed25519_key(), PrivateFormat.PKCS8),
    ],
)
def test_keys_of_all_kinds_and_forms_are_read(
    files: Files, private: Any, form: PrivateFormat
) -> None:
    bundle(files.chain, leaf(key=private).below(MIDDLE), INTERMEDIATE)
    files.key.write_bytes(private.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert set(files.codes()) <= {"key-not-for-browsers"}


def test_a_key_behind_parameters_or_beside_the_chain_is_found(files: Files) -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    files.key.write_bytes(parameters + pem_of(key(10)))
    assert files.codes() == []
    files.chain.write_bytes(pem_of(key(10)) + files.chain.read_bytes())
    files.key = files.chain
    assert files.codes() == []


# -- files that do not hold what they should -------------------------------------------------------


Spoil = Callable[[Files], Path]


def _with(which: str, content: bytes) -> Spoil:
    def spoil(files: Files) -> Path:
        path: Path = getattr(files, which)
        path.write_bytes(content)
        return path

    return spoil


def _gone(which: str) -> Spoil:
    def spoil(files: Files) -> Path:
        path: Path = getattr(files, which)
        path.unlink()
        return path

    return spoil


def _folder(files: Files) -> Path:
    files.chain.unlink()
    files.chain.mkdir()
    return files.chain


def _encrypted(form: PrivateFormat) -> bytes:
    return key(10).private_bytes(Encoding.PEM, form, BestAvailableEncryption(SECRET))


def _cut(text: bytes) -> bytes:
    return text[: len(text) - 40]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_gone("chain"), "the chain cannot be read: No such file"),
        (_folder, "the chain cannot be read: Is a directory"),
        (_with("chain", b""), "the chain is empty"),
        (_with("chain", b" \n"), "the chain is empty"),
        (_with("chain", b"hello"), "the chain holds no certificate that can be read"),
        (_with("chain", pem_of(key(10))), "holds a private key and no certificate"),
        (_with("chain", der(LEAF)), "the chain is DER, not PEM"),
        (_with("chain", _cut(to_pem(der(LEAF)))), "the chain is cut off"),
        (_with("chain", to_pem(der(LEAF)) + _cut(to_pem(der(INTERMEDIATE)))), "cut off"),
        (_with("chain", to_pem(b"\x30\x00")), "the chain holds no certificate that can be read"),
        (_gone("key"), "the key cannot be read: No such file"),
        (_with("key", b""), "the key is empty"),
        (_with("key", to_pem(der(LEAF))), "the key is no private key as PEM"),
        (_with("key", _cut(pem_of(key(10)))), "the key is no private key as PEM"),
        (_with("key", _encrypted(PrivateFormat.PKCS8)), "the key is encrypted"),
        (_with("key", _encrypted(PrivateFormat.TraditionalOpenSSL)), "the key is encrypted"),
        (_with("key", pem_of(key(10)).replace(b"MIG", b"AAA")), "the key cannot be read ("),
        (_gone("root"), "cannot be read: No such file"),
        (_with("root", b""), "no certificate is in it"),
        (_with("root", to_pem(b"\x30\x00")), "the root holds no certificate that can be read"),
    ],
)
def test_a_file_without_what_it_should_hold_is_the_operators_to_mend(
    files: Files, spoil: Spoil, words: str
) -> None:
    path = spoil(files)
    with pytest.raises(OperatorError) as caught:
        files.judged()
    fault = caught.value.fault
    assert words in fault.what
    assert fault.where == str(path)
    assert fault.remedy
    assert b"PRIVATE" not in str(fault).encode()
    assert SECRET not in str(fault).encode()


def test_one_damaged_certificate_among_good_ones_is_a_finding(files: Files) -> None:
    block = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"
    files.chain.write_bytes(files.chain.read_bytes() + block)
    found = files.judged()
    assert [one.code for one in found.findings] == ["unreadable-certificate"]
    assert "unreadable" in _certificates(found)[-1]


def test_a_chain_without_a_readable_leaf_says_nothing_of_the_key(files: Files) -> None:
    files.chain.write_bytes(to_pem(b"\x30\x00") + to_pem(der(INTERMEDIATE)))
    assert files.codes() == ["unreadable-certificate"]


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_it_in_one_sentence_and_in_json(everleaf: Everleaf, files: Files) -> None:
    options = ["--chain", str(files.chain), "--key", str(files.key), "--root", str(files.root)]
    good = everleaf("diagnose", *options, NAME)
    assert (good.status, good.out.splitlines()[0]) == (0, f"{files.chain} is healthy")
    bundle(files.chain, LEAF)
    bad = everleaf("diagnose", *options, "--json", NAME)
    assert bad.status == 1
    document = json.loads(bad.out)
    assert document["healthy"] is False
    assert [one["code"] for one in document["findings"]] == ["missing-intermediate"]
    assert [one["subject"] for one in document["facts"]["certificates"]] == ["CN=leaf"]


def test_the_command_refuses_a_file_that_it_cannot_use(everleaf: Everleaf, files: Files) -> None:
    files.key.write_bytes(_encrypted(PrivateFormat.PKCS8))
    said = everleaf("diagnose", "--chain", str(files.chain), "--key", str(files.key))
    assert said.status == 2
    assert "the key is encrypted" in said.err
