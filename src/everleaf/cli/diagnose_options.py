"""What the options of `everleaf diagnose` mean."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from everleaf.config.settings import Settings
from everleaf.core.approach import StartTls, Via, Way
from everleaf.core.diagnosis import Expected, Store
from everleaf.core.identifiers import parse
from everleaf.errors import EverleafError

_PORTS = {
    None: 443,
    StartTls.SMTP: 25,
    StartTls.IMAP: 143,
    StartTls.POP3: 110,
    StartTls.FTP: 21,
    StartTls.LDAP: 389,
    StartTls.XMPP: 5222,
    StartTls.POSTGRES: 5432,
    StartTls.MYSQL: 3306,
}
_VIA_PORTS = {Way.SOCKS5: 1080, Way.HTTP: 3128, Way.SSH: 22}
_PLACE = re.compile(
    r"(\[[^\]]+\]|[^:/]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[^:/\]]+)?)(?::([0-9]{1,5}))?"
)
_URL = re.compile(r"https://([^/?#]*)([/?#].*)?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_LAST_PORT = 65535


def place_of(text: str, starttls: StartTls | None) -> tuple[str, int]:
    """Host and port; without a port, the one that is usual for the protocol.

    Raises:
        click.BadParameter: it is neither a name nor an address.
    """
    url = _URL.fullmatch(text.strip())
    found = _PLACE.fullmatch(url[1] if url else text.strip())
    port = int(found[2]) if found and found[2] else _PORTS[starttls]
    if not found or not 0 < port <= _LAST_PORT:
        raise click.BadParameter(f"{text!r} is not HOST or HOST:PORT", param_hint="HOST")
    bare = found[1].strip("[]").rstrip(".")
    if _LABEL.fullmatch(bare) and not bare.isdigit():
        return bare.lower(), port
    try:
        one = parse(bare)
    except EverleafError as error:
        if all(map(_LABEL.fullmatch, bare.split("."))) and not bare[-1].isdigit():
            return bare.lower(), port
        raise click.BadParameter(error.fault.what, param_hint="HOST") from None
    if one.is_wildcard:
        raise click.BadParameter(f"{text!r} is no host; name one below it", param_hint="HOST")
    return one.value, port


def address_of(text: str) -> str:
    """An address.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no IP address", param_hint="--address") from None


def via_of(text: str) -> Via:
    """The vantage that a URL names.

    Raises:
        click.BadParameter: it names none; the URL is not repeated, as it may hold a password.
    """
    try:
        url = urlsplit(text)
        way, port = Way(url.scheme), url.port
    except ValueError:
        url, way, port = None, None, None
    if url is None or way is None or not url.hostname or url.path not in ("", "/"):
        raise click.BadParameter(
            "it is not socks5://, http:// or ssh://[USER@]HOST[:PORT]", param_hint="--via"
        )
    if way is Way.SSH and url.password:
        raise click.BadParameter("ssh takes no password here, but a key", param_hint="--via")
    return Via(
        way=way,
        host=url.hostname,
        port=port or _VIA_PORTS[way],
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
    )


def expected_of(text: str, settings: Callable[[], Settings]) -> Expected:
    """What should be served: of a file, of a certificate of the configuration, or a name.

    Args:
        text: a path, where a file stands there; else a name.
        settings: reads the configuration.

    Raises:
        ConfigError: the configuration is wrong, and the text can be nothing else than a
            certificate's name.
        click.BadParameter: nothing is known by that name.
    """
    path = Path(text)
    if path.is_file():
        return _of_file(path)
    name = _name(text)
    try:
        found = _of_certificate(text, settings())
    except EverleafError:
        if name is None:
            raise
        found = None
    if found is None and name is None:
        what = f"{text!r} is no file, no certificate of the configuration, and no name"
        raise click.BadParameter(what, param_hint="--expect")
    return found or Expected(name=name or "")


def _name(text: str) -> str | None:
    try:
        return parse(text).value
    except EverleafError:
        return None


def is_readable(der: bytes) -> bool:
    """Whether it is a certificate."""
    from everleaf.pki.certificates import load

    try:
        load(der)
    except ValueError:
        return False
    return True


def stores_of(bundle: Path | None) -> tuple[Store, ...]:
    """What clients trust, the decisive one first.

    Raises:
        click.BadParameter: nothing in the bundle can be read.
        OperatorError: a file cannot be read, or holds no certificate.
    """
    from everleaf.system.trust import stores

    found = stores(bundle)
    if bundle is not None and not any(map(is_readable, found[0].roots)):
        what = f"{bundle} holds no certificate that can be read"
        raise click.BadParameter(what, param_hint="--ca-file")
    return found


def _of_file(path: Path) -> Expected:
    from everleaf.pki.certificates import split

    chain = split(path.read_bytes())
    if not chain or not is_readable(chain[0]):
        what = f"{path} holds no certificate that can be read, as PEM"
        raise click.BadParameter(what, param_hint="--expect")
    came = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Expected(chain=chain, source=str(path), installed_at=came)


def _of_certificate(name: str, settings: Settings) -> Expected | None:
    from everleaf.pki.certificates import split
    from everleaf.store.shelf import DiskShelf

    wanted = settings.certificates.get(name)
    if wanted is None:
        return None
    shelf = DiskShelf(settings.state_dir)
    live = shelf.holding(wanted).live_version
    if live is None:
        raise click.BadParameter(f"no version of {name!r} is live", param_hint="--expect")
    material = shelf.material(name, live.id)
    return Expected(
        chain=split(material.leaf + material.chain),
        source=f"version {live.id} in {shelf.live_path(name)}",
        installed_at=live.installed_at,
    )
