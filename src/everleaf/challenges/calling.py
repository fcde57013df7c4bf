"""Calls of challenge hooks: no shell, an environment of its own, a time limit, its words kept."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from everleaf.challenges.told import Told
from everleaf.challenges.unhurried import Unhurried
from everleaf.challenges.words import without
from everleaf.ports import Clock
from everleaf.system import process
from everleaf.system.secrets import Secret
from everleaf.system.told import ToldError

LIMIT = timedelta(minutes=2)
_LINES = 12


class Hooks:
    """The executables of one solver.

    Args:
        hook: called as `HOOK present` and `HOOK cleanup`.
        cleanup: an executable of its own for that; then both are called without an argument, as
            certbot does.
        clock: the run's.
        timeout: of each call.
        settings: handed over as `EVERLEAF_SET_KEY`.
        environment: handed over as it is; secrets are read for each call.
    """

    def __init__(
        self,
        hook: Path,
        cleanup: Path | None,
        clock: Clock,
        *,
        timeout: timedelta = LIMIT,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str | Secret] | None = None,
    ) -> None:
        self._present = (str(hook),) if cleanup else (str(hook), "present")
        self._cleanup = (str(cleanup),) if cleanup else (str(hook), "cleanup")
        self._clock = clock
        self._timeout = timeout.total_seconds()
        self._settings = {
            f"EVERLEAF_SET_{key.upper()}": one for key, one in (settings or {}).items()
        }
        self._environment = dict(environment or {})

    def present(self, told: Told) -> str:
        """Put the response in place; what the hook said.

        Raises:
            ToldError: the hook failed, in its own words; a secret for it cannot be read.
            EndOfTimeError: the run was told to stop; then the hook was, too.
        """
        return self._call(self._present, told.variables(), self._clock)

    def cleanup(self, told: Told) -> None:
        """Take the response down, also when the run was told to stop.

        Raises:
            ToldError: as of `present`.
        """
        self._call(self._cleanup, told.for_cleanup(), Unhurried(self._clock))

    def missing(self) -> tuple[str, ...]:
        """The paths that cannot be executed."""
        paths = dict.fromkeys((self._present[0], self._cleanup[0]))
        return tuple(one for one in paths if not (Path(one).is_file() and os.access(one, os.X_OK)))

    def _call(self, command: Sequence[str], variables: Mapping[str, str], clock: Clock) -> str:
        given = self._environment.items()
        secrets = {name: one.read() for name, one in given if isinstance(one, Secret)}
        plain = {name: one for name, one in given if isinstance(one, str)}
        try:
            ended = process.run(
                command,
                environment={**plain, **secrets, **self._settings, **variables},
                limit=self._timeout,
                clock=clock,
            )
        except OSError as error:
            raise ToldError(
                f"the hook cannot be executed: {error.strerror or error}",
                code="hook-missing",
                where=command[0],
                remedy="See that it is there and executable, and what its first line names",
            ) from error
        if ended.status == 0:
            return ended.output
        words = without(ended.output, secrets.values()).splitlines()[-_LINES:]
        if ended.status is None:
            how = f"was ended after {self._timeout:g} s"
        else:
            how = f"failed with status {ended.status}"
        raise ToldError(
            f"the hook {how}, for {variables['EVERLEAF_IDENTIFIER']}",
            code="hook-failed",
            where=" ".join(command),
            words=words or ["it said nothing"],
            remedy="Mend the hook; docs/challenge-hooks.md says what it is told",
        )
