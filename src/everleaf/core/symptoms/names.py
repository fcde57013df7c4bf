"""The wrong certificate, or the right one for another name."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
