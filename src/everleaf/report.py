"""What a run came to."""

from dataclasses import dataclass, replace
from datetime import datetime

from everleaf.pipeline import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to.

    Attributes:
        failing: certificates with a stage that failed and was not well since.
        stopped: the run was told to stop, or its deadline passed, before all was done.
        next_at: the next time at which there is something to do that this run can wait for.
    """

    names: tuple[str, ...]
    happenings: tuple[Happening, ...]
    failing: tuple[str, ...]
    stopped: str = ""
    next_at: datetime | None = None

    def followed_by(self, later: "Report") -> "Report":
        """Both as one: what happened in both, and the state of the later one."""
        return replace(later, happenings=self.happenings + later.happenings)
