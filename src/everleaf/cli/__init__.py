"""The command line: global options, exit statuses, and commands that load when they run."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from traceback import format_exception, walk_tb
from typing import NoReturn

import click

from everleaf import __version__
from everleaf.errors import EverleafError, LockedError, OperatorError

DEFAULT_CONFIG = "/etc/everleaf/everleaf.toml"
FAILING, WRONG, LOCKED = 1, 2, 75
_INTERRUPTED = 130

_COMMANDS = {
    "run": "Do what is due; for cron and timers.",
    "plan": "What run would do, and why.",
    "status": "Where each certificate stands, when it is next, who serves what.",
    "confirm": "Look from outside only.",
    "diagnose": "What is wrong with a TLS server, why, and what to check first.",
    "history": "What happened.",
    "placeholder": "A self-signed version, so that a server can start for the first time.",
    "revoke": "Have a certificate revoked; it is then due at once.",
    "account": "Show or change our account at an authority.",
    "records": "The DNS records that dns-persist-01 needs, to be set once.",
    "rollback": "An earlier version live again, and kept so.",
    "rename": "A certificate under another name, its lineage kept.",
    "forget": "Remove a certificate that is no longer configured.",
    "respond": "Answer http-01 for other machines, from a directory that they share.",
    "config": "Check, describe or begin the configuration.",
    "demo": "Issue, install, reload, confirm and renew, all on this machine.",
}


@dataclass(frozen=True, slots=True)
class Context:
    """The global options."""

    config: Path
    verbose: bool = False
    quiet: bool = False
    log_format: str = "text"


class _BrokenPipe(Exception):  # noqa: N818 - the same under a name that click does not know
    """Whoever read our output has gone."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are run or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"everleaf.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a slip of ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; click would end the program itself where a pipe is broken."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _BrokenPipe from error


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="everleaf")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    envvar="EVERLEAF_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.option("--verbose", is_flag=True, help="Log every step.")
@click.option("--quiet", is_flag=True, help="Log errors only, and print no summary.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of log lines on standard error.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path, *, verbose: bool, quiet: bool, log_format: str) -> None:
    """Renew TLS certificates, and be done only when every edge is seen serving them.

    Exit status: 0 all well; 1 a certificate is failing; 2 the command line or the configuration
    is wrong; 75 another run holds the lock.
    """
    ctx.obj = Context(config.absolute(), verbose, quiet, log_format)


def main() -> NoReturn:
    """Run the command line; every error becomes a line and an exit status."""
    _open_streams()
    sys.exit(status(sys.argv[1:]))


def _open_streams() -> None:
    """Standard streams that are closed lead nowhere: else a file of ours would stand for one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good


def status(arguments: Sequence[str]) -> int:
    """The exit status of one command; nothing that goes wrong in it leaves a traceback."""
    try:
        found = cli.main(list(arguments), prog_name="everleaf", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _INTERRUPTED
    except EverleafError as error:
        return _refused(error)
    except (OSError, _BrokenPipe) as error:
        cause = error.__cause__ if isinstance(error, _BrokenPipe) else error
        if isinstance(cause, OSError) and _is_of_output(cause):
            return _unheard(cause)
        return _bug(error, verbose="--verbose" in arguments)
    except Exception as error:  # noqa: BLE001 - the last resort
        return _bug(error, verbose="--verbose" in arguments)
    return found if isinstance(found, int) else 0


def _is_of_output(error: OSError) -> bool:
    """Whether it came of saying something: all of that goes through click."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_code.co_filename == click.utils.__file__


def _unheard(error: OSError) -> int:
    # Else the interpreter tries once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0  # whoever read it has gone, and has what was wanted
    with suppress(OSError):
        click.echo(f"everleaf: the output cannot be written: {error.strerror}", err=True)
    return FAILING


def _bug(error: Exception, *, verbose: bool) -> int:
    if verbose:
        click.echo("".join(format_exception(error)), err=True, nl=False)
    report = "report what stands above" if verbose else "run it with --verbose, and report it"
    what = f"unexpected {type(error).__name__}: {error}"
    click.echo(f"everleaf: {what}: this is a bug, {report}", err=True)
    return FAILING


def _refused(error: EverleafError) -> int:
    from everleaf.config.loading import ConfigError

    if isinstance(error, ConfigError):
        from everleaf.cli.faults import show

        show(error.faults)
        return WRONG
    click.echo(f"everleaf: {error.fault}", err=True)
    if isinstance(error, LockedError):
        return LOCKED
    return WRONG if isinstance(error, OperatorError) else FAILING
