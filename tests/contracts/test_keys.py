"""What every `Keys` keeps: there is one, from the operating system's randomness."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from everleaf.core.wanted import KeyType
from everleaf.pki.keys import OpensslKeys


@pytest.mark.parametrize("key_type", list(KeyType))
def test_every_key_type_is_made_as_it_is_called(key_type: KeyType) -> None:
    pem = OpensslKeys().generate(key_type)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    key = load_pem_private_key(pem, password=None)
    kind, _, size = key_type.value.partition("-")
    if kind == "rsa":
        assert isinstance(key, rsa.RSAPrivateKey)
        assert (key.key_size, key.public_key().public_numbers().e) == (int(size), 65537)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.key_size == int(size.removeprefix("p"))


def test_no_key_comes_twice() -> None:
    keys = OpensslKeys()
    assert len({keys.generate(KeyType.ECDSA_P256) for _ in range(20)}) == 20
