"""Loading a configuration: the main file, its included ones, and every fault at once."""

import re
from datetime import timedelta
from pathlib import Path

from everleaf.config import building, schema
from everleaf.config.certificates import Known, build
from everleaf.config.documents import Parsed, read
from everleaf.config.faults import ConfigError, ConfigFault
from everleaf.config.settings import Settings
from everleaf.config.solver_schema import answers
from everleaf.config.solvers import all_solvers
from everleaf.core.wanted import Wanted

__all__ = ["ConfigError", "load"]


def load(path: Path) -> Settings:
    """Read a configuration.

    A fault in an included file takes out the certificates of that file, and is in the settings'
    `faults`.

    Raises:
        ConfigError: the main file is wrong; with every fault of all files.
    """
    main = read(path, included=False)
    if not main.report.text:
        raise ConfigError(main.report.faults or _empty(main))
    included = [read(file, included=True) for file in _included(main)]
    settings = main.settings or schema.SettingsTable()
    report = main.report
    resolver = building.resolver(settings, report)
    state_dir = building.state_dir(settings, report)
    second, minute = timedelta(seconds=1), timedelta(minutes=1)
    deadline = building.span(settings.deadline, ("settings", "deadline"), report, least=second)
    wake_key = ("settings", "wake_interval")
    wake = None
    if settings.wake_interval is not None:
        wake = building.span(settings.wake_interval, wake_key, report, least=minute)
    skew_key = ("settings", "max_clock_skew")
    skew = building.span(settings.max_clock_skew, skew_key, report, least=minute)
    alert = building.alert(main.alert or schema.AlertTable(), report)
    authorities = building.all_authorities(main)
    solvers = all_solvers(main)
    terminators = building.all_terminators(main)
    known = _known(main, frozenset(authorities))
    certificates = _certificates(main, known, {})
    origin = dict.fromkeys(main.named["certificates"], path)
    for one in included:
        mine = _certificates(one, known, origin)
        origin = dict.fromkeys(one.named["certificates"], one.report.file) | origin
        if not one.report.faults:
            certificates |= mine
    others = tuple(sorted(fault for one in included for fault in one.report.faults))
    if report.faults:
        raise ConfigError((*sorted(report.faults), *others))
    return Settings(
        state_dir=state_dir,
        resolver=resolver,
        jobs=settings.jobs,
        deadline=deadline,
        batch_wait=building.span(settings.batch_wait, ("settings", "batch_wait"), report),
        wake_interval=wake,
        max_clock_skew=skew,
        alert=alert,
        authorities=authorities,
        solvers=solvers,
        terminators=terminators,
        certificates=dict(sorted(certificates.items())),
        faults=others,
        files=(path, *(one.report.file for one in included)),
    )


def _empty(main: Parsed) -> list[ConfigFault]:
    main.report.add((), "the file is empty", "begin with 'everleaf config init'", line=0)
    return main.report.faults


def _included(main: Parsed) -> list[Path]:
    found: dict[Path, None] = {}
    for place, pattern in enumerate(main.include):
        base = building.absolute(pattern, main.report.file)
        if re.search(r"[*?\[]", pattern):
            root = Path(base.anchor)
            matches = sorted(root.glob(str(base.relative_to(root))))
            found |= dict.fromkeys(one for one in matches if one.is_file())
        elif base.exists():
            found[base] = None
        else:
            remedy = "create it, or use a pattern such as conf.d/*.toml"
            main.report.add(("include", place), f"there is no file {base}", remedy)
    return list(found)


def _known(main: Parsed, authorities: frozenset[str]) -> Known:
    tables = main.named["authorities"]
    staging = {table.staging for table in tables.values() if table is not None}
    first = [name for name in tables if name not in staging and not name.endswith("-staging")]
    own = first or list(tables)
    names = list(main.named["solvers"])
    kinds = {
        name: () if table is None else answers(table)
        for name, table in main.named["solvers"].items()
    }
    return Known(
        authorities=authorities | frozenset(tables),
        solvers=kinds,
        terminators=frozenset(main.named["terminators"]),
        defaults=main.defaults or schema.CertificateDefaults(),
        default_authority=own[0] if len(own) == 1 else None,
        default_solver=names[0] if len(names) == 1 else None,
    )


def _certificates(parsed: Parsed, known: Known, others: dict[str, Path]) -> dict[str, Wanted]:
    found: dict[str, Wanted] = {}
    for name, table in parsed.named["certificates"].items():
        if name in others:
            remedy = "rename or remove one of the two"
            what = f"a certificate {name!r} stands in {others[name]} already"
            parsed.report.add(("certificates", name), what, remedy)
        elif table is not None:
            found[name] = build(name, table, known, parsed.report)
    return found
