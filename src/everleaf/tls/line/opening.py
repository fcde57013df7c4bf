"""The whole way to the first byte of TLS, step by step."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from everleaf.core.approach import Approach, Way
from everleaf.core.symptoms.connection import (
    CLOSED,
    CONNECTION_RESET,
    PROXY_HEADER_UNEXPECTED,
    SILENT,
    STARTTLS_FAILED,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
    TLS_AT_ONCE,
)
from everleaf.ports import Ask
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.header import header
from everleaf.tls.line.hello import answers_in_tls
from everleaf.tls.line.starttls import turned
from everleaf.tls.line.talk import Deadline
from everleaf.tls.line.tcp import connected

_FOR_THE_DIALOGUE = 0.75  # of the time: the handshake, or finding out what went wrong, needs some
_NOT_UNDERSTOOD = frozenset(
    {one.code for one in (CLOSED, CONNECTION_RESET, SILENT, STARTTLS_FAILED)}
)
_PUT_OFF = _NOT_UNDERSTOOD | {STARTTLS_NOT_OFFERED.code, STARTTLS_REFUSED.code}


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
    with _reached(ask, deadline) as line:
        try:
            _spoken(ask, line, deadline)
        except LineError as error:
            line.close()
            raise _explained(ask, error, deadline) from None
        line.settimeout(deadline.left())
        yield line


def _reached(ask: Ask, deadline: Deadline) -> AbstractContextManager[socket.socket]:
    """A connection to the server, on which nothing has been said yet."""
    via = ask.approach.via
    if via is None:
        return connected(ask.address, ask.port, deadline)
    if via.way is Way.SSH:
        from everleaf.tls.line.ssh import through_ssh

        return through_ssh(via, ask.address, ask.port, deadline)
    from everleaf.tls.line.proxies import through_proxy

    return through_proxy(via, ask.address, ask.port, deadline)


def _spoken(ask: Ask, line: socket.socket, deadline: Deadline) -> None:
    """All that comes before TLS."""
    approach = ask.approach
    if approach.proxy_protocol:
        line.settimeout(deadline.left())
        line.sendall(header(approach.proxy_protocol, line, direct=approach.via is None))
    if approach.starttls is not None:
        turned(line, approach.starttls, ask.server_name, deadline.earlier(_FOR_THE_DIALOGUE))


def _explained(ask: Ask, error: LineError, deadline: Deadline) -> LineError:
    """The cause, where a fresh connection shows it: TLS at once, or a PROXY header too many."""
    bare = replace(ask.approach, starttls=None)
    if error.code in _NOT_UNDERSTOOD and _stands(ask, bare, deadline, answers_in_tls):
        words = "STARTTLS was asked for, and the server speaks TLS from the first byte"
        return LineError(words, TLS_AT_ONCE)
    headless = replace(ask.approach, proxy_protocol=0)
    if headless != ask.approach and error.code in _PUT_OFF and _stands(ask, headless, deadline):
        words = "the server takes the PROXY header for a part of the protocol; without it, it"
        return LineError(f"{words} turns to TLS", PROXY_HEADER_UNEXPECTED)
    return error


def _stands(
    ask: Ask,
    approach: Approach,
    deadline: Deadline,
    look: Callable[[socket.socket, str, Deadline], bool] = lambda *_: True,
) -> bool:
    """Whether one gets through in another way."""
    try:
        with _reached(ask, deadline) as line:
            _spoken(replace(ask, approach=approach), line, deadline)
            return look(line, ask.server_name, deadline)
    except OSError:
        return False
