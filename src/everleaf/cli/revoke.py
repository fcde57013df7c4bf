"""`everleaf revoke`: have a certificate revoked; it is then due at once."""

from dataclasses import replace

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import WRONG, Context, session
from everleaf.core.certificate import Version
from everleaf.core.wanted import Wanted
from everleaf.errors import OperatorError
from everleaf.ports import Event

# RFC 5280, section 5.3.1, without those that only an authority can mean.
REASONS = {
    "unspecified": 0,
    "key-compromise": 1,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
}


@click.command("revoke")
@click.argument("name")
@click.option("--reason", type=click.Choice(list(REASONS)), required=True, help="Why.")
@click.option("--version", "version_id", help="Another version than the live one.")
@click.option(
    "--by",
    type=click.Choice(["account", "key"]),
    default="account",
    show_default=True,
    help="Signed by the account's key, or by the certificate's own.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(
    context: Context, name: str, *, reason: str, version_id: str | None, by: str, yes: bool
) -> int:
    """Revoke the live version of NAME at the authority that issued it.

    The next run orders another one, without waiting for the authority's renewal information.
    """
    settings = session.settings_of(context)
    (picked,) = session.chosen((name,), settings)
    wanted = settings.certificates[picked]
    tools = session.tools_for(context, settings, deadline=settings.deadline)
    with session.stoppable(tools), tools.lock.held():
        version = _version(wanted, version_id, tools)
        if not yes:
            what = f"Revoke {name}, version {version.id}, serial {version.serial}, for good?"
            click.confirm(what, abort=True)
        _revoke(wanted, version, tools, reason=reason, by_key=by == "key")
    click.echo(f"{name}: version {version.id} is revoked; the next run orders another")
    return WRONG if settings.faults else 0


def _version(wanted: Wanted, version_id: str | None, tools: Workshop) -> Version:
    holding = tools.shelf.holding(wanted)
    found = holding.version(version_id) if version_id else holding.live_version
    if found is None:
        there = ", ".join(one.id for one in holding.versions) or "none"
        raise OperatorError(
            f"{wanted.name} has no version {version_id}" if version_id else "no version is live",
            code="no-version",
            remedy=f"There are: {there}",
        )
    if found.placeholder:
        raise OperatorError("a placeholder cannot be revoked", code="placeholder")
    return found


def _revoke(
    wanted: Wanted, version: Version, tools: Workshop, *, reason: str, by_key: bool
) -> None:
    from everleaf.pki.certificates import split

    material = tools.shelf.material(wanted.name, version.id)
    if by_key and material.key is None:
        raise OperatorError("its private key is not here", code="no-key", remedy="Use --by account")
    (leaf,) = split(material.leaf)
    key = material.key if by_key else None
    tools.authority(version.authority).revoke(leaf, REASONS[reason], key)
    now = tools.clock.now()
    tools.shelf.amend(wanted.name, replace(version, revoked_at=now))
    detail = {"version": version.id, "serial": version.serial, "reason": reason}
    event = Event(at=now, certificate=wanted.name, stage="revoke", what="revoked", detail=detail)
    tools.store.change(wanted.name, lambda known: known, event)
