"""Certificates that the server demands of its clients."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
