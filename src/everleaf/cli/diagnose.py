"""`everleaf diagnose`: what is wrong with a TLS server, why, and what to check first."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from everleaf.cli import FAILING, Context, diagnosed, session
from everleaf.cli.diagnose_options import address_of, expected_of, place_of, stores_of, via_of
from everleaf.core.approach import Approach, Pair, StartTls
from everleaf.core.diagnosis import Diagnosis, Expected, Question

if TYPE_CHECKING:
    from everleaf.config.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_LEAST = timedelta(seconds=1)


@click.command("diagnose")
@click.argument("place", metavar="[HOST[:PORT]]", required=False)
@click.option(
    "--address", "addresses", multiple=True, metavar="IP", help="Look there, whatever DNS says."
)
@click.option("--starttls", type=click.Choice([one.value for one in StartTls]))
@click.option("--proxy-protocol", type=click.Choice(["1", "2"]), help="Send such a PROXY header.")
@click.option(
    "--via",
    metavar="URL",
    envvar="EVERLEAF_VIA",
    show_envvar=True,
    help="Look from elsewhere: socks5://, http:// or ssh://[USER@]HOST[:PORT].",
)
@click.option("--resolver", "resolvers", multiple=True, metavar="IP", help="Name server to ask.")
@click.option("--ca-file", type=_FILE, help="Roots that the server's clients trust (PEM).")
@click.option("--client-cert", type=_FILE, help="Present this certificate, with its chain (PEM).")
@click.option("--client-key", type=_FILE, help="Its private key (PEM).")
@click.option(
    "--expect",
    metavar="NAME|FILE",
    help="What should be served: a name, a file (PEM), or a certificate of the configuration.",
)
@click.option("--timeout", type=session.Duration(_LEAST), default="5s", show_default=True)
@click.option("--chain", type=_FILE, help="Look at this file (PEM) and at no server.")
@click.option("--key", type=_FILE, help="With --chain: the private key that belongs to it.")
@click.option("--root", type=_FILE, help="With --chain: the root that it has to lead to.")
@click.option("--local", is_flag=True, help="Look at the servers of this machine from inside.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, /, place: str | None, *, as_json: bool, **options: Any) -> int:
    """Look at what HOST serves on every address, and say what is wrong.

    Exit status: 0 healthy; 1 not; 2 the command line is wrong.
    """
    given = {name for name, value in options.items() if value} - {"timeout", "via"}
    if options["local"]:
        _refuse(given - {"local"}, "--local")
        return _local(context, as_json=as_json)
    if options["chain"]:
        _refuse(given - {"chain", "key", "root"}, "--chain")
        name = place_of(place, None)[0] if place else None
        return _show(_offline(name, **options), as_json=as_json)
    if place is None:
        raise click.UsageError("Name a HOST, or give --chain or --local.")
    if given & {"key", "root"}:
        raise click.UsageError("--key and --root belong to --chain.")
    return _show(_outside(context, _question(context, place, options), options), as_json=as_json)


def _refuse(more: set[str], option: str) -> None:
    if more:
        names = ", ".join(f"--{one.replace('_', '-')}" for one in sorted(more))
        raise click.UsageError(f"{option} does not go with {names}.")


def _show(found: Diagnosis, *, as_json: bool) -> int:
    if as_json:
        diagnosed.dump(found)
    else:
        diagnosed.show(found)
    return 0 if found.is_healthy else FAILING


def _local(context: Context, *, as_json: bool) -> int:
    from everleaf.cli.diagnose_local import diagnoses

    # Without a configuration the servers of this machine can be looked at all the same.
    settings = session.settings_of(context) if context.config.exists() else None
    found = diagnoses(settings)
    if as_json:
        diagnosed.dump_all(found)
    elif found:
        diagnosed.show_all(found)
    else:
        click.echo("No nginx, haproxy or Apache runs here.")
    return 0 if all(one.is_healthy for one in found) else FAILING


def _offline(
    name: str | None, *, chain: Path, key: Path | None, root: Path | None, **_: object
) -> Diagnosis:
    from everleaf.cli.diagnose_chain import diagnosis

    return diagnosis(chain, key, root, name)


def _question(context: Context, place: str, options: Mapping[str, Any]) -> Question:
    starttls = StartTls(options["starttls"]) if options["starttls"] else None
    host, port = place_of(place, starttls)
    certificate, key = options["client_cert"], options["client_key"]
    if (certificate is None) != (key is None):
        raise click.UsageError("--client-cert and --client-key go together.")
    expect = options["expect"]
    return Question(
        host=host,
        port=port,
        addresses=tuple(dict.fromkeys(map(address_of, options["addresses"]))),
        approach=Approach(
            starttls=starttls,
            proxy_protocol=int(options["proxy_protocol"] or 0),
            via=via_of(options["via"]) if options["via"] else None,
        ),
        client=Pair(certificate=certificate, key=key) if certificate else None,
        expected=expected_of(expect, lambda: _settings(context)) if expect else Expected(),
        stores=stores_of(options["ca_file"]),
        timeout=options["timeout"].total_seconds(),
    )


def _settings(context: Context) -> "Settings":
    from everleaf.config.loading import load

    return load(context.config)


def _outside(context: Context, question: Question, options: Mapping[str, Any]) -> Diagnosis:
    from everleaf.tls.diagnosing import Doctor
    from everleaf.tls.resolver import DnsResolver

    look = Doctor(DnsResolver(options["resolvers"])).look
    found, name = look(question), options["expect"]
    if name is None or found.is_healthy:
        return found
    from everleaf.cli.diagnose_deployed import explained

    return explained(found, question, name, lambda: _settings(context), look)
