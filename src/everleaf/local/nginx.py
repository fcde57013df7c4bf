"""nginx: which certificates and back ends its configuration names, and when it was last read."""

from collections.abc import Iterator
from pathlib import Path

from everleaf.core.wanted import Usage
from everleaf.local.built import said, value
from everleaf.local.model import Authorities, Backend, Configured, Use
from everleaf.local.nginx_tree import Tree
from everleaf.local.processes import Process, Running
from everleaf.local.text import Directive, Stack, effective, levels, named
from everleaf.local.text import value as setting

# Protocol towards back ends: what passes on, how that says TLS, the prefix of its settings.
_PASSES = (
    ("proxy_pass", "https://", "proxy"),
    ("grpc_pass", "grpcs://", "grpc"),
    ("uwsgi_pass", "suwsgi://", "uwsgi"),
)
_AUTHORITIES = ("ssl_client_certificate", "ssl_trusted_certificate", "ssl_crl")
_NO_FILE = ("data:", "engine:", "store:")


def configuration_file(process: Process) -> str:
    """The absolute path of the first file, by the command line, else as the program was built."""
    prefix = _option(process, "-p")
    named_file = _option(process, "-c")
    if not named_file or not (prefix or named_file.startswith("/")):
        text = said(process, "-V")
        prefix = prefix or value(text, r"--prefix=(\S+)", "/etc/nginx")
        named_file = named_file or value(text, r"--conf-path=(\S+)", "/etc/nginx/nginx.conf")
    return str(Path(process.folder, prefix, named_file))


def _option(process: Process, name: str) -> str:
    """`-c FILE`, or `-cFILE`."""
    words = list(process.command)
    for at, word in enumerate(words):
        if word == name:
            return words[at + 1] if at + 1 < len(words) else ""
        if word.startswith(name):
            return word.removeprefix(name)
    return ""


def last_read(server: Running) -> tuple[float, float]:
    """Between when and when the running configuration was read, in seconds since the epoch.

    A reload replaces all workers, and one that died is replaced without reading anything: so it
    is the oldest worker that tells, those aside that are on their way out.
    """
    workers = [
        one.started
        for one in server.workers
        if "worker process" in one.title and "shutting down" not in one.title
    ]
    first = min(workers, default=server.master.started)
    return first, first


def configured(server: Running) -> Configured:
    """What the configuration on disk names."""
    path = configuration_file(server.master)
    tree = Tree(str(Path(path).parent))
    body = tree.read(path, path)
    found = Configured(findings=tree.findings)
    for stack in levels(body):
        for one in _uses(stack, tree.folder, "ssl_certificate", Usage.SERVER, found):
            found.uses.append(one)
        for _, _, prefix in _PASSES:
            name = f"{prefix}_ssl_certificate"
            found.uses += _uses(stack, tree.folder, name, Usage.CLIENT, found)
        found.authorities += [
            Authorities(str(Path(tree.folder, one.first)), one.place)
            for one in named(stack[-1], *_AUTHORITIES)
        ]
        found.backends += _backends(stack, tree.folder)
    return found


def _uses(stack: Stack, folder: str, name: str, usage: Usage, found: Configured) -> Iterator[Use]:
    """The pairs of one level: the first certificate has the first key."""
    keys = effective(stack, f"{name}_key")
    for at, one in enumerate(named(stack[-1], name)):
        if not one.first:
            continue
        key = keys[at].first if at < len(keys) else ""
        if "$" in one.first or one.first.startswith(_NO_FILE):
            found.unseen.append(f"{one.place}: {one.name}")
            continue
        is_file = key and "$" not in key and not key.startswith(_NO_FILE)
        yield Use(
            certificate=str(Path(folder, one.first)),
            key=str(Path(folder, key)) if is_file else None,
            has_key=bool(is_file),
            place=one.place,
            usage=usage,
        )


def _backends(stack: Stack, folder: str) -> Iterator[Backend]:
    for name, scheme, prefix in _PASSES:
        for one in named(stack[-1], name):
            # In a stream there is no scheme: a setting says TLS.
            streamed = name == "proxy_pass" and setting(stack, "proxy_ssl") == "on"
            if one.first.startswith(scheme) or (streamed and "://" not in one.first):
                yield _backend(one, stack, folder, prefix, scheme)


def _backend(one: Directive, stack: Stack, folder: str, prefix: str, scheme: str) -> Backend:
    name = setting(stack, f"{prefix}_ssl_name")
    host = one.first.removeprefix(scheme).partition("/")[0]
    store = setting(stack, f"{prefix}_ssl_trusted_certificate")
    verified = setting(stack, f"{prefix}_ssl_verify") == "on"
    sends = setting(stack, f"{prefix}_ssl_server_name") == "on"
    return Backend(
        to=one.first,
        place=one.place,
        sends=(name or host) if sends else "",
        verified=verified,
        checks=verified,
        stores=(str(Path(folder, store)),) if store else (),
    )
