"""Where a secret of the operator's stands: a file, a systemd credential, the environment."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from everleaf.errors import OperatorError

_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Exactly one of the three is set; the secret itself is read when it is used.

    Attributes:
        file: not readable for everybody.
        credential: the name of a systemd credential (`LoadCredential=`).
        env: the name of an environment variable.
    """

    file: Path | None = None
    credential: str = ""
    env: str = ""

    def __str__(self) -> str:
        """Where it stands, never what it is."""
        if self.file is not None:
            return str(self.file)
        return f"credential {self.credential}" if self.credential else f"variable {self.env}"

    def read(self, environment: Mapping[str, str] = os.environ) -> str:
        """The secret, without white space around it.

        Raises:
            OperatorError: it is not there, is empty, or everybody may read its file.
        """
        text = self._found(environment).strip()
        if not text:
            raise self._wrong("a secret is empty", "Write the secret there")
        return text

    def _found(self, environment: Mapping[str, str]) -> str:
        if self.env:
            if self.env not in environment:
                raise self._wrong("the environment lacks a secret", f"Set {self.env}")
            return environment[self.env]
        if self.file is not None:
            return self._content(self.file)
        folder = environment.get(_CREDENTIALS)
        if not folder:
            raise self._wrong(
                "no systemd credentials were handed to this process",
                f"Add LoadCredential={self.credential}:/path to the unit, or name a file",
            )
        return self._content(Path(folder) / self.credential)

    def _content(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if stat.S_ISREG(mode) and mode & stat.S_IROTH:
                    raise self._wrong(
                        "everybody may read a file with a secret", f"chmod o-rwx {path}"
                    )
                return file.read(_LARGEST).decode("utf-8")
        except OSError as error:
            why = f"a secret cannot be read: {error.strerror or error}"
            raise self._wrong(why, "Name a file that everleaf may read") from error
        except UnicodeDecodeError:
            why = "a secret cannot be read: it is not UTF-8"
            raise self._wrong(why, "Write it as text") from None

    def _wrong(self, what: str, remedy: str) -> OperatorError:
        return OperatorError(what, code="no-secret", where=str(self), remedy=remedy)
