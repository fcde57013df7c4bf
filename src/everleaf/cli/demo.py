"""`everleaf demo`: a certificate's whole life on this machine, for real."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from everleaf.cli import FAILING
from everleaf.errors import EverleafError

_TERMINATED = 128 + signal.SIGTERM


@click.command("demo")
@click.option("--keep", is_flag=True, help="Keep the folder with everything in it.")
@click.option("--own-server", is_flag=True, help="Use a small server of its own, not nginx.")
def command(*, keep: bool, own_server: bool) -> int:
    """Issue, install, reload, confirm and renew with a local test CA and a local TLS server.

    Needs no privileges and stays on loopback. Pebble is found on PATH or built with Go.
    """
    from everleaf.demo.story import Story

    # Told to stop, it takes everything down as it would at the end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    folder = Path(tempfile.mkdtemp(prefix="everleaf-demo-"))
    # The server's workers may run as another user, and have to pass through.
    folder.chmod(0o711)
    try:
        Story(folder, click.echo, own_server).tell()
    except EverleafError as error:
        click.echo(f"everleaf: {error.fault}", err=True)
        return FAILING
    finally:
        if keep:
            click.echo(f"Everything is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    click.echo("Done: renewed, and seen to be served. Nothing is left running.")
    return 0
