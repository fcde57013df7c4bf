"""A lock in memory: one holder among those who share it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from everleaf.errors import LockedError


@dataclass(slots=True)
class MemoryLock:
    """The port `Lock`. `world` is shared by all who would hold the same one."""

    world: Any = field(default_factory=Lock, repr=False)

    @contextmanager
    def held(self) -> Iterator[None]:
        if not self.world.acquire(blocking=False):
            raise LockedError("another run", where="memory")
        try:
            yield
        finally:
            self.world.release()
