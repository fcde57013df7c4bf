"""Loading a configuration: the main file, its included ones, and every fault at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from everleaf.config import building, schema
from everleaf.config.authority_tables import all_authorities
from everleaf.config.building import DAY, MINUTE, SECOND
from everleaf.config.certificates import Built, Known, build
from everleaf.config.common import Names, said
from everleaf.config.documents import Parsed, read
from everleaf.config.endpoints import Around
from everleaf.config.faults import ConfigError, ConfigFault
from everleaf.config.including import included
from everleaf.config.overlaps import refuse_overlaps
from everleaf.config.report import Report
from everleaf.config.settings import Settings
from everleaf.config.solver_schema import answers
from everleaf.config.solvers import all_solvers
from everleaf.config.vantages import all_vantages
from everleaf.core.wanted import Wanted

__all__ = ["ConfigError", "load"]

_MONTH = 31 * DAY


def load(path: Path) -> Settings:
    """Read a configuration.

    A fault in an included file takes out the certificates of that file, and is in the settings'
    `faults`.

    Raises:
        ConfigError: the main file is wrong; with every fault of all files.
    """
    main = read(path, included=False)
    report = main.report
    if not report.text:
        raise ConfigError(report.faults or _empty(main))
    others = [read(file, included=True) for file in included(main.include, report)]
    state_dir = building.state_dir(main.settings, report)
    resolver, times = building.resolver(main.settings, report), _times(main.settings, report)
    alert = building.alert(main.alert, report)
    authorities, solvers = all_authorities(main), all_solvers(main)
    terminators = building.all_terminators(main)
    around = Around(vantages=all_vantages(main), clients=_live(main, others, state_dir))
    certificates = _certificates(main, others, _known(main, authorities, around), state_dir)
    faults = tuple(sorted(fault for one in others for fault in one.report.faults))
    if report.faults:
        raise ConfigError((*sorted(report.faults), *faults))
    return Settings(
        state_dir=state_dir,
        resolver=resolver,
        jobs=main.settings.jobs,
        deadline=times.deadline,
        batch_wait=times.batch_wait,
        wake_interval=times.wake_interval,
        max_clock_skew=times.max_clock_skew,
        alert=alert,
        authorities=authorities,
        solvers=solvers,
        terminators=terminators,
        certificates=certificates,
        faults=faults,
        files=(path, *(one.report.file for one in others)),
    )


def _empty(main: Parsed) -> list[ConfigFault]:
    main.report.add((), "the file is empty", "begin with 'everleaf config init'", line=0)
    return main.report.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """What the settings say of times."""

    deadline: timedelta
    batch_wait: timedelta
    wake_interval: timedelta | None
    max_clock_skew: timedelta


def _times(table: schema.SettingsTable, report: Report) -> _Times:
    def span(field: str, text: str, least: timedelta, most: timedelta) -> timedelta:
        return building.span(text, ("settings", field), report, least=least, most=most)

    wake = table.wake_interval
    return _Times(
        deadline=span("deadline", table.deadline, SECOND, _MONTH),
        batch_wait=span("batch_wait", table.batch_wait, 0 * DAY, DAY),
        wake_interval=span("wake_interval", wake, MINUTE, _MONTH) if wake else None,
        max_clock_skew=span("max_clock_skew", table.max_clock_skew, MINUTE, DAY),
    )


def _live(main: Parsed, others: list[Parsed], state_dir: Path) -> dict[str, Path]:
    """The folders of what is live of every certificate, by its name: a contract."""
    return {
        name: state_dir / "certificates" / name / "live"
        for one in (main, *others)
        for name in one.named["certificates"]
    }


def _known(main: Parsed, authorities: Mapping[str, object], around: Around) -> Known:
    tables = main.named["authorities"]
    staging = {table.staging for table in tables.values() if table is not None}
    first = [name for name in tables if name not in staging and not name.endswith("-staging")]
    own = first or list(tables)
    solvers = main.named["solvers"]
    names = Names(
        authorities=frozenset((*authorities, *tables)),
        solvers={name: () if one is None else answers(one) for name, one in solvers.items()},
        terminators=frozenset(main.named["terminators"]),
    )
    return Known(
        names=names,
        defaults=said(main.defaults, ("defaults",), names, main.report),
        report=main.report,
        default_authority=own[0] if len(own) == 1 else None,
        default_solver=next(iter(solvers)) if len(solvers) == 1 else None,
        around=around,
    )


def _certificates(
    main: Parsed, others: list[Parsed], known: Known, state_dir: Path
) -> dict[str, Wanted]:
    """Those of all files, sorted, without those of the files in which anything is wrong."""
    origin: dict[str, Path] = {}
    built: dict[Path, list[Built]] = {}
    for one in (main, *others):
        built[one.report.file] = _of_one_file(one, known, origin)
    refuse_overlaps((one for found in built.values() for one in found), state_dir)
    wrong = {one.report.file for one in others if one.report.faults}
    right = [one.wanted for file, found in built.items() if file not in wrong for one in found]
    return {one.name: one for one in sorted(right, key=lambda one: one.name)}


def _of_one_file(parsed: Parsed, known: Known, origin: dict[str, Path]) -> list[Built]:
    found: list[Built] = []
    for name, table in parsed.named["certificates"].items():
        if name in origin:
            remedy = "rename or remove one of the two"
            what = f"a certificate {name!r} stands in {origin[name]} already"
            parsed.report.add(("certificates", name), what, remedy)
        elif table is not None:
            found.append(build(name, table, known, parsed.report))
        origin.setdefault(name, parsed.report.file)
    return found
