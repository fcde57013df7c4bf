"""From where endpoints are looked at, where not from here: [vantages.NAME], or a URL."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from everleaf.config import schema
from everleaf.config.documents import Parsed
from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.places import absolute, content
from everleaf.config.report import Report
from everleaf.config.secret_tables import secret
from everleaf.core.approach import Via, Way

_PORTS = {Way.SOCKS5: 1080, Way.HTTP: 3128, Way.SSH: 22}
_REMEDY = 'write "socks5://HOST:PORT", "http://HOST:PORT" or "ssh://USER@HOST:PORT"'
_APART = (
    'give it a table of its own, [vantages.NAME], with password = { file = "/path" }, '
    'and write via = "NAME"'
)


def all_vantages(parsed: Parsed) -> dict[str, Via]:
    """The vantages of the file; one that is wrong is reported, and known all the same."""
    found: dict[str, Via] = {}
    for name, table in parsed.named["vantages"].items():
        if table is not None:
            found[name] = _vantage(table, ("vantages", name), parsed.report)
    return found


def _vantage(table: schema.VantageTable, key: Key, report: Report) -> Via:
    try:
        one = by_url(table.url)
    except BadValueError as error:
        report.take((*key, "url"), error)
        return Via(way=Way.SSH, host="", port=_PORTS[Way.SSH])
    identity, hidden = None, None
    if table.identity is not None:
        identity = absolute(table.identity, report.file)
        if one.way is not Way.SSH:
            report.add((*key, "identity"), "a proxy takes no key", "remove it")
        else:
            try:
                content(identity)
            except BadValueError as error:
                report.take((*key, "identity"), error)
    if table.password is not None:
        hidden = secret(table.password, (*key, "password"), report)
        if one.way is Way.SSH:
            remedy = 'name its key instead: identity = "/path"'
            report.add((*key, "password"), "ssh takes no password here", remedy)
        elif not one.user:
            remedy = f'name the user in the URL, as in "{one.way}://USER@HOST:PORT"'
            report.add((*key, "password"), "it is not said whose password it is", remedy)
    return Via(
        way=one.way, host=one.host, port=one.port, user=one.user, hidden=hidden, identity=identity
    )


def named(text: str, key: Key, known: Mapping[str, Via], report: Report) -> Via | None:
    """The vantage of this name, or that of a URL; None: neither, as is reported."""
    if "://" not in text:
        if text in known:
            return known[text]
        what = f"there is no vantage {shown(text)}"
        report.add(key, what, meant(text, known) if known else f"add [vantages.NAME], or {_REMEDY}")
        return None
    try:
        return by_url(text)
    except BadValueError as error:
        report.take(key, error)
        return None


def by_url(text: str) -> Via:
    """The vantage that a URL names.

    Raises:
        BadValueError: it names none. It is not repeated, as it may hold a password.
    """
    try:
        url = urlsplit(text)
        way, port = Way(url.scheme), url.port
    except ValueError:  # another scheme; a port, or brackets, of no use
        raise BadValueError("this is no vantage's URL", _REMEDY) from None
    if url.password is not None:
        raise BadValueError("a password does not belong into the configuration", _APART)
    if not url.hostname or url.hostname.startswith("-") or port == 0:
        raise BadValueError("this is no vantage's URL", _REMEDY)
    if url.path not in ("", "/") or url.query or url.fragment:
        raise BadValueError("a vantage's URL ends with its port", _REMEDY)
    user = unquote(url.username or "")
    return Via(way=way, host=url.hostname, port=port or _PORTS[way], user=user)
