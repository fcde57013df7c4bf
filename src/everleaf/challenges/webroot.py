"""http-01 through the document root of a web server: RFC 8555, section 8.3."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from everleaf.challenges.http_check import inspect
from everleaf.challenges.outlook import Outlook
from everleaf.challenges.tokens import OF_A_CHECK, WELL_KNOWN, of_this_machine, safe
from everleaf.core.identifiers import Identifier
from everleaf.core.job import Trace
from everleaf.errors import OperatorError
from everleaf.ports import Challenge, Concern

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755
_CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_STALE = 600.0  # seconds; no check takes as long


class Webroot:
    """The port `Solver`: a file of its own for each response.

    Only the file is removed. The folders stay: they are empty, the next renewal needs them again,
    and removing them could race with another certificate's response.
    """

    types: tuple[str, ...] = ("http-01",)
    binds_account = False

    def __init__(self, name: str, path: Path, outlook: Outlook | None = None) -> None:
        """Nothing is written yet.

        Args:
            name: of the solver in the configuration.
            path: the document root.
            outlook: how authorities find the web server; None: nothing is known of it.
        """
        self.name = name
        self._path = path
        self._outlook = outlook
        self._folder = path / WELL_KNOWN.strip("/")

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand: its place is the file's path."""
        place = self._folder / safe(challenge.token)
        return Trace(solver=self.name, identifier=str(identifier), place=str(place))

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Write the key authorization, whole or not at all, readable by the web server.

        Raises:
            OperatorError: the document root does not exist, or cannot be written.
        """
        place = Path(trace.place)
        if not self._path.is_dir():
            raise OperatorError(
                "the document root does not exist",
                code="no-webroot",
                where=str(self._path),
                remedy="Correct the solver's `path`",
            )
        try:
            for folder in (place.parent.parent, place.parent):
                _make(folder)
            _write(place, challenge.key_authorization.encode("ascii"))
        except OSError as error:
            raise OperatorError(
                f"the challenge's response cannot be written: {error.strerror}",
                code="webroot-not-writable",
                where=str(place),
                remedy="Give everleaf's user the right to write there",
            ) from error
        if place.name.startswith(OF_A_CHECK):
            _sweep(place)

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Nothing to wait for: what is presented can be read."""

    def remove(self, trace: Trace) -> None:
        """Remove exactly that file, in whichever process it was written.

        Raises:
            OperatorError: it is there and cannot be removed.
        """
        place = Path(trace.place)
        if place.parent.parts[-2:] != Path(WELL_KNOWN.strip("/")).parts:
            return
        try:
            place.unlink(missing_ok=True)
            _scratch(place).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise OperatorError(
                f"the challenge's response cannot be removed: {error.strerror}",
                code="webroot-not-writable",
                where=str(place),
                remedy="Remove it by hand",
            ) from error

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Write a random response, and fetch it from every published address."""
        remedy = (
            f"Let the web server there answer requests below {WELL_KNOWN} with the files of "
            f"{self._folder}"
        )
        return inspect(self, identifiers, self._outlook, remedy)


def _make(folder: Path) -> None:
    """A folder that the web server may enter, whatever the umask; one that is there stays."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_FOLDER_MODE)
        folder.chmod(_FOLDER_MODE)


def _sweep(mine: Path) -> None:
    """Remove what killed processes left of their checks.

    A process of this machine is known to be gone; of another one, it is told by the clock of the
    file system.
    """
    with contextlib.suppress(OSError):
        now = mine.stat().st_mtime
        for pattern in (f"{OF_A_CHECK}*", f".{OF_A_CHECK}*.new"):
            for other in mine.parent.glob(pattern):
                if _is_gone(other.name) or now - other.lstat().st_mtime > _STALE:
                    other.unlink(missing_ok=True)


def _is_gone(name: str) -> bool:
    _, ours, rest = name.partition(of_this_machine())
    number = rest.partition("-")[0]
    return bool(ours) and number.isdecimal() and not Path("/proc", number).exists()


def _scratch(place: Path) -> Path:
    return place.with_name(f".{place.name}.new")


def _write(place: Path, content: bytes) -> None:
    scratch = _scratch(place)
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, _CREATE, _FILE_MODE)
    try:
        os.fchmod(descriptor, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        scratch.replace(place)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
