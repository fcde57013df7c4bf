"""Revocation, and what is stapled."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
