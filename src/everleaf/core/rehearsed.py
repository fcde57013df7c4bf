"""What a rehearsal came to: kept beside the rehearsal's own state, read by the runs after it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """The last passed rehearsal of one certificate.

    Attributes:
        ask: fingerprint of what was rehearsed (`Wanted.ask`); empty: none has passed.
        exempt: why it could not show whether an order validates; empty: it did.
    """

    ask: str = ""
    exempt: str = ""
