"""`everleaf history`: what happened."""

import click

from everleaf.cli import WRONG, Context, console, documents, session
from everleaf.ports import Event

_MOST = 1_000_000


@click.command("history")
@click.argument("name", required=False)
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=200, show_default=True, help="Newest N."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, name: str | None, *, limit: int, as_json: bool) -> int:
    """Say what happened, to NAME or to every certificate, oldest first."""
    settings = session.settings_of(context)
    tools = session.tools_for(context, settings, reading=True)
    known = {*settings.certificates, *tools.store.names(), *tools.shelf.names()}
    if name is not None and name not in known:
        raise click.UsageError(f"nothing is known of {name!r}")
    events = tools.store.history(name, limit)
    if as_json:
        found = [documents.event(one) for one in events]
        console.dump({"version": documents.VERSION, "events": found})
    else:
        console.table(
            [
                (
                    documents.moment(one.at) or "",
                    one.certificate,
                    one.stage,
                    one.what,
                    " ".join(_words(one)),
                )
                for one in events
            ]
        )
    return WRONG if settings.faults else 0


def _words(event: Event) -> list[str]:
    """The detail for people, to whom a fault's own words name its causes already."""
    return [text for key, text in event.detail.items() if text and key != "causes"]
