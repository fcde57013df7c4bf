"""The whole way to the first byte of TLS, step by step."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from everleaf.ports import Ask
from everleaf.tls.line.starttls import turned
from everleaf.tls.line.talk import Deadline
from everleaf.tls.line.tcp import connected

_FOR_THE_DIALOGUE = 0.75  # of the time: the handshake, or finding out what went wrong, needs some


@contextmanager
def opened(
    ask: Ask, end: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[socket.socket]:
    """A connected socket that is ready for the first byte of TLS.

    Args:
        ask: what is looked at, and the way there; its client's certificate plays no part yet.
        end: on the clock, when all of it must be over.
        clock: monotonic.

    Raises:
        LineError: the vantage, or the dialogue before TLS, failed.
        OSError: there is no connection, or the time is over.
    """
    deadline = Deadline(end, clock)
    with connected(ask.address, ask.port, deadline) as line:
        if ask.approach.starttls is not None:
            spoken = deadline.earlier(_FOR_THE_DIALOGUE)
            turned(line, ask.approach.starttls, ask.server_name, spoken)
        line.settimeout(deadline.left())
        yield line
