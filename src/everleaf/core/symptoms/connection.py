"""Between the first packet and the end of the handshake."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
