"""Account keys and URLs on disk: one folder for each directory of an authority."""

import hashlib
import json
from datetime import datetime
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
        self._key = self._place / "key.pem"
        self._next_key = self._place / "key.new.pem"
        self._about = self._place / "account.json"

    def load(self) -> tuple[bytes | None, str | None]:
        """The account's key (PEM) and URL, as far as they are here."""
        return self._read(self._key), self.url()

    def url(self) -> str | None:
        """The account's URL, where it is here."""
        found = self._document()
        return str(found["url"]) if found else None

    def terms(self) -> str:
        """URL of the terms of service that were agreed to; empty: not known."""
        return str(self._document().get("terms", ""))

    def _document(self) -> dict[str, object]:
        text = self._read(self._about)
        if text is None:
            return {}
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "url" not in found:
            raise MachineError(
                "the account's file is damaged",
                code="damaged-state",
                where=str(self._about),
                remedy="Remove it: the account is found again by its key",
            )
        return found

    @staticmethod
    def _read(path: Path) -> bytes | None:
        with files.told(path):
            return path.read_bytes() if path.exists() else None

    def save_key(self, key: bytes) -> None:
        """Write the key."""
        for place in (self._place.parents[1], self._place.parent, self._place):
            files.folder(place, PRIVATE_FOLDER)
        files.write(self._key, key, PRIVATE)

    def save_url(self, url: str, terms: str = "") -> None:
        """Write the URL, and that of the terms agreed to; what else is known stays."""
        about = {**self._known(), "url": url, "directory": self._directory}
        if terms:
            about["terms"] = terms
        files.write(self._about, json.dumps(about).encode() + b"\n", PRIVATE)

    def _known(self) -> dict[str, object]:
        try:
            return self._document()
        except MachineError:
            return {}

    def next_key(self) -> bytes | None:
        """The key of a roll-over that was begun and not ended (PEM)."""
        return self._read(self._next_key)

    def save_next_key(self, key: bytes) -> None:
        """Write a key beside the one in use."""
        files.write(self._next_key, key, PRIVATE)

    def take_next_key(self) -> None:
        """Let it replace the key in use, as one."""
        with files.told(self._next_key):
            self._next_key.replace(self._key)
            files.sync(self._place)

    def drop_next_key(self) -> None:
        """Remove it; absent is fine."""
        files.remove(self._next_key)

    def retire(self, at: datetime) -> None:
        """Put the folder aside; the next use finds none, and opens another account."""
        aside = f"{self._place.name}.deactivated-{at:%Y%m%dT%H%M%SZ}"
        with files.told(self._place):
            self._place.rename(self._place.with_name(aside))
            files.sync(self._place.parent)
