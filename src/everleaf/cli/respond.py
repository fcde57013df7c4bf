"""`everleaf respond`: answer http-01 for other machines, from a directory that they share."""

import signal
from pathlib import Path

import click

from everleaf.cli import Context

_DEFAULT = (("0.0.0.0", 80), ("::", 80))  # noqa: S104 - whom authorities ask is anybody's guess
_ENDS = (signal.SIGTERM, signal.SIGINT)


class _Address(click.ParamType[tuple[str, int]]):
    """An IP address with a port; 80 where none is given."""

    name = "address:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it.

        Raises:
            click.BadParameter: it is none.
        """
        from everleaf.config.faults import BadValueError
        from everleaf.config.values import address_port

        try:
            return address_port(str(value), 80)
        except BadValueError as error:
            self.fail(str(error), param, ctx)


@click.command("respond")
@click.argument("root", type=click.Path(path_type=Path))
@click.option(
    "--listen", type=_Address(), multiple=True, help="Where; 0.0.0.0:80 and [::]:80 by default."
)
@click.pass_obj
def command(context: Context, root: Path, listen: tuple[tuple[str, int], ...]) -> int:
    """Answer http-01 with what webroot solvers of any machine write below ROOT.

    Stays in the foreground until SIGTERM or SIGINT. Takes listening sockets from systemd.
    """
    from everleaf.challenges.activation import handed
    from everleaf.challenges.listening import written
    from everleaf.challenges.shared import answering
    from everleaf.system.events import LogEvents

    level = "error" if context.quiet else "info"
    events = LogEvents(level=level, form=context.log_format)
    addresses = listen or tuple(one.address for one in handed()) or _DEFAULT
    # Blocked before the first thread is there, so that none of them is interrupted.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        with answering(root, addresses) as places:
            where = ", ".join(map(written, places))
            events.say("info", "answering", root=str(root), listen=where)
            signal.sigwait(_ENDS)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0
