"""`everleaf account`: our account at an authority, shown and changed."""

from collections.abc import Sequence

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import WRONG, Context, console, documents, session
from everleaf.config.settings import Settings
from everleaf.ports import AccountFacts


@click.group("account")
def command() -> None:
    """Show or change our account at an authority."""


_NAME = click.argument("authority", required=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")


@command.command("show")
@_NAME
@_JSON
@click.pass_obj
def show(context: Context, authority: str | None, *, as_json: bool) -> int:
    """Show the account at AUTHORITY, or at every one that is used; opened where there is none."""
    settings, tools = _tools(context)
    names = [_picked(authority, settings)] if authority else _used(settings)
    with session.stoppable(tools), tools.lock.held():
        _tell([(name, tools.accounts(name).facts()) for name in names], as_json=as_json)
    return WRONG if settings.faults else 0


@command.command("update")
@_NAME
@_JSON
@click.pass_obj
def update(context: Context, authority: str | None, *, as_json: bool) -> int:
    """Bring the contact to the configuration's, and agree to changed terms of service."""
    settings, tools = _tools(context)
    name = _picked(authority, settings)
    with session.stoppable(tools), tools.lock.held():
        _tell([(name, tools.accounts(name).update())], as_json=as_json)
    return WRONG if settings.faults else 0


@command.command("rollover")
@_NAME
@_JSON
@click.pass_obj
def rollover(context: Context, authority: str | None, *, as_json: bool) -> int:
    """Replace the account's key by a new one; certificates and orders stay as they are."""
    settings, tools = _tools(context)
    name = _picked(authority, settings)
    with session.stoppable(tools), tools.lock.held():
        _tell([(name, tools.accounts(name).roll_over())], as_json=as_json)
    return WRONG if settings.faults else 0


@command.command("deactivate")
@_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def deactivate(context: Context, authority: str | None, *, yes: bool) -> int:
    """Give the account up for good: the authority never takes it back."""
    settings, tools = _tools(context)
    name = _picked(authority, settings)
    if not yes:
        click.confirm(f"Give up the account at {name}, for good?", abort=True)
    with session.stoppable(tools), tools.lock.held():
        tools.accounts(name).deactivate()
    click.echo(f"{name}: the account is given up; the next order opens another")
    return WRONG if settings.faults else 0


def _tools(context: Context) -> tuple[Settings, Workshop]:
    settings = session.settings_of(context)
    return settings, session.tools_for(context, settings, deadline=settings.deadline)


def _used(settings: Settings) -> list[str]:
    """The authorities that certificates are ordered at; all, where there is no certificate."""
    used = {name for one in settings.certificates.values() for name in one.authorities}
    return sorted(used or settings.authorities)


def _picked(authority: str | None, settings: Settings) -> str:
    known = _used(settings)
    if authority is None and len(known) == 1:
        return known[0]
    if authority is None:
        there = f"name one of the authorities: {', '.join(known)}"
        raise click.UsageError(there if known else "no authority is configured")
    if authority not in settings.authorities:
        there = (
            f"there are: {', '.join(sorted(settings.authorities))}" if known else "there is none"
        )
        raise click.UsageError(f"no authority {authority!r} is configured; {there}")
    return authority


def _tell(found: Sequence[tuple[str, AccountFacts]], *, as_json: bool) -> None:
    if as_json:
        accounts = [documents.account(name, facts) for name, facts in found]
        console.dump({"version": documents.VERSION, "accounts": accounts})
        return
    for name, facts in found:
        click.echo(f"{name}: {facts.status}")
        click.echo(f"  account: {facts.url}")
        click.echo(f"  contact: {', '.join(facts.contact) or 'none'}")
        click.echo(f"  key thumbprint: {facts.thumbprint}")
        if facts.terms:
            agreed = "agreed to" if facts.agreed == facts.terms else f"agreed to: {facts.agreed}"
            click.echo(f"  terms of service: {facts.terms}, {agreed}")
