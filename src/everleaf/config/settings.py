"""What a configuration comes to once it is known to be right: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from everleaf.config.faults import ConfigFault
from everleaf.core.limits import Limit
from everleaf.core.wanted import Wanted
from everleaf.system.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """The outside account that an ACME account is bound to (RFC 8555, section 7.3.4)."""

    kid: str
    hmac_key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """One ACME directory.

    Attributes:
        staging: the authority at which a rehearsal takes place.
        proxy: None: the environment's; empty: none at all.
        public: browsers have to take what it issues.
    """

    name: str
    directory: str
    ca_file: Path | None = None
    trust_file: Path | None = None
    staging: str | None = None
    contact: tuple[str, ...] = ()
    terms_of_service_agreed: bool = False
    limits: tuple[Limit, ...] = ()
    external_account: ExternalAccount | None = None
    proxy: str | None = field(default=None, repr=False)
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverSettings:
    """One solver; `options` are what the registry's builder of this kind takes.

    `answers`: the kinds of challenge, the preferred one first.
    """

    name: str
    kind: str
    answers: tuple[str, ...]
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminatorSettings:
    """One server that is reloaded by a hook."""

    name: str
    hook: Path
    timeout: timedelta
    per_certificate: bool
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Who is told, and at how many days before the end."""

    command: tuple[str, ...] = ()
    days: tuple[int, ...] = (14, 7, 3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration.

    Attributes:
        wake_interval: None: that of the systemd timer that started us, or unknown.
        faults: of included files, whose certificates are left out.
        files: all that were read.
    """

    state_dir: Path
    resolver: tuple[str, ...]
    jobs: int
    deadline: timedelta
    batch_wait: timedelta
    wake_interval: timedelta | None
    max_clock_skew: timedelta
    alert: AlertSettings
    authorities: Mapping[str, AuthoritySettings]
    solvers: Mapping[str, SolverSettings]
    terminators: Mapping[str, TerminatorSettings]
    certificates: Mapping[str, Wanted]
    faults: tuple[ConfigFault, ...] = ()
    files: tuple[Path, ...] = field(default=())
