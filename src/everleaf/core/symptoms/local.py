"""On the server itself: files, processes, back ends."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
