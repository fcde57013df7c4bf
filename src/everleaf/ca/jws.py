"""Account keys, and requests signed with them: RFC 8555, section 6.2; josepy and acme.jws."""

from dataclasses import dataclass, field, replace

from acme.jws import JWS
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.b64 import b64encode
from josepy.errors import Error
from josepy.jwa import ES256, ES384, ES512, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA

from everleaf.errors import OperatorError

_CURVES = {256: ES256, 384: ES384, 521: ES512}


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the account's URL where there is one: it then stands for the key (`kid`)."""

    key: JWK = field(repr=False)
    algorithm: JWASignature = field(repr=False)
    kid: str | None = None

    def of(self, account_url: str) -> "Signer":
        """The same key with its account."""
        return replace(self, kid=account_url)

    def sign(self, payload: bytes, *, nonce: bytes, url: str) -> bytes:
        """The body of a request to `url`."""
        signed = JWS.sign(
            payload, key=self.key, alg=self.algorithm, nonce=nonce, url=url, kid=self.kid
        )
        text: str = signed.json_dumps()
        return text.encode("ascii")

    @property
    def thumbprint(self) -> str:
        """The key's thumbprint, as key authorizations hold it: RFC 8555, section 8.1."""
        return b64encode(self.key.thumbprint()).decode("ascii")


def new_key() -> bytes:
    """A new account key: ECDSA P-256, PKCS #8, PEM, not encrypted."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(key_pem: bytes) -> Signer:
    """A signer with this key: ECDSA, or RSA of an account that was made elsewhere.

    Raises:
        OperatorError: it is no such key. The key's text is never repeated.
    """
    try:
        key = JWK.load(key_pem)
    except (Error, ValueError, TypeError):
        key = None
    if isinstance(key, JWKRSA):
        return Signer(key, RS256)
    if isinstance(key, JWKEC):
        return Signer(key, _CURVES[key.key.key_size])
    raise OperatorError(
        "the account key cannot be read",
        code="bad-account-key",
        remedy="Put back the account's key from a backup, or remove the account's folder: "
        "a new account is made then",
    )
