"""Fresh connections to one address, each made for one question."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ssl import TLSVersion

from everleaf.core.approach import Approach, Pair
from everleaf.core.diagnosis import Question
from everleaf.ports import Ask
from everleaf.tls.channel import Channel, ShakeError
from everleaf.tls.handshake import KINDS, Shake, alerted, shake
from everleaf.tls.line import opened
from everleaf.tls.names import sent_name
from everleaf.tls.symptoms import Told, told

HTTP = ("http/1.1",)


class Lines:
    """Connections to one address of a question.

    Attributes:
        address: that address.
        client: what is presented where the server asks for it; None: nothing.
        approach: how it is reached; another one than asked for where that has led further.
        asked_late: a certificate was asked for not by the handshake, but when a request was made.
        refused_late: what the server said then, where it refused the client.
    """

    def __init__(self, question: Question, address: str) -> None:
        self._question = question
        self.address = address
        self.client: Pair | None = question.client
        self.asked_late = False
        self.refused_late: Told | None = None
        # What is served over QUIC is looked at over TCP: it is one server as a rule.
        self.approach = replace(question.approach, http3=False)

    @property
    def server_name(self) -> str | None:
        """What is sent as such; None: the host is an address."""
        return sent_name(self._question.host)

    def shake(
        self,
        *,
        named: bool = True,
        approach: Approach | None = None,
        minimum: TLSVersion | None = None,
        maximum: TLSVersion | None = None,
        ciphers: str | None = None,
        sigalgs: str | None = None,
        most: float | None = None,
    ) -> Shake:
        """One handshake, and the end of its connection.

        Args:
            named: the server name is sent.
            approach: in place of the usual one.
            minimum, maximum, ciphers, sigalgs: as `handshake.shake` has them.
            most: seconds for all of it; None: those of the question.
        """
        end = time.monotonic() + (most or self._question.timeout)
        try:
            with opened(self.ask(approach), end) as line:
                found = shake(
                    line,
                    server_name=self.server_name if named else None,
                    end=end,
                    minimum=minimum,
                    maximum=maximum,
                    ciphers=ciphers,
                    sigalgs=sigalgs,
                    client=self.client,
                )
                return replace(found, channel=None)
        except OSError as error:
            one = told(error)
            return Shake(code=one.code, words=one.words)

    def shake_of_kind(self, kind: str, *, named: bool = True) -> Shake:
        """One handshake where only a certificate with a key of this kind will do."""
        only = KINDS[kind.lower()]
        return self.shake(named=named, ciphers=only.ciphers, sigalgs=only.sigalgs)

    @contextmanager
    def channel(self, *, http: bool = True) -> Iterator[tuple[Shake, Channel]]:
        """A handshake, and what was opened by it.

        Raises:
            OSError: there was no connection, or the handshake failed.
        """
        end = time.monotonic() + self._question.timeout
        with opened(self.ask(), end) as line:
            found = shake(
                line,
                server_name=self.server_name,
                end=end,
                client=self.client,
                alpn=HTTP if http else (),
            )
            if found.channel is None:
                raise ShakeError(found.words, found.code)
            try:
                yield found, found.channel
            finally:
                self._remember(found, found.channel)

    def _remember(self, found: Shake, channel: Channel) -> None:
        """TLS 1.2 may ask by another handshake inside; Apache does so for some paths."""
        if found.asked or not channel.asked:
            return
        self.asked_late = True
        if channel.alert is not None:
            presented = self.client is not None
            self.refused_late = alerted(channel.alert, asked=True, presented=presented)

    @contextmanager
    def connect(self) -> Iterator[Channel]:
        """A fresh connection for a request in HTTP.

        Raises:
            OSError: there was none.
        """
        with self.channel() as (_, channel):
            yield channel

    @contextmanager
    def plain(self, port: int = 80) -> Iterator[socket.socket]:
        """A fresh connection to the same address without TLS.

        Raises:
            OSError: there was none.
        """
        end = time.monotonic() + self._question.timeout
        bare = replace(self.approach, starttls=None, proxy_protocol=0)
        with opened(replace(self.ask(bare), port=port), end) as line:
            yield line

    def ask(self, approach: Approach | None = None) -> Ask:
        """One connection to be made."""
        return Ask(
            address=self.address,
            port=self._question.port,
            server_name=self._question.host,
            approach=approach or self.approach,
            client=self.client,
        )
