"""What one address of an endpoint serves, looked at until it is believed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.standing import Observation, Sight
from everleaf.core.wanted import Endpoint, join_port
from everleaf.errors import EndOfTimeError, EverleafError
from everleaf.ports import Ask, Resolver, Seen
from everleaf.stages.contract import Tools

TIMEOUT = 5.0
ELSEWHERE = 15.0  # from a vantage, which has to be reached first
IN_A_ROW = 4
PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """One address to look at, or the reason why there is none."""

    endpoint: Endpoint
    address: str
    unresolved: str = ""


def limit(endpoint: Endpoint) -> float:
    """How many seconds one connection there may take."""
    return TIMEOUT if endpoint.approach.via is None else ELSEWHERE


def targets(endpoint: Endpoint, resolver: Resolver) -> Sequence[Target]:
    """The listed addresses, those that a program prints, or all that the name resolves to.

    Raises:
        EndOfTimeError: the run was told to stop, or its deadline passed.
    """
    if endpoint.addresses:
        return [Target(endpoint, address) for address in endpoint.addresses]
    try:
        if endpoint.command:
            found = resolver.printed(endpoint.command)
        else:
            found = resolver.addresses(endpoint.host, endpoint.resolver)
        return [Target(endpoint, address) for address in found]
    except EndOfTimeError:
        raise
    except EverleafError as error:
        return [Target(endpoint, "", str(error.fault))]


class Watch:
    """Looks at addresses for one live version.

    Within the grace period after a switch or reload of this very run, or of one that ended before
    it could judge, a failing address is looked at again, and a good one is believed only after
    several fresh connections in a row: old workers still answer for a moment. At any other time one
    connection decides.
    """

    def __init__(self, job: Job, live: Version, tools: Tools) -> None:
        self._job = job
        self._live = live
        self._tools = tools

    def look(self, target: Target) -> Observation:
        """One address, as often as it takes."""
        from tenacity import Retrying, retry_if_result

        if target.unresolved:
            return self._observation(target, Sight.UNRESOLVED, words=target.unresolved)
        clock = self._tools.clock
        left = self._grace_left(target.endpoint)
        if left <= 0:
            return self._judge(target, self._connect(target))
        end = clock.monotonic() + left
        retrying = Retrying(
            retry=retry_if_result(lambda one: one.sight.is_failing),
            wait=lambda _: PAUSE,
            stop=lambda _: clock.monotonic() >= end,
            sleep=clock.sleep,
            retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
        )
        return retrying(self._believed, target)

    def _believed(self, target: Target) -> Observation:
        """Good only where several fresh connections in a row are."""
        for _ in range(IN_A_ROW - 1):
            one = self._judge(target, self._connect(target))
            if one.sight is not Sight.CONFIRMED:
                return one
            self._tools.clock.sleep(PAUSE)
        return self._judge(target, self._connect(target))

    def _connect(self, target: Target) -> Seen:
        endpoint = target.endpoint
        present = self._tools.shelf.live_path(self._job.name) if endpoint.present else None
        ask = Ask(
            address=target.address,
            port=endpoint.port,
            server_name=endpoint.host,
            approach=endpoint.approach,
            present=present,
            client=endpoint.client,
        )
        seen = self._tools.probe.look(ask, limit(endpoint))
        return seen if endpoint.present else self._of_our_kind(endpoint, ask, seen)

    def _of_our_kind(self, endpoint: Endpoint, ask: Ask, seen: Seen) -> Seen:
        """The same; where a certificate with another kind of key came, the one with ours.

        A server that has both an RSA and an ECDSA certificate chooses by what the client takes.
        """
        if not seen.chain or sha256(seen.chain[0]).hexdigest() == self._live.chain_sha256[0]:
            return seen
        kind = self._kind
        if not kind or _kind(seen.chain[0]) in ("", kind):
            return seen
        again = self._tools.probe.look(replace(ask, key_kind=kind), limit(endpoint))
        return again if again.chain and _kind(again.chain[0]) == kind else seen

    @cached_property
    def _kind(self) -> str:
        """Of the live version's key, by its certificate where the key is not ours."""
        if self._live.key_type:
            return self._live.key_type.partition("-")[0]
        from everleaf.pki.certificates import split

        leaf = self._tools.shelf.material(self._job.name, self._live.id).leaf
        return _kind(split(leaf)[0])

    def _grace_left(self, endpoint: Endpoint) -> float:
        standing = self._job.standing
        own = (endpoint.terminator,) if endpoint.terminator else self._job.wanted.terminators
        moments = [standing.took(one).at for one in own] + [standing.switched_at]
        awaited = standing.previous is not None and endpoint.key in standing.previous.awaited
        since = [at for at in moments if at is not None]
        recent = [at for at in since if awaited or at >= self._job.started]
        if not recent:
            return 0.0
        end: datetime = max(recent) + self._job.wanted.grace
        return (end - self._tools.clock.now()).total_seconds()

    def _judge(self, target: Target, seen: Seen) -> Observation:
        if not seen.chain:
            sight = Sight.UNKNOWN if seen.no_route else Sight.UNREACHABLE
            return self._observation(target, sight, words=seen.words, code=seen.code)
        if target.endpoint.present:
            serial = self._live.serial
            if seen.taken:
                return self._observation(target, Sight.CONFIRMED, serial=serial)
            return self._observation(
                target, Sight.REFUSED, serial=serial, words=seen.words, code=seen.code
            )
        sent = tuple(sha256(der).hexdigest() for der in seen.chain)
        should = self._live.chain_sha256
        if sent[0] != should[0]:
            serial = _serial(seen.chain[0])
            words = f"serves serial {serial}, expected {self._live.serial}"
            return self._observation(target, Sight.STALE, serial=serial, words=words)
        if sent != should:
            words = _chain_words(sent, should)
            return self._observation(target, Sight.CHAIN, serial=self._live.serial, words=words)
        return self._observation(target, Sight.CONFIRMED, serial=self._live.serial)

    def _observation(
        self, target: Target, sight: Sight, *, serial: str = "", words: str = "", code: str = ""
    ) -> Observation:
        return Observation(
            endpoint=str(target.endpoint),
            address=join_port(target.address, target.endpoint.port) if target.address else "",
            sight=sight,
            at=self._tools.clock.now(),
            version=self._live.id,
            serial=serial,
            words=words,
            code=code,
            terminator=target.endpoint.terminator,
            optional=target.endpoint.optional,
            key=target.endpoint.key,
        )


def _kind(der: bytes) -> str:
    """`ecdsa` or `rsa`, by its key; empty: another, or it cannot be read."""
    from everleaf.pki.keys import kind_of

    return kind_of(der)


def _serial(der: bytes) -> str:
    from everleaf.pki.certificates import facts

    try:
        return facts(der).serial
    except EverleafError:
        return "unreadable"


def _chain_words(sent: Sequence[str], should: Sequence[str]) -> str:
    missing = [one for one in should if one not in sent]
    extra = [one for one in sent if one not in should]
    if missing:
        return f"sends {len(sent)} of {len(should)} certificates: an intermediate is missing"
    if extra:
        return f"sends {len(extra)} more than should be sent, a root perhaps"
    return "sends the right certificates in another order"
