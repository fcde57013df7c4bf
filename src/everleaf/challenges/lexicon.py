"""TXT records through dns-lexicon, which knows the interfaces of a hundred DNS providers."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import Lock

from everleaf.challenges import lexicon_call
from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.unhurried import Unhurried
from everleaf.challenges.words import without
from everleaf.errors import EndOfTimeError, EverleafError, Fault, MachineError, OperatorError
from everleaf.ports import Clock
from everleaf.system import process
from everleaf.system.secrets import Secret
from everleaf.system.told import ToldError

LIMIT = timedelta(minutes=1)
_LINES = 6


class LexiconRecords:
    """Records at a provider (`Records` of the DNS solver).

    Each call is a process of its own (`lexicon_call`): providers are asked without a time limit
    there, and may read the process's environment.

    Args:
        provider: by dns-lexicon's name.
        servers: find the zone.
        clock: the run's.
        options: of the provider, by dns-lexicon's names.
        secrets: options that are read when they are used.
        zone: instead of the one that is found.
        ttl: of the records, in seconds; None: the provider's.
        timeout: of each call.
    """

    def __init__(
        self,
        provider: str,
        servers: NameServers,
        clock: Clock,
        *,
        options: Mapping[str, object],
        secrets: Mapping[str, Secret],
        zone: str = "",
        ttl: int | None = None,
        timeout: timedelta = LIMIT,
    ) -> None:
        self._provider = provider
        self._zones = servers.zones
        self._clock = clock
        self._options = dict(options)
        self._secrets = dict(secrets)
        self._zone = zone.rstrip(".")
        self._ttl = ttl
        self._timeout = timeout.total_seconds()
        # Many interfaces replace the whole set of a name: two of us would overwrite each other.
        self._turn = Lock()

    def write(self, owner: str, value: str) -> None:
        """Add one value, beside those that are there.

        Raises:
            OperatorError: dns-lexicon is not installed, or the provider refused.
            EndOfTimeError: the run was told to stop.
        """
        zone = self._zone_of(owner)
        with self._turn:
            self._call(lexicon_call.CREATE, zone, owner, value, self._clock)

    def erase(self, owner: str, value: str) -> None:
        """Remove exactly one value, also when the run was told to stop.

        Raises:
            OperatorError: as of `write`.
        """
        zone = self._zone_of(owner)
        with self._turn:
            self._call(lexicon_call.DELETE, zone, owner, value, Unhurried(self._clock))

    def complaints(self, owners: Sequence[str]) -> Mapping[str, Fault]:
        """Whether the provider knows us and has the zones; nothing is written."""
        found: dict[str, Fault] = {}
        zones: dict[str, Fault | None] = {}
        for owner in owners:
            try:
                zone = self._zone_of(owner)
            except EverleafError as error:
                found[owner] = error.fault
                continue
            if zone not in zones:
                zones[zone] = self._look(zone)
            if (fault := zones[zone]) is not None:
                found[owner] = fault
        return found

    def _look(self, zone: str) -> Fault | None:
        try:
            self._call(lexicon_call.LOOK, zone, zone, "", self._clock)
        except EndOfTimeError:
            raise
        except EverleafError as error:
            return error.fault
        return None

    def _zone_of(self, owner: str) -> str:
        return self._zone or self._zones.zone(owner).rstrip(".")

    def _call(self, action: str, zone: str, owner: str, value: str, clock: Clock) -> None:
        secrets = {name: secret.read() for name, secret in self._secrets.items()}
        asked = {
            "action": action,
            "provider": self._provider,
            "zone": zone,
            "owner": owner.rstrip("."),
            "value": value,
            "ttl": self._ttl,
            "options": {**self._options, **secrets},
        }
        try:
            ended = process.run(
                [sys.executable, "-P", "-m", lexicon_call.__name__],
                environment=os.environ,
                limit=self._timeout,
                clock=clock,
                stdin=json.dumps(asked).encode("utf-8"),
            )
        except OSError as error:
            raise MachineError(f"Python cannot be started: {error}", code="no-python") from error
        if ended.status == 0:
            return
        if ended.status == lexicon_call.MISSING:
            raise OperatorError(
                "dns-lexicon is not installed",
                code="no-lexicon",
                where=self._provider,
                remedy="pip install 'everleaf[lexicon]'",
            )
        if ended.status is None:
            words = [f"ended after {self._timeout:g} s"]
        else:
            words = without(ended.output, secrets.values()).splitlines()[-_LINES:]
        raise ToldError(
            f"the provider {self._provider} did not {action}",
            code="lexicon-failed",
            where=zone if owner == zone else f"{owner} in {zone}",
            words=words,
            remedy="See the provider's options in dns-lexicon's documentation, and what the "
            "credentials may do",
        )
