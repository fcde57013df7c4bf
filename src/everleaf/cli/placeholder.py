"""`everleaf placeholder`: a self-signed version, so that a server can start before it has one."""

from dataclasses import replace

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import WRONG, Context, session
from everleaf.core.certificate import Version
from everleaf.core.wanted import Wanted
from everleaf.ports import Material


@click.command("placeholder")
@click.argument("name")
@click.pass_obj
def command(context: Context, name: str) -> int:
    """Make a self-signed version of NAME live where none is. It never counts as issued."""
    settings = session.settings_of(context)
    (picked,) = session.chosen((name,), settings)
    wanted = settings.certificates[picked]
    tools = session.tools_for(context, settings)
    with tools.lock.held():
        live = tools.shelf.holding(wanted).live_version
        version = live or make(wanted, tools)
        # Also of one that is live: a copy may have failed, or have been configured since.
        tools.shelf.switch(wanted, version.id)
        if version.placeholder:
            # What a first certificate that is refused is switched back to.
            tools.store.change(name, lambda known: replace(known, settled=version.id))
    if live is None:
        click.echo(f"{name}: placeholder {version.id} is live at {tools.shelf.live_path(name)}")
    else:
        click.echo(f"{name} has a live version already: {version.id}; its copies are there")
    return WRONG if settings.faults else 0


def make(wanted: Wanted, tools: Workshop) -> Version:
    """Install a placeholder; it is not live yet."""
    from everleaf.pki.certificates import facts, split
    from everleaf.pki.placeholder import placeholder

    key = tools.keys.generate(wanted.key_type)
    leaf = placeholder(key, wanted.identifiers, tools.clock.now())
    known = facts(split(leaf)[0])
    version = Version(
        id=f"{tools.clock.now():%Y%m%dT%H%M%SZ}-placeholder",
        ask="",
        authority="",
        account="",
        identifiers=known.identifiers,
        serial=known.serial,
        not_before=known.not_before,
        not_after=known.not_after,
        earliest_end=known.not_after,
        chain_sha256=(known.sha256,),
        cert_id=None,
        installed_at=tools.clock.now(),
        placeholder=True,
    )
    tools.shelf.install(wanted, version, Material(leaf=leaf, chain=b"", key=key))
    return version
