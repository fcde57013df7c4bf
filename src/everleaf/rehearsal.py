"""A rehearsal: the first stages at a staging authority, then a trial of what would follow.

Account, state and trust are its own; nothing live is changed.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from everleaf.core.caa import binds_account
from everleaf.core.identifiers import Kind
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Failed, Outcome
from everleaf.core.rehearsed import Rehearsed
from everleaf.core.wanted import Wanted
from everleaf.errors import Actor, EndOfTimeError, EverleafError, Fault
from everleaf.pipeline import Pipeline
from everleaf.ports import Ask, Changed, Shelf, Store
from everleaf.report import Report
from everleaf.stages.install import material_of, version_of
from everleaf.stages.sight import Target, limit, targets


def recall(store: Store, name: str) -> Rehearsed:
    """What the last passed rehearsal left, in the rehearsal's own state."""
    text = store.noted(_key(name))
    return Rehearsed(**json.loads(text)) if text else Rehearsed()


def _key(name: str) -> str:
    return f"rehearsed {name}"


class Rehearsal:
    """The rehearsal of several certificates."""

    def __init__(self, pipeline: Pipeline, live: Shelf) -> None:
        """Nothing is asked yet.

        Args:
            pipeline: of the rehearsal's stages, each certificate at its staging authority.
            live: the true state directory, which is only read.
        """
        self._pipeline = pipeline
        self._tools = pipeline.tools
        self._live = live
        self._failing: set[str] = set()

    def run(self, names: Sequence[str]) -> Report:
        """Order, validate and verify; install for trial; check and look at what is there now."""
        stopped = ""
        try:
            for _ in self._tools.executor.each(self._rehearse, names):
                pass
            self._check(names)
            for _ in self._tools.executor.each(self._look, names):
                pass
        except EndOfTimeError as error:
            stopped = error.fault.what
        return Report(
            names=tuple(names),
            happenings=tuple(self._pipeline.happenings),
            failing=tuple(name for name in names if name in self._failing),
            stopped=stopped,
        )

    def _rehearse(self, name: str) -> None:
        wanted = self._pipeline.wanted[name]
        exempt = self._exempt(wanted)
        if exempt:
            note = f"not rehearsed: {exempt}"
            self._pipeline.tell(name, Stage.ORDER, Done(note))
            self._remember(name, Rehearsed(ask=wanted.ask, exempt=exempt))
            return
        self._pipeline.walk(name, Stage.ORDER, Stage.INSTALL)
        pending = self._pipeline.read(name).holding.pending
        if pending is None or not pending.verified:
            self._failing.add(name)
            return
        if self._try_install(name):
            self._remember(name, Rehearsed(ask=wanted.ask))
        self._tools.shelf.give_up(name)

    def _remember(self, name: str, what: Rehearsed) -> None:
        text = json.dumps({"ask": what.ask, "exempt": what.exempt})
        self._tools.store.note(_key(name), text)

    def _exempt(self, wanted: Wanted) -> str:
        """Why an order with the staging account shows nothing about the production account's."""
        for name in wanted.solvers:
            solver = self._tools.solver(name)
            if solver.binds_account:
                return f"{solver.types[0]} binds the production account"
        for one in wanted.identifiers:
            if one.kind is not Kind.DNS:
                continue
            try:
                found = self._tools.resolver.caa(str(one).removeprefix("*."))
            except EverleafError:
                continue  # the order itself will tell
            if binds_account(found):
                return f"the CAA records at {found.at} allow one account only"
        return ""

    def _try_install(self, name: str) -> bool:
        """Write the version as it would be written, with its owner and modes, and take it away."""
        job = self._pipeline.read(name)
        outcome: Outcome
        try:
            version, chain = version_of(job, self._tools)
            self._tools.shelf.attempt(job.wanted, version, material_of(job, self._tools, chain))
            outcome = Done("installed for trial, with the true permissions, and taken away")
        except EverleafError as error:
            outcome = Failed(error.fault)
        self._tell(name, Stage.INSTALL, outcome)
        return isinstance(outcome, Done)

    def _check(self, names: Sequence[str]) -> None:
        """Each server's own test of what is there now; nothing of the rehearsal is part of it."""
        by_terminator: dict[str, list[str]] = {}
        for name in names:
            for terminator in self._pipeline.wanted[name].terminators:
                by_terminator.setdefault(terminator, []).append(name)
        for terminator, members in by_terminator.items():
            changed = [self._changed(name) for name in members if self._is_live(name)]
            said = self._tools.terminators.check(terminator, changed)
            outcome: Outcome = Done(f"{terminator}: its test of what is there now passes")
            if said.not_mine:
                outcome = Done(f"{terminator}: its hook has no test")
            elif not said.ok:
                outcome = Failed(_broken(terminator, said.words))
            for name in members:
                self._tell(name, Stage.RELOAD, outcome)

    def _is_live(self, name: str) -> bool:
        return self._live.holding(self._pipeline.wanted[name]).live is not None

    def _changed(self, name: str) -> Changed:
        wanted = self._pipeline.wanted[name]
        return Changed(
            certificate=name,
            live=self._live.live_path(name),
            lineage=self._live.lineage_path(name),
            copies=tuple(str(copy.path) for copy in wanted.copies),
            identifiers=wanted.identifiers,
        )

    def _look(self, name: str) -> None:
        """Whether every address of every endpoint answers, whatever it serves."""
        wanted = self._pipeline.wanted[name]
        found = [
            one for endpoint in wanted.endpoints for one in targets(endpoint, self._tools.resolver)
        ]
        if not found:
            return
        silent = [words for one in found if (words := self._silence(one))]
        outcome: Outcome = Done(f"{len(found)} of {len(found)} addresses answer")
        if silent:
            outcome = Failed(_silent(silent, len(found)))
        self._tell(name, Stage.CONFIRM, outcome)

    def _silence(self, target: Target) -> str:
        endpoint = target.endpoint
        if target.unresolved:
            return f"{endpoint}: {target.unresolved}"
        ask = Ask(
            address=target.address,
            port=endpoint.port,
            server_name=endpoint.host,
            approach=endpoint.approach,
            client=endpoint.client,
        )
        seen = self._tools.probe.look(ask, limit(endpoint))
        if seen.chain or seen.no_route or endpoint.optional:
            return ""
        return f"{endpoint} at {target.address}: {seen.words}"

    def _tell(self, name: str, stage: Stage, outcome: Outcome) -> None:
        if isinstance(outcome, Failed):
            self._failing.add(name)
        self._pipeline.tell(name, stage, outcome)


def staged(wanted: Wanted, staging: str) -> Wanted:
    """The same, to be ordered at a staging authority."""
    return replace(wanted, authorities=(staging,), rehearse=False)


def _broken(terminator: str, words: tuple[str, ...]) -> Fault:
    return Fault(
        actor=Actor.OPERATOR,
        code="configuration-broken",
        what=f"{terminator}: the server's own test of what is there now fails",
        words=words,
        remedy="Mend the server's configuration before a certificate is deployed",
    )


def _silent(lines: Sequence[str], count: int) -> Fault:
    return Fault(
        actor=Actor.EDGE,
        code="unconfirmed",
        what=f"{len(lines)} of {count} addresses do not answer",
        words=tuple(lines),
        remedy="A certificate there could not be confirmed: start the server, mend the address, "
        "or mark the endpoint optional",
    )
