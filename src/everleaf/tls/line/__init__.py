"""The way to the first byte of TLS: TCP, a vantage elsewhere, a PROXY header, STARTTLS."""

from everleaf.tls.line.errors import LineError
from everleaf.tls.line.opening import opened

__all__ = ["LineError", "opened"]
