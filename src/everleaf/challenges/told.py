"""What a challenge hook is told: variables of ours, and certbot's (docs/challenge-hooks.md)."""

import os
from dataclasses import dataclass, field

from everleaf.challenges.tokens import WELL_KNOWN

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One response, as far as it is known.

    Attributes:
        zone: of the owner; empty where it was not found.
        token, key_authorization: of http-01; the latter is empty after a run that was killed.
        together: the identifiers that are validated together, `remaining` of them after this one.
        output: what the hook said when it presented; empty after a run that was killed.
    """

    kind: str
    identifier: str
    owner: str = ""
    value: str = ""
    zone: str = ""
    token: str = ""
    key_authorization: str = field(default="", repr=False)
    together: tuple[str, ...] = ()
    remaining: int = 0
    output: str = field(default="", repr=False)

    def variables(self) -> dict[str, str]:
        """The hook's environment, but for what the configuration adds."""
        everybody = ",".join(self.together or (self.identifier,))
        found = {
            "PATH": os.environ.get("PATH", _PATH),
            "LANG": "C.UTF-8",
            "EVERLEAF_CHALLENGE": self.kind,
            "EVERLEAF_IDENTIFIER": self.identifier,
            "CERTBOT_DOMAIN": self.identifier,
            "CERTBOT_IDENTIFIER": self.identifier,
            "CERTBOT_ALL_DOMAINS": everybody,
            "CERTBOT_ALL_IDENTIFIERS": everybody,
            "CERTBOT_REMAINING_CHALLENGES": str(self.remaining),
            "CERTBOT_VALIDATION": self.value or self.key_authorization,
        }
        return found | (self._of_http() if self.token else self._of_dns())

    def for_cleanup(self) -> dict[str, str]:
        """The same, with what the hook said when it presented."""
        return self.variables() | {"CERTBOT_AUTH_OUTPUT": self.output}

    def _of_dns(self) -> dict[str, str]:
        return {
            "EVERLEAF_OWNER": self.owner,
            "EVERLEAF_VALUE": self.value,
            **({"EVERLEAF_ZONE": self.zone} if self.zone else {}),
        }

    def _of_http(self) -> dict[str, str]:
        return {
            "EVERLEAF_TOKEN": self.token,
            "EVERLEAF_KEY_AUTHORIZATION": self.key_authorization,
            "EVERLEAF_PATH": WELL_KNOWN + self.token,
            "CERTBOT_TOKEN": self.token,
        }
