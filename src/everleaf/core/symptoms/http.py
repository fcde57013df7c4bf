"""What is said in HTTP after the handshake: HSTS, redirects, refusals."""

from everleaf.core.symptoms import Symptom

ROWS: tuple[Symptom, ...] = ()
