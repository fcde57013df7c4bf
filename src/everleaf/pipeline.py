"""One certificate through the stages, each outcome written before the next begins."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from everleaf.core.alerting import Emergency
from everleaf.core.identifiers import key_of
from everleaf.core.job import Job
from everleaf.core.lifecycle import End, Next, Stage, follows
from everleaf.core.limits import Turn, allot
from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.core.rehearsed import Rehearsed
from everleaf.core.schedule import Reason
from everleaf.core.standing import Standing, after, cleared
from everleaf.core.venue import Venue, attempts_key
from everleaf.core.wanted import Wanted
from everleaf.errors import Actor, EndOfTimeError, EverleafError, Fault
from everleaf.polling import next_question
from everleaf.stages.contract import StageModule, Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What a stage came to in this run, for the report."""

    certificate: str
    stage: Stage
    seen: Look | Outcome


@dataclass(slots=True)
class Pipeline:
    """Reads jobs, lets stages look and act, and writes what came of it.

    Attributes:
        wanted: every certificate of the configuration, by name.
        stages: the modules; a rehearsal has fewer.
        wake: time until the next run is expected.
        started: when this run began.
        waits_until: until then the run can wait for a selected time.
        most_skew: no decision is made on a clock that is off by more.
        force: asked for by hand.
        turns: when an order is within the limits, by certificate and authority.
        asked: the authorities that were spoken to.
        emergencies: what was ordered in this run because its emergency had come.
    """

    wanted: Mapping[str, Wanted]
    stages: Mapping[Stage, StageModule]
    tools: Tools
    wake: timedelta
    started: datetime
    force: bool = False
    waits_until: datetime | None = None
    most_skew: timedelta = timedelta(minutes=10)
    turns: dict[tuple[str, str], Turn] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    emergencies: dict[str, Emergency] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    families: dict[str, list[Wanted]] = field(init=False)

    def __post_init__(self) -> None:
        self.families = {}
        for one in self.wanted.values():
            self.families.setdefault(key_of(one.identifiers), []).append(one)

    def read(self, name: str) -> Job:
        """This certificate now: configuration, standing, files."""
        wanted, tools = self.wanted[name], self.tools
        standing = tools.store.standing(name)
        holding = tools.shelf.holding(wanted)
        rejections = [one.rejection for one in holding.versions if one.rejection is not None]
        refused = {one.terminator for one in rejections} & set(wanted.terminators)
        rehearsed = tools.rehearsed(name) if wanted.rehearse else Rehearsed()
        return Job(
            wanted=wanted,
            standing=standing,
            holding=holding,
            now=tools.clock.now(),
            started=self.started,
            venues=tuple(self._venue(wanted, one) for one in wanted.authorities),
            wake=self.wake,
            waits_until=self.waits_until,
            most_skew=self.most_skew,
            hooks=tuple((one, tools.terminators.digest(one)) for one in sorted(refused)),
            rehearsed=rehearsed.ask,
            exempt=rehearsed.exempt,
            force=self.force,
        )

    def _venue(self, wanted: Wanted, authority: str) -> Venue:
        store, account = self.tools.store, self.tools.account(authority)
        return Venue(
            authority=authority,
            account=account,
            attempts=store.attempts(attempts_key(wanted.identifiers, authority)),
            limited_until=store.limited_until(account),
            limits=self.tools.limits(authority),
            turn=self.turns.get((wanted.name, authority)),
            blocked_by=self._sibling_under_way(wanted, authority),
        )

    def _sibling_under_way(self, wanted: Wanted, authority: str) -> str:
        """Another certificate with an order under way there for the same identifiers."""
        for other in self.families[key_of(wanted.identifiers)]:
            if other.name != wanted.name:
                try:
                    pending = self.tools.shelf.holding(other).pending
                except EverleafError:
                    continue  # its own run says so
                under_way = pending and pending.order_url and not pending.downloaded
                if pending and under_way and pending.authority == authority:
                    return other.name
        return ""

    def allot(self, jobs: Sequence[Job]) -> None:
        """Give every order that is due its turn within the authorities' limits.

        Where the preferred authority has no room now, the next one is claimed too.

        Args:
            jobs: the most urgent first.
        """
        left = [job for job in jobs if isinstance(self.stages[Stage.ORDER].look(job), Due)]
        place = 0
        while left:
            claims: dict[str, list[tuple[Job, Venue]]] = {}
            later: list[Job] = []
            for job in left:
                open_ones = job.open_venues()
                if len(open_ones) > place and open_ones[place].limits:
                    venue = open_ones[place]
                    claims.setdefault(venue.account, []).append((job, venue))
            for account, mine in claims.items():
                counted, now = self.tools.store.counted(account), self.tools.clock.now()
                asking = [job.claim(venue.authority) for job, venue in mine]
                turns = allot(asking, counted, mine[0][1].limits, now)
                for job, venue in mine:
                    self.turns[job.name, venue.authority] = turns[job.name]
                    later += [job] if turns[job.name].at > now else []
            left, place = later, place + 1

    def look(self, name: str, stage: Stage) -> Look:
        """What `stage` would do now."""
        return self.stages[stage].look(self.read(name))

    def moments(self, job: Job) -> Iterator[datetime]:
        """When there is something to do for it: later, as far as is known now."""
        decision, question = job.decision(), next_question(job)
        if not decision.due:
            yield decision.at
        if question is not None:
            yield question
        for module in self.stages.values():
            look = module.look(job)
            if isinstance(look, Held) and look.until is not None:
                yield look.until

    def looks(self, name: str) -> dict[Stage, Look]:
        """What every stage would do, each on what is there now."""
        job = self.read(name)
        return {stage: module.look(job) for stage, module in self.stages.items()}

    def walk(self, name: str, start: Next, stop: Next) -> None:
        """Take one certificate from `start` to just before `stop`.

        Raises:
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        stage: Next = start
        begun_again = False
        while not isinstance(stage, End) and stage in self.stages and stage is not stop:
            seen = self._one(name, stage)
            if isinstance(seen, Back):
                if begun_again:
                    return
                begun_again = True
            stage = follows(stage, seen)

    def _one(self, name: str, stage: Stage) -> Look | Outcome:
        module, job = self.stages[stage], self.read(name)
        seen = module.look(job)
        match seen:
            case Idle():
                self.calm(name, stage, job.standing)
                return seen
            case Held():
                self.tell(name, stage, seen)
                return seen
            case Due():
                outcome = self._act(module, job, stage, seen)
                self.record(name, stage, outcome, seen)
                return outcome

    def _act(self, module: StageModule, job: Job, stage: Stage, due: Due) -> Outcome:
        newest, urgent = job.holding.newest, due.code == Reason.EMERGENCY
        level = "warning" if urgent else "debug"
        if urgent and newest is not None:
            self.emergencies[job.name] = Emergency(newest.id, due.why)
        self.tools.events.progress(job.name, stage.value, due.why)
        self.tools.events.say(
            level, "stage begins", certificate=job.name, stage=stage.value,
            why=due.why, code=due.code,
        )  # fmt: skip
        if stage in (Stage.ORDER, Stage.VALIDATE):
            spoken_to = {venue.authority for venue in (*job.open_venues(), job.venue_in_use())}
            self.asked |= spoken_to & set(job.wanted.authorities)
        try:
            return module.act(job, self.tools)
        except EndOfTimeError:
            self.tools.store.change(
                job.name, lambda known: replace(known, cut_off=known.cut_off + 1)
            )
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one certificate stops no other
            return failure(error, self.tools, job.name, stage)

    def broke(self, name: str, fault: Fault) -> None:
        """What is known of a certificate cannot be read or written: say so."""
        self.tell(name, Stage.ORDER, Failed(fault))

    def calm(self, name: str, stage: Stage, standing: Standing) -> None:
        """A stage with nothing to do is well, whatever it was before."""
        if stage in standing.troubles or stage in standing.waiting:
            self.tools.store.change(name, lambda known: cleared(known, stage))

    def record(self, name: str, stage: Stage, outcome: Outcome, due: Due | None = None) -> None:
        """Write an outcome, then tell of it."""
        now = self.tools.clock.now()
        if isinstance(outcome, Done) and not outcome.news:
            self.tools.store.change(name, lambda known: after(known, stage, outcome, now))
        else:
            self.tools.store.record(name, stage, outcome, now, due)
        self.tell(name, stage, outcome)

    def tell(self, name: str, stage: Stage, seen: Look | Outcome) -> None:
        """Say what a stage came to, in the log, in the progress and in the report."""
        self.happenings.append(Happening(certificate=name, stage=stage, seen=seen))
        say, progress = self.tools.events.say, self.tools.events.progress
        match seen:
            case Done(note, news):
                level = "info" if news else "debug"
                say(level, "stage done", certificate=name, stage=stage.value, note=note)
                progress(name, stage.value, "done")
            case Back(why):
                say("warning", "begun again", certificate=name, stage=stage.value, why=why)
            case Waiting(until, why):
                at = until.isoformat(timespec="seconds")
                say("info", "waiting", certificate=name, stage=stage.value, why=why, until=at)
                progress(name, stage.value, "waiting")
            case Failed(fault):
                say(
                    "error", "stage failed", certificate=name, stage=stage.value, code=fault.code,
                    what=fault.what, where=fault.where, words=list(fault.words),
                    remedy=fault.remedy,
                )  # fmt: skip
                progress(name, stage.value, "failed")
            case Held(at, why):
                when = at.isoformat(timespec="seconds") if at else "something changes"
                say("info", "held", certificate=name, stage=stage.value, why=why, until=when)
                progress(name, stage.value, "held")
            case Idle() | Due():
                pass


def failure(error: Exception, tools: Tools, name: str, stage: Stage) -> Failed:
    """What an exception of an act comes to: its fault, or a bug of ours, never a traceback."""
    if isinstance(error, EverleafError):
        return Failed(error.fault)
    trace = "".join(traceback.format_exception(error))
    tools.events.say(
        "debug", "unexpected error", certificate=name, stage=stage.value, traceback=trace
    )
    return Failed(
        Fault(
            actor=Actor.EVERLEAF,
            code="unexpected",
            what=f"unexpected {type(error).__name__} in {stage}: {error}",
            remedy="This is a bug: run it with --verbose and report what it says",
        )
    )
