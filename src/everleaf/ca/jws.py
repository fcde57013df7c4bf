"""Account keys, and requests signed with them: RFC 8555, section 6.2; josepy and acme.jws."""

import json
from dataclasses import dataclass, field, replace

from acme.jws import JWS
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from josepy.b64 import b64encode
from josepy.jwa import ES256, ES384, ES512, HS256, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA, JWKOct

from everleaf.errors import OperatorError

_CURVES = {"secp256r1": ES256, "secp384r1": ES384, "secp521r1": ES512}
_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the account's URL where there is one: it then stands for the key (`kid`)."""

    key: JWK = field(repr=False)
    algorithm: JWASignature = field(repr=False)
    kid: str | None = None

    def of(self, account_url: str) -> "Signer":
        """The same key with its account."""
        return replace(self, kid=account_url)

    def alone(self) -> "Signer":
        """The same key without its account."""
        return replace(self, kid=None)

    def sign(self, payload: bytes, *, nonce: bytes, url: str) -> bytes:
        """The body of a request to `url`."""
        signed = JWS.sign(
            payload, key=self.key, alg=self.algorithm, nonce=nonce, url=url, kid=self.kid
        )
        text: str = signed.json_dumps()
        return text.encode("ascii")

    def inner(self, payload: object, url: str) -> dict[str, object]:
        """A signature within a request to `url`, without a nonce (RFC 8555, section 7.3.5)."""
        text = json.dumps(payload).encode("ascii")
        signed = JWS.sign(text, key=self.key, alg=self.algorithm, nonce=None, url=url, kid=self.kid)
        return _document(signed)

    @property
    def public(self) -> dict[str, object]:
        """The public key (RFC 7517)."""
        document: dict[str, object] = self.key.public_key().to_partial_json()
        return document

    @property
    def thumbprint(self) -> str:
        """The key's thumbprint, as key authorizations hold it: RFC 8555, section 8.1."""
        return b64encode(self.key.thumbprint()).decode("ascii")

    def another_key(self) -> bytes:
        """A new key of the same kind, PKCS #8, PEM, not encrypted."""
        if isinstance(self.key, JWKRSA):
            return _pem(rsa.generate_private_key(_EXPONENT, self.key.key.key_size))
        return _pem(ec.generate_private_key(self.key.key.curve))


def new_key() -> bytes:
    """A new account key: ECDSA P-256, PKCS #8, PEM, not encrypted."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(key_pem: bytes) -> Signer:
    """A signer with this key: ECDSA, or RSA of an account that was made elsewhere.

    Raises:
        OperatorError: it is no such key. The key's text is never repeated.
    """
    return _load(
        key_pem,
        OperatorError(
            "the account key cannot be read",
            code="bad-account-key",
            remedy="Put back the account's key from a backup, or remove the account's folder: "
            "a new account is made then",
        ),
    )


def load_other(key_pem: bytes) -> Signer:
    """A signer with a certificate's key, which stands for itself (RFC 8555, section 7.6).

    Raises:
        OperatorError: it is neither ECDSA nor RSA. The key's text is never repeated.
    """
    return _load(
        key_pem,
        OperatorError(
            "the certificate's key cannot be read",
            code="bad-key",
            remedy="Name its private key, PEM, not encrypted; or let the account sign",
        ),
    )


def _load(key_pem: bytes, otherwise: OperatorError) -> Signer:
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise otherwise from None
    if isinstance(key, rsa.RSAPrivateKey):
        return Signer(JWKRSA(key=key), RS256)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return Signer(JWKEC(key=key), _CURVES[key.curve.name])
    raise otherwise


def with_mac(payload: object, *, kid: str, key: bytes, url: str) -> dict[str, object]:
    """A signature by HMAC-SHA-256 within a request to `url` (RFC 8555, section 7.3.4)."""
    text = json.dumps(payload).encode("ascii")
    return _document(JWS.sign(text, key=JWKOct(key=key), alg=HS256, nonce=None, url=url, kid=kid))


def _document(signed: JWS) -> dict[str, object]:
    document: dict[str, object] = json.loads(signed.json_dumps())
    return document
