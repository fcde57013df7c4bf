"""Apache: which certificates and back ends its configuration names, and when it was last read."""

from collections.abc import Iterator
from pathlib import Path

from everleaf.core.wanted import Usage
from everleaf.local.apache_tree import Tree
from everleaf.local.built import said, value
from everleaf.local.model import Authorities, Backend, Configured, Use
from everleaf.local.processes import Process, Running
from everleaf.local.text import Directive, Stack, effective, levels, named
from everleaf.local.text import value as setting

_AUTHORITIES = (
    "sslcacertificatefile",
    "sslcacertificatepath",
    "sslcarevocationfile",
    "sslcarevocationpath",
)
_NO_FILE = "pkcs11:"
_TLS = ("https://", "wss://", "h2://")


def configuration_file(process: Process) -> str:
    """The absolute path of the first file, by the command line, else as the program was built."""
    return _beginning(process)[1]


def _beginning(process: Process) -> tuple[str, str]:
    """The ServerRoot before the configuration names one, and the first file."""
    root = next(iter(_options(process, "-d")), "")
    first = next(iter(_options(process, "-f")), "")
    if not root or not first:
        text = said(process, "-V")
        root = root or value(text, r'HTTPD_ROOT="([^"]+)"', "/etc/apache2")
        first = first or value(text, r'SERVER_CONFIG_FILE="([^"]+)"', "apache2.conf")
    return root, str(Path(root, first))


def _options(process: Process, name: str) -> list[str]:
    """What follows each `-X`; the value may be in the same word."""
    found = []
    words = iter(process.command)
    for word in words:
        if word == name:
            found.append(next(words, ""))
        elif word.startswith(name):
            found.append(word.removeprefix(name))
    return found


def last_read(server: Running) -> tuple[float, float]:
    """Between when and when the running configuration was read.

    A reload replaces all children, and some are started in between as load demands: so the oldest
    was started with it at the earliest, if it is not on its way out, and the newest at the latest.
    """
    ages = [one.started for one in server.workers] or [server.master.started]
    return min(ages), max(ages)


def configured(server: Running) -> Configured:
    """What the configuration on disk names."""
    root, path = _beginning(server.master)
    defined = dict.fromkeys(_options(server.master, "-D"), "")
    tree = Tree(root, defined, server.master.setting)
    body = tree.read(path, path)
    found = Configured(findings=tree.findings)
    speaks = any(_is_on(stack, "sslengine") for stack in levels(body))
    for stack in levels(body):
        # What is said for the whole server holds in its virtual hosts.
        if _is_on(stack, "sslengine") or (len(stack) == 1 and speaks):
            found.uses += _uses(stack, tree, found)
        if named(stack[-1], "sslproxymachinecertificatefile"):
            found.uses += _clients(stack, tree)
        found.authorities += [
            Authorities(tree.path(one.first), one.place) for one in named(stack[-1], *_AUTHORITIES)
        ]
        found.backends += _backends(stack, tree)
    return found


def _is_on(stack: Stack, name: str) -> bool:
    return setting(stack, name).lower() in {"on", "optional"}


def _uses(stack: Stack, tree: Tree, found: Configured) -> Iterator[Use]:
    """The pairs of one level: the first certificate has the first key."""
    keys = named(stack[-1], "sslcertificatekeyfile")
    chain = setting(stack, "sslcertificatechainfile")
    for at, one in enumerate(named(stack[-1], "sslcertificatefile")):
        if one.first.startswith(_NO_FILE):
            found.unseen.append(f"{one.place}: SSLCertificateFile")
        elif one.first:
            key = keys[at].first if at < len(keys) else ""
            yield Use(
                certificate=tree.path(one.first),
                key=tree.path(key) if key else None,
                has_key=not key.startswith(_NO_FILE),
                place=one.place,
                chain=tree.path(chain) if chain else "",
            )


def _clients(stack: Stack, tree: Tree) -> Iterator[Use]:
    for one in named(stack[-1], "sslproxymachinecertificatefile"):
        path = tree.path(one.first)
        yield Use(certificate=path, key=None, place=one.place, usage=Usage.CLIENT)


def _backends(stack: Stack, tree: Tree) -> Iterator[Backend]:
    if not _is_on(stack, "sslproxyengine"):
        return
    for one in named(stack[-1], "proxypass", "proxypassmatch", "balancermember", "rewriterule"):
        target = next((word for word in one.arguments if word.startswith(_TLS)), "")
        if target and (one.name != "rewriterule" or "P" in _flags(one)):
            yield _backend(one, target, stack, tree)


def _flags(one: Directive) -> list[str]:
    return one.arguments[-1].strip("[]").split(",")


def _backend(one: Directive, target: str, stack: Stack, tree: Tree) -> Backend:
    stores = [
        setting(stack, name) for name in ("sslproxycacertificatefile", "sslproxycacertificatepath")
    ]
    verified = setting(stack, "sslproxyverify", "none").lower() == "require"
    by_client = _is_on(stack, "proxypreservehost")
    host = target.partition("://")[2].partition("/")[0]
    names = effective(stack, "sslproxycheckpeername")
    checks = not names or names[-1].first.lower() != "off"
    return Backend(
        to=target,
        place=one.place,
        sends="the client's" if by_client else host,
        verified=verified,
        checks=verified and checks,
        stores=tuple(tree.path(store) for store in stores if store),
        by_client=by_client,
    )
