"""TSIG keys as key files have them."""

import base64
from pathlib import Path

import dns.tsig
import pytest

from everleaf.challenges.tsig import read
from everleaf.errors import OperatorError
from everleaf.system.secrets import Secret

WORD = "abc//def+ghi/w=="  # with what would begin a comment, were it not quoted
GOOD = f'key "everleaf-key" {{\n\talgorithm hmac-sha256;\n\tsecret "{WORD}";\n}};\n'


def at(folder: Path, text: str) -> Secret:
    path = folder / "tsig.key"
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return Secret(file=path)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"# made by hand\n{GOOD}",
        f"/* two\nlines */ {GOOD}",
        GOOD.replace("algorithm", "// algorithm hmac-md5;\n algorithm"),
        f'key everleaf-key {{ secret "{WORD}"; algorithm HMAC-SHA256.; }};',
    ],
)  # fmt: skip
def test_a_key_file_is_read_as_bind_reads_it(tmp_path: Path, text: str) -> None:
    key = read(at(tmp_path, text))
    assert key.name.to_text() == "everleaf-key."
    assert key.algorithm == dns.tsig.HMAC_SHA256
    assert key.secret == base64.b64decode(WORD)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hmac-md5", dns.tsig.HMAC_MD5),
        ("hmac-md5.sig-alg.reg.int", dns.tsig.HMAC_MD5),
        ("hmac-sha1", dns.tsig.HMAC_SHA1),
        ("hmac-sha224", dns.tsig.HMAC_SHA224),
        ("hmac-sha256-128", dns.tsig.HMAC_SHA256_128),
        ("hmac-sha384", dns.tsig.HMAC_SHA384),
        ("hmac-sha384-192", dns.tsig.HMAC_SHA384_192),
        ("hmac-sha512", dns.tsig.HMAC_SHA512),
        ("hmac-sha512-256", dns.tsig.HMAC_SHA512_256),
    ],
)
def test_every_algorithm_is_known(tmp_path: Path, written: str, meant: object) -> None:
    assert read(at(tmp_path, GOOD.replace("hmac-sha256", written))).algorithm == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nothing", "no name, algorithm or secret"),
        (GOOD.replace("algorithm", "algorism"), "no name, algorithm or secret"),
        (f"// {GOOD}".replace("\n", " "), "no name, algorithm or secret"),
        (GOOD.replace("hmac-sha256", "hmac-sha3"), "'hmac-sha3', which is not known"),
        (GOOD.replace("hmac-sha256", "gss-tsig"), "'gss-tsig', which is not known"),
        (GOOD.replace(WORD, "abc"), "the name or the secret of a TSIG key is malformed"),
        (GOOD.replace("everleaf-key", "a..b"), "the name or the secret of a TSIG key is malformed"),
    ],
)
def test_a_file_without_a_key_is_named_and_its_content_is_not(
    tmp_path: Path, text: str, why: str
) -> None:
    secret = at(tmp_path, text)
    with pytest.raises(OperatorError, match=why) as caught:
        read(secret)
    assert caught.value.fault.where == str(secret.file)
    assert "tsig-keygen" in caught.value.fault.remedy
    assert WORD not in str(caught.value)


def test_a_key_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    secret = at(tmp_path, GOOD)
    assert secret.file is not None
    secret.file.chmod(0o644)
    with pytest.raises(OperatorError, match="everybody may read"):
        read(secret)
