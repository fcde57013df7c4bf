"""`everleaf records`: the standing DNS records that dns-persist-01 needs, to be set once."""

import click

from everleaf.cli import WRONG, Context, console, documents, session
from everleaf.config.settings import Settings
from everleaf.core.wanted import Wanted

PERSIST = "dns-persist-01"


@click.command("records")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, names: tuple[str, ...], *, as_json: bool) -> int:
    """Print the records to set once for NAMES, or for every certificate that is validated so.

    They name the account, which is opened where there is none.
    """
    from everleaf.challenges.persist import record

    settings = session.settings_of(context)
    picked = session.chosen(names, settings)
    tools = session.tools_for(context, settings, deadline=settings.deadline)
    found: list[dict[str, str]] = []
    with session.stoppable(tools), tools.lock.held():
        for name in picked:
            wanted = settings.certificates[name]
            if not _persistent(wanted, settings):
                continue
            for place in wanted.authorities:
                authority = tools.authority(place)
                account = authority.account()
                lines = record(wanted.identifiers, authority.identities(), account)
                found += [
                    {"certificate": name, "authority": place, "record": line} for line in lines
                ]
    if as_json:
        console.dump({"version": documents.VERSION, "records": found})
    else:
        for line in dict.fromkeys(one["record"] for one in found):
            click.echo(line)
        if not found:
            click.echo(f"no certificate is validated by {PERSIST}: no record is needed", err=True)
    return WRONG if settings.faults else 0


def _persistent(wanted: Wanted, settings: Settings) -> bool:
    return any(PERSIST in settings.solvers[one].answers for one in wanted.solvers)
