"""External account binding: our account as part of one that was opened elsewhere.

RFC 8555, section 7.3.4.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Protocol

from everleaf.ca.jws import Signer, with_mac
from everleaf.errors import OperatorError

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


class Text(Protocol):
    """A secret that is read when it is used. `str()` of it says where it stands, and no more."""

    def read(self) -> str:
        """The secret.

        Raises:
            OperatorError: it is not there, or everybody may read it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What the authority gave for it.

    Attributes:
        kid: names the outside account.
        hmac_key: base64url, as the authorities hand it out.
    """

    kid: str
    hmac_key: Text = field(repr=False)

    def of(self, signer: Signer, new_account_url: str) -> dict[str, object]:
        """The field `externalAccountBinding` for an account with this key.

        Raises:
            OperatorError: the HMAC key is not there, or not base64url.
        """
        return with_mac(signer.public, kid=self.kid, key=self._key(), url=new_account_url)

    def _key(self) -> bytes:
        bare = self.hmac_key.read().strip().rstrip("=")
        if not _BASE64URL.fullmatch(bare) or len(bare) % 4 == 1:
            # The text is not repeated: it may be the key but for one letter.
            raise OperatorError(
                "the HMAC key of the external account binding is not base64url",
                code="bad-hmac-key",
                where=str(self.hmac_key),
                remedy="Copy it as the authority shows it: letters, digits, - and _, nothing else",
            )
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
