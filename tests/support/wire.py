"""What the adapter of an authority needs in a test: a clock that need not wait, account files."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from everleaf.ca.account import AccountFiles
from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.binding import Binding
from everleaf.errors import EndOfTimeError


@dataclass(slots=True)
class Turning:
    """A clock that is turned forward instead of waiting; it keeps the spans that it was asked for.

    `deadline` counts in seconds from its making.
    """

    deadline: float = 600.0
    slept: list[float] = field(default_factory=list)
    _ahead: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def sleep(self, span: float) -> None:
        if span >= self.remaining().total_seconds():
            raise EndOfTimeError("the deadline passed")
        self.slept.append(span)
        self._ahead += span

    def remaining(self) -> timedelta:
        left = self._start + self.deadline - self.monotonic()
        return timedelta(seconds=max(0.0, left))


@dataclass(slots=True)
class MemoryAccounts:
    """Account files that live as long as the test."""

    key: bytes | None = field(default=None, repr=False)
    url: str | None = None
    agreed: str = ""
    following: bytes | None = field(default=None, repr=False)
    retired: datetime | None = None

    def load(self) -> tuple[bytes | None, str | None]:
        return self.key, self.url

    def save_key(self, key_pem: bytes) -> None:
        self.key = key_pem

    def save_url(self, url: str, terms: str = "") -> None:
        self.url = url
        self.agreed = terms or self.agreed

    def terms(self) -> str:
        return self.agreed

    def next_key(self) -> bytes | None:
        return self.following

    def save_next_key(self, key_pem: bytes) -> None:
        self.following = key_pem

    def take_next_key(self) -> None:
        self.key, self.following = self.following, None

    def drop_next_key(self) -> None:
        self.following = None

    def retire(self, at: datetime) -> None:
        self.key = self.url = self.following = None
        self.agreed, self.retired = "", at


def adapter(
    directory: str,
    ca_file: Path,
    *,
    accounts: AccountFiles | None = None,
    clock: Turning | None = None,
    contact: tuple[str, ...] = (),
    agreed: bool = True,
    binding: Binding | None = None,
    proxy: str | None = None,
) -> AcmeAuthority:
    """The real adapter, pointed at a server of the test."""
    return AcmeAuthority(
        name="test",
        directory=directory,
        ca_file=ca_file,
        contact=contact,
        terms_of_service_agreed=agreed,
        accounts=accounts or MemoryAccounts(),
        clock=clock or Turning(),
        binding=binding,
        proxy=proxy,
    )
