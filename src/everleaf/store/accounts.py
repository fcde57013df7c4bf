"""Account keys and URLs on disk: one folder for each directory of an authority."""

import hashlib
import json
from pathlib import Path

from everleaf.errors import MachineError
from everleaf.store.layout import PRIVATE, PRIVATE_FOLDER, Layout
from everleaf.system import files


class AccountFiles:
    """The account at one directory; another URL under the same name is another account."""

    def __init__(self, state_dir: Path, authority: str, directory: str) -> None:
        digest = hashlib.sha256(directory.encode()).hexdigest()[:16]
        self._directory = directory
        self._place = Layout(state_dir).account(authority, digest)

    def load(self) -> tuple[bytes | None, str | None]:
        """The account's key (PEM) and URL, as far as they are here."""
        return self._read(self._place / "key.pem"), self.url()

    def url(self) -> str | None:
        """The account's URL, where it is here."""
        about = self._place / "account.json"
        text = self._read(about)
        if text is None:
            return None
        try:
            return str(json.loads(text)["url"])
        except (ValueError, KeyError, TypeError) as error:
            raise MachineError(
                "the account's file is damaged",
                code="damaged-state",
                where=str(about),
                remedy="Remove it: the account is found again by its key",
            ) from error

    @staticmethod
    def _read(path: Path) -> bytes | None:
        with files.told(path):
            return path.read_bytes() if path.exists() else None

    def save_key(self, key: bytes) -> None:
        """Write the key."""
        for place in (self._place.parents[1], self._place.parent, self._place):
            files.folder(place, PRIVATE_FOLDER)
        files.write(self._place / "key.pem", key, PRIVATE)

    def save_url(self, url: str) -> None:
        """Write the URL."""
        text = json.dumps({"url": url, "directory": self._directory})
        files.write(self._place / "account.json", text.encode() + b"\n", PRIVATE)
