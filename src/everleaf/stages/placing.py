"""Placing one order at one authority, with `replaces`, within its limits."""

from dataclasses import dataclass, replace

from everleaf.core.job import Job, Pending
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Waiting
from everleaf.core.venue import Venue
from everleaf.errors import AuthorityError, UnreachableError
from everleaf.ports import Authority, Order
from everleaf.stages.clockwork import mind_clock
from everleaf.stages.contract import Tools
from everleaf.stages.preflight import preflight

_SENDINGS = 3
_SENDINGS_OF_SEVERAL = 2  # another authority is at hand
_KEPT_FROM_RETRY = ("badNonce", "rateLimited", "invalidProfile")


@dataclass(frozen=True, slots=True)
class Placing:
    """One order about to be placed at one authority."""

    job: Job
    venue: Venue
    tools: Tools

    @property
    def _authority(self) -> Authority:
        return self.tools.authority(self.venue.authority)

    def begin(self, pending: Pending | None) -> Done | Waiting:
        """Key on disk, then the order; it waits where a limit leaves it no room.

        Args:
            pending: what a lost answer has left; its key is used.

        Raises:
            EverleafError: no order stands there.
        """
        job, tools = self.job, self.tools
        account = self._authority.account()
        mind_clock(self._authority, job, tools)
        self._mind_terms()
        preflight(job, self._authority, account, tools)
        replaces = self._replaces(account)
        wait = self._turn(account, replaces=replaces is not None)
        if wait is not None:
            return wait
        if pending is None:
            pending = self._with_key(account)
        placed = self._place(account, replaces)
        if isinstance(placed, Waiting):
            return placed
        order, replaces = placed
        recorded = replace(
            pending, order_url=order.url, account=account, replaces=replaces, profile=order.profile
        )
        tools.shelf.update(job.name, recorded)
        where = f" at {self.venue.authority}" if len(job.venues) > 1 else ""
        return Done(f"order {order.url}{where}" + (f" replaces {replaces}" if replaces else ""))

    def _mind_terms(self) -> None:
        """Terms of service that are not those agreed to are told, once (RFC 8555, 7.3.3)."""
        terms = self.tools.accounts(self.venue.authority).new_terms()
        note = f"terms of {self.venue.authority}"
        if terms and self.tools.store.noted(note) != terms:
            self.tools.events.say(
                "warning", "terms of service changed", certificate="", stage=Stage.ORDER.value,
                authority=self.venue.authority, terms=terms,
                remedy=f"Read them, then: everleaf account update {self.venue.authority}",
            )  # fmt: skip
            self.tools.store.note(note, terms)

    def _with_key(self, account: str) -> Pending:
        job, wanted, decision = self.job, self.job.wanted, self.job.decision()
        pending = Pending(
            ask=wanted.ask,
            authority=self.venue.authority,
            account=account,
            identifiers=wanted.identifiers,
            created_at=self.tools.clock.now(),
            because=f"{decision.reason}, {decision.why}",
        )
        self.tools.shelf.begin(job.name, pending, self._key())
        return pending

    def _key(self) -> bytes | None:
        """A fresh one; the predecessor's, where that is wanted; none where the request is given."""
        wanted, newest = self.job.wanted, self.job.holding.newest
        if wanted.csr is not None:
            return None
        if wanted.reuse_key and newest and newest.has_key and newest.key_type == wanted.key_type:
            known = self.tools.shelf.material(wanted.name, newest.id).key
            if known is not None:
                return known
        return self.tools.keys.generate(wanted.key_type)

    def _replaces(self, account: str) -> str | None:
        """The CertID for `replaces` (RFC 9773, section 5): the same authority and account."""
        before = self.job.predecessor(self.venue.authority)
        if before is None or not self._authority.has_renewal_info():
            return None
        return before.cert_id if before.account == account else None

    def _turn(self, account: str, *, replaces: bool) -> Waiting | None:
        """Count the order; where the authority's limits leave it no room, it waits for its turn."""
        job, now = self.job, self.tools.clock.now()
        limits = () if job.force else self.venue.limits
        claim = job.claim_of(self.venue.authority, replaces=replaces)
        turn = self.tools.store.claim(account, claim, limits, now)
        return Waiting(turn.at, turn.why) if turn.at > now else None

    def _place(self, account: str, replaces: str | None) -> tuple[Order, str | None] | Waiting:
        """An order, and the CertID that it carried.

        A refusal of `replaces` is tried once without it; a lost answer is sent for again, since a
        pending order without a URL costs nothing but its place in the count.
        """
        lost = 0
        wanted = self.job.wanted
        sendings = _SENDINGS if len(self.job.venues) == 1 else _SENDINGS_OF_SEVERAL
        while True:
            try:
                order = self._authority.new_order(wanted.identifiers, replaces, wanted.profile)
            except UnreachableError as error:
                lost += 1
                if lost == sendings or error.retry_at is not None:
                    raise
                self.tools.clock.sleep(0.25 * 2**lost)
            except AuthorityError as error:
                if replaces is None or _keeps_replaces(error):
                    raise
                self._say_without(error)
                replaces = None
            else:
                return order, replaces
            wait = self._turn(account, replaces=replaces is not None)
            if wait is not None:
                return wait

    def _say_without(self, error: AuthorityError) -> None:
        self.tools.events.say(
            "warning",
            "order refused with replaces, placed without it",
            certificate=self.job.name,
            stage=Stage.ORDER.value,
            words=list(error.fault.words),
        )


def _keeps_replaces(error: AuthorityError) -> bool:
    problem = error.problem
    return problem is None or problem.kind in _KEPT_FROM_RETRY or problem.status in (429, 503)
