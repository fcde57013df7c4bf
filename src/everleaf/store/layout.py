"""The paths of the state directory: a contract, described in the README."""

from dataclasses import dataclass
from pathlib import Path

PUBLIC_FOLDER = 0o711
PRIVATE_FOLDER = 0o700
PUBLIC = 0o644
PRIVATE = 0o600
GROUP = 0o640
# What belongs to a version; the second ones where we have its key.
PUBLIC_FILES = ("cert.pem", "chain.pem", "fullchain.pem")
KEY_FILES = ("privkey.pem", "combined.pem")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is, below `root`."""

    root: Path

    @property
    def database(self) -> Path:
        """Standing, failures, limits, history."""
        return self.root / "state.sqlite"

    @property
    def form(self) -> Path:
        """The version of this layout."""
        return self.root / "layout"

    def certificate(self, name: str) -> Path:
        """One certificate's folder."""
        return self.root / "certificates" / name

    def versions(self, name: str) -> Path:
        """Its versions."""
        return self.certificate(name) / "versions"

    def live(self, name: str) -> Path:
        """The link to the version in use."""
        return self.certificate(name) / "live"

    def lineage(self, name: str) -> Path:
        """A link to `live` whose last part is the certificate's name, as certbot's hooks expect."""
        return self.root / "live" / name

    def pending(self, name: str) -> Path:
        """Key and order under way."""
        return self.root / "pending" / name

    def rejected(self, name: str) -> Path:
        """What failed verification."""
        return self.root / "rejected" / name

    def account(self, authority: str, account: str) -> Path:
        """One account's folder."""
        return self.root / "accounts" / authority / account
