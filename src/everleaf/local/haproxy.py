"""haproxy: which certificates and back ends its configuration names, and when it was last read."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from everleaf.core.wanted import Usage
from everleaf.local.haproxy_files import certificates, listed
from everleaf.local.haproxy_text import SECTIONS, Line, lines
from everleaf.local.model import Authorities, Backend, Configured, Use
from everleaf.local.processes import Process, Running
from everleaf.local.reading import UnreadError, read

_WITH_VALUE = frozenset({"-f", "-C", "-p", "-n", "-N", "-L", "-S", "-x", "-m"})
_SERVERS = {"server": 2, "server-template": 3}  # which word is the address
_AUTHORITIES = ("ca-file", "ca-verify-file", "crl-file")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:-([^}]*))?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Started:
    """Where it looks for files, by its command line."""

    folder: str
    files: tuple[str, ...]

    def path(self, name: str) -> str:
        """Absolute."""
        return str(Path(self.folder, name))


def started(process: Process) -> Started:
    """As the command line says; `--` makes files of all that follows."""
    files: list[str] = []
    folder = process.folder
    words = list(process.command)
    while words:
        word = words.pop(0)
        if word == "--":
            files += words
            break
        if word in _WITH_VALUE and words:
            given = words.pop(0)
            files += [given] if word == "-f" else []
            # The working directory is the one after -C has been followed.
            folder = given if word == "-C" and given.startswith("/") else folder
    return Started(folder, tuple(files))


def configuration_file(process: Process) -> str:
    """The first file or folder, absolute."""
    about = started(process)
    return about.path(about.files[0]) if about.files else ""


def last_read(server: Running) -> tuple[float, float]:
    """When the running configuration was read: when the newest worker was started."""
    newest = max((one.started for one in server.workers), default=server.master.started)
    return newest, newest


def configured(server: Running) -> Configured:
    """What the configuration on disk names."""
    about = started(server.master)
    found = Configured()
    text = [line for path in about.files for line in _lines(about.path(path), server, found)]
    bases = {name: _global(text, name) for name in ("crt-base", "ca-base", "ssl-server-verify")}
    completed = any(one.words[0] == "issuers-chain-path" for one in text)
    reader = _Reader(about, bases, found, completed)
    defaults: list[Line] = []
    for line in text:
        if line.words[0] in SECTIONS:
            # Those of the last `defaults` hold in the sections after it.
            is_new = line.section == "defaults"
            defaults = [one for one in defaults if one.section == "defaults" and not is_new]
        elif line.words[0] == "default-server":
            defaults.append(line)
        reader.take(line, defaults)
    return found


def _lines(path: str, server: Running, found: Configured) -> Iterator[Line]:
    """Those of a file; of a folder, of its `.cfg` files in the order of their names."""
    parts = [path]
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        parts = [str(one) for one in sorted(Path(path).glob("*.cfg"))]
    for part in parts:
        try:
            text = read(part, "configuration file", part).decode("utf-8", "replace")
        except UnreadError as error:
            found.findings.append(error.finding)
        else:
            for line in lines(text, part):
                words = tuple(_filled(word, server.master) for word in line.words)
                yield Line(line.section, words, line.file, line.number)


def _filled(word: str, process: Process) -> str:
    """With the variables of the process's environment, as haproxy fills them in."""
    if "$" not in word:
        return word
    return _VARIABLE.sub(
        lambda found: process.setting(found[1] or found[3]) or found[2] or found[0], word
    )


def _global(text: list[Line], name: str) -> str:
    values = [
        line.words[1]
        for line in text
        if line.section == "global" and line.words[0] == name and len(line.words) > 1
    ]
    return next(reversed(values), "")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes lines one by one into what was found."""

    about: Started
    bases: dict[str, str]
    found: Configured
    completed: bool

    def take(self, line: Line, defaults: list[Line]) -> None:
        if line.words[0] == "stats" and line.words[1:2] == ("socket",) and len(line.words) > 2:  # noqa: PLR2004 - the third is its path
            path = line.words[2].removeprefix("unix@")
            if path.startswith("/"):
                self.found.sockets.append(path)
        elif line.words[0] in {"bind", "ssl-f-use"}:
            self._bind(line)
        elif line.section == "crt-store" and line.words[0] == "load":
            self.found.unseen.append(f"{line.place}: load")
        elif line.words[0] in _SERVERS and line.section in {"backend", "listen", "peers", "ring"}:
            self._server(line, defaults)

    def _bind(self, line: Line) -> None:
        for name in line.after("crt"):
            self._certificate(name, line.place, Usage.SERVER)
        for name in [one for word in _AUTHORITIES for one in line.after(word)]:
            if not name.startswith("@"):
                path = str(Path(self.about.folder, self.bases["ca-base"], name))
                self.found.authorities.append(Authorities(path, line.place))
        for name in line.after("crt-list"):
            path = self.about.path(name)
            try:
                text = read(path, "list of certificates", line.place).decode("utf-8", "replace")
            except UnreadError as error:
                self.found.findings.append(error.finding)
                continue
            for number, one in listed(text):
                self._certificate(one, f"{path}:{number}", Usage.SERVER)

    def _certificate(self, name: str, place: str, usage: Usage) -> None:
        if name.startswith("@"):
            self.found.unseen.append(f"{place}: {name}")
            return
        path = str(Path(self.about.folder, self.bases["crt-base"], name))
        for one in certificates(path):
            sibling = f"{one}.key"
            self.found.uses.append(
                Use(
                    certificate=one,
                    key=None,
                    sibling=sibling if os.path.exists(sibling) else "",  # noqa: PTH110 - never raises
                    place=place,
                    usage=usage,
                    completed=self.completed,
                )
            )

    def _server(self, line: Line, defaults: list[Line]) -> None:
        """One back end, after what `default-server` says for all of them."""
        address = _SERVERS[line.words[0]]
        if len(line.words) <= address:
            return
        words = [word for one in defaults for word in one.words[1:]]
        words += line.words[address + 1 :]
        if not _is_tls(words):
            return
        whole = Line(line.section, tuple(words), line.file, line.number)
        if certificate := whole.option("crt"):
            self._certificate(certificate, line.place, Usage.CLIENT)
        sends = "" if "no-sni" in words else whole.option("sni")
        verified = (whole.option("verify") or self.bases["ssl-server-verify"]) != "none"
        stores = [one for one in map(whole.option, ("ca-file", "ca-path")) if one]
        self.found.backends.append(
            Backend(
                to=f"{line.words[1]} {line.words[address]}",
                place=line.place,
                sends=sends,
                verified=verified,
                checks=verified and bool(whole.option("verifyhost") or sends),
                stores=tuple(
                    str(Path(self.about.folder, self.bases["ca-base"], one))
                    for one in stores
                    if not one.startswith("@")
                ),
            )
        )


def _is_tls(words: list[str]) -> bool:
    """Whether `ssl` has the last word over `no-ssl`."""
    said = [one for one in words if one in {"ssl", "no-ssl"}]
    return bool(said) and said[-1] == "ssl"
