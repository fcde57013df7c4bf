"""What speaks against the certificates as they are sent."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
