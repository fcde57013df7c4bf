"""What is wrong with a TLS server: every address, from every side."""

from collections.abc import Callable
from datetime import UTC, datetime

from everleaf.core.diagnosis import Diagnosis, Finding, Question, ranked
from everleaf.core.symptoms.connection import UNRESOLVED
from everleaf.errors import EverleafError
from everleaf.ports import Executor, Resolver
from everleaf.system.executor import Threads
from everleaf.tls.diagnosing.examining import Around, Examination
from everleaf.tls.diagnosing.seen import Seen
from everleaf.tls.diagnosing.together import compared, located
from everleaf.tls.diagnosing.web import Www
from everleaf.tls.lists import Lists

_AT_ONCE = 16
_HERE, _LOOPBACK = "localhost", "127.0.0.1"


def _now() -> datetime:
    return datetime.now(UTC)


class Doctor:
    """`ports.Diagnostician`: all addresses at once, one connection after the other at each."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        now: Callable[[], datetime] = _now,
        executor: Executor | None = None,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            resolver: finds the addresses.
            now: our clock.
            executor: None: threads.
        """
        self._resolver = resolver
        self._now = now
        self._executor = executor or Threads(_AT_ONCE)

    def look(self, question: Question) -> Diagnosis:
        """Look at every address, and say all that is wrong, ranked."""
        try:
            addresses = question.addresses or self._addresses(question.host)
        except EverleafError as error:
            fault = error.fault
            what = ": ".join((fault.what, *fault.words)).rstrip(".")
            return Diagnosis(
                place=question.place, findings=(Finding(symptom=UNRESOLVED, what=what),)
            )
        now = self._now()

        around = Around(
            question=question,
            now=now,
            lists=None if question.brief else Lists(question.timeout),
            www=Www(question, self._resolver, now),
        )

        def examine(address: str) -> Seen:
            return Examination(around, address).seen()

        done = (one[1] for one in self._executor.each(examine, addresses) if one is not None)
        seen = sorted(done, key=lambda one: addresses.index(one.address))
        return Diagnosis(
            place=question.place,
            findings=ranked([*located(seen), *compared(seen)]),
            facts={one.address: one.facts for one in seen},
        )

    def _addresses(self, host: str) -> tuple[str, ...]:
        """As DNS has them; of this machine itself DNS knows nothing (RFC 6761, section 6.3)."""
        if host == _HERE or host.endswith(f".{_HERE}"):
            return (_LOOPBACK,)
        return self._resolver.addresses(host)
