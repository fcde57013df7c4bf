"""What the shipped hooks have in common: settings, processes, exit statuses.

A hook runs as an executable of its own, by whatever Python 3.9 or newer the machine has, and so
this needs nothing but the standard library. Linux only: processes are looked at in /proc.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

DONE, FAILED, NOT_MINE = 0, 1, 3
LOOK_EVERY = 0.02  # seconds between two looks at what is waited for
PATIENCE = 1.0  # seconds that old workers are given to go; one that stays is busy, and no failure


class FailedError(Exception):
    """What failed, in the server's words, and what the operator can do."""


class Certificate(NamedTuple):
    """One changed certificate: its name, its live folder, its copies, what it is for."""

    name: str
    live: Path
    copies: list[str]
    names: list[str]


def setting(key: str, default: str = "") -> str:
    """One of the terminator's settings, or its default where it is absent or empty."""
    return os.environ.get("EVERLEAF_SET_" + key.upper()) or default


def words(key: str, default: str = "") -> list[str]:
    """A setting that is several words, quoted as for a shell.

    Raises:
        FailedError: a quote is not closed.
    """
    try:
        return shlex.split(setting(key, default))
    except ValueError as error:
        raise FailedError(f"the setting `{key}` cannot be read: {error}") from error


def seconds(key: str, default: float) -> float:
    """A setting that is a number of seconds.

    Raises:
        FailedError: it is no number.
    """
    text = setting(key, str(default))
    try:
        return float(text)
    except ValueError:
        raise FailedError(f"the setting `{key}` is {text!r}, and no number of seconds") from None


def environment() -> None:
    """Add what the setting `environment` says to the environment of all that is run.

    Raises:
        FailedError: a word of it is no KEY=VALUE.
    """
    for word in words("environment"):
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise FailedError(f"the setting `environment` has {word!r}, which is no KEY=VALUE")
        os.environ[key] = value


def changed() -> list[Certificate]:
    """The changed certificates, as everleaf lists them."""
    path = os.environ.get("EVERLEAF_CHANGED")
    lines = Path(path).read_text("utf-8").splitlines() if path else []
    return [
        Certificate(one["certificate"], Path(one["live"]), one["copies"], one["names"])
        for one in map(json.loads, lines)
    ]


def fits(certificate: str, key: str, called: str = "") -> None:
    """See whether OpenSSL takes a certificate and its key, as a server will have to.

    A key that is encrypted cannot be tested, and passes.

    Args:
        certificate: a PEM file, the leaf first.
        key: a PEM file; may be the same.
        called: what messages call the two, where not by their paths.

    Raises:
        FailedError: a file cannot be read, is not PEM, or they do not belong together.
    """
    import ssl  # takes longer than all the rest, and not every hook needs it

    class EncryptedError(Exception):
        pass

    def password() -> str:
        raise EncryptedError

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # how weak a key may be is the server's business
    called = called or (certificate if certificate == key else f"{certificate} and {key}")
    try:
        for path in (certificate, key):  # OpenSSL does not say which of them it cannot open
            Path(path).open("rb").close()
        context.load_cert_chain(certificate, key, password)
    except EncryptedError:
        return
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").replace("_", " ").lower()
        raise FailedError(f"{called}: certificate and key do not go together: {reason}") from error
    except OSError as error:
        raise FailedError(f"cannot read {error.filename or called}: {error.strerror}") from error


def changed_fit() -> None:
    """See whether each changed certificate goes with its key.

    Raises:
        FailedError: one does not.
    """
    for one in changed():
        key = one.live / "privkey.pem"
        if key.exists():  # it is elsewhere where the certificate is for a CSR of the user's own
            fits(str(one.live / "fullchain.pem"), str(key))


def run(
    command: list[str], root: str = "", *, stdin: int = subprocess.DEVNULL, named: str = "binary"
) -> subprocess.CompletedProcess[str]:
    """Run a command without a shell, in `root` where one is given, and keep what it says.

    Args:
        command: the program, and its arguments.
        root: another root directory.
        stdin: a descriptor that it reads.
        named: the setting that says which program it is.

    Raises:
        FailedError: it cannot be started.
    """
    try:
        return subprocess.run(
            ["chroot", root, *command] if root else command,
            stdin=stdin,
            capture_output=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise FailedError(
            f"cannot start {command[0]}: {error.strerror}; the setting `{named}` says where it is"
        ) from error


def title(pid: int) -> str:
    """The command line that a process shows; an empty string where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
    except OSError:
        return ""


def running(server: str, pid_file: str, pattern: str) -> int:
    """The process id in a pid file, once it is sure that its title starts as `pattern` says.

    Raises:
        FailedError: the server is not running, or the file is left over and names somebody else.
    """
    remedy = f"start it (systemctl start {server}), or set `pid_file`"
    try:
        text = Path(pid_file).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        raise FailedError(f"{server} is not running: there is no {pid_file}; {remedy}") from None
    except OSError as error:
        raise FailedError(f"cannot read the pid file {pid_file}: {error.strerror}") from error
    if not text.isdecimal():  # testing its configuration lets nginx leave an empty one behind
        raise FailedError(f"{server} is not running: {pid_file} names no process; {remedy}")
    name = title(int(text))
    if not re.match(pattern, name):
        state = "is another program" if name else "has ended"
        raise FailedError(
            f"{server} is not running: {pid_file} is stale, process {text} {state}; {remedy}"
        )
    return int(text)


def children(parent: int, pattern: str) -> dict[int, float]:
    """The children whose titles start as `pattern` says, each with its age in seconds."""
    uptime = float(Path("/proc/uptime").read_text("ascii").split()[0])
    found = {}
    numbers = (path.name for path in Path("/proc").iterdir() if path.name.isdecimal())
    for child in map(int, numbers):
        try:  # after the name in parentheses: fields 3 and on of proc(5)
            text = Path(f"/proc/{child}/stat").read_text("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        fields = text.rpartition(")")[2].split()
        if fields[1] == str(parent) and re.match(pattern, title(child)):
            found[child] = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return found


def gone(parent: int, pattern: str, before: set[int]) -> None:
    """Wait until none of these children is left, but not for those that are busy."""
    end = time.monotonic() + PATIENCE
    while before & children(parent, pattern).keys() and time.monotonic() < end:
        time.sleep(LOOK_EVERY)


def root_of(pid: int) -> str:
    """Where another process's root directory is seen; an empty string if it is our own."""
    path = Path(f"/proc/{pid}/root")
    try:
        return "" if path.samefile("/") else str(path)
    except OSError:  # not ours to look at: the signal, if it comes to that, says so clearly
        return ""


def main(server: str, verbs: Mapping[str, Callable[[], int]]) -> int:
    """Do what the verb on the command line asks for, and return the exit status."""
    verb = verbs.get(" ".join(sys.argv[1:]))
    if verb is None:
        print(f"usage: {server} {'|'.join(verbs)}", file=sys.stderr)
        return NOT_MINE
    # Servers and chroot often stand where an ordinary PATH does not look.
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    try:
        return verb()
    except (FailedError, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED
