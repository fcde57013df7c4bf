"""TSIG keys from key files as tsig-keygen writes them and named.conf includes them."""

import binascii
import re
from typing import TYPE_CHECKING

from everleaf.errors import OperatorError
from everleaf.system.secrets import Secret

if TYPE_CHECKING:
    from dns.tsig import Key

_COMMENT = re.compile(r'("[^"]*")|/\*.*?\*/|//[^\n]*|#[^\n]*', re.DOTALL)
_KEY = re.compile(r'\bkey\s+"?([^\s"{;]+)"?\s*\{(.*?)\}', re.DOTALL)
_ALGORITHM = re.compile(r'\balgorithm\s+"?([^\s";]+)"?\s*;')
_SECRET = re.compile(r'\bsecret\s+"?([^\s";]+)"?\s*;')
_SHORT = {"hmac-md5": "hmac-md5.sig-alg.reg.int"}


def read(secret: Secret) -> "Key":
    """The key of a key file; its secret is in no message.

    Raises:
        OperatorError: the file cannot be read, or holds no key.
    """
    import dns.exception
    import dns.name
    import dns.tsig

    # Base64 has slashes: what is quoted is no comment.
    text = _COMMENT.sub(lambda match: match[1] or " ", secret.read())
    found = _KEY.search(text)
    algorithm = _ALGORITHM.search(found[2]) if found else None
    word = _SECRET.search(found[2]) if found else None
    if found is None or algorithm is None or word is None:
        raise _wrong(secret, "a TSIG key has no name, algorithm or secret")
    short = algorithm[1].lower().rstrip(".")
    known = {one.to_text(omit_final_dot=True).lower(): one for one in dns.tsig.mac_sizes}
    kind = known.get(_SHORT.get(short, short))
    if kind is None or kind == dns.tsig.GSS_TSIG:
        raise _wrong(secret, f"a TSIG key has the algorithm {short!r}, which is not known")
    try:
        return dns.tsig.Key(dns.name.from_text(found[1]), word[1], kind)
    except (binascii.Error, ValueError, dns.exception.DNSException):
        raise _wrong(secret, "the name or the secret of a TSIG key is malformed") from None


def _wrong(secret: Secret, what: str) -> OperatorError:
    return OperatorError(
        what,
        code="bad-tsig-key",
        where=str(secret),
        remedy="Write it as `tsig-keygen NAME` prints it",
    )
