"""What a stage sees and what came of it: two closed unions."""

from dataclasses import dataclass
from datetime import datetime

from everleaf.errors import Fault


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """To be done now. `code` is stable, `why` is for people and holds the numbers."""

    why: str
    code: str = "due"


@dataclass(frozen=True, slots=True)
class Held:
    """To be done, but not before `until` (None: not before something else changes).

    `code` is that of what is held, as of `Due`; empty: it has none.
    """

    until: datetime | None
    why: str
    code: str = ""


Look = Idle | Due | Held


@dataclass(frozen=True, slots=True)
class Done:
    """The stage left what it had to leave.

    Attributes:
        note: for people.
        news: False where nothing came of it that the history should tell.
    """

    note: str = ""
    news: bool = True


@dataclass(frozen=True, slots=True)
class Back:
    """What was under way is void, and nobody has failed: begin again."""

    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Under way elsewhere; no failure. Taken up again at `until`."""

    until: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not work. `retry_at`: not before then, whatever the back-off says."""

    fault: Fault
    retry_at: datetime | None = None


Outcome = Done | Back | Waiting | Failed
