"""Revocation lists as they are fetched: once each, over plain HTTP, within limits."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from urllib.parse import urlsplit

from everleaf.tls.http_exchange import Channel, NotHttpError, Site, request
from everleaf.tls.symptoms import words

MOST_BYTES = 16 * 1024 * 1024  # some authorities publish millions of entries: their lists are cut
_OK = 200
_PATIENCE = 4  # times the seconds for one list: for all of them together


class UnfetchedError(Exception):
    """A list cannot be had; the text says why."""


class Lists:
    """The lists of one diagnosis: what was fetched, or failed, for one address holds for all.

    Lists are signed, and their URLs are plain HTTP by the Baseline Requirements (7.1.2.11.2).
    """

    def __init__(self, timeout: float, most: int = MOST_BYTES) -> None:
        """Nothing is fetched yet.

        Args:
            timeout: seconds for a connection, and again for the answer; four times as many in all.
            most: bytes of one list.
        """
        self._timeout = timeout
        self._spent = 0.0
        self._most = most
        self._known: dict[str, bytes | str] = {}
        self._lock = Lock()

    def get(self, url: str) -> bytes:
        """A list as it stands at its URL; redirects are not followed.

        Raises:
            UnfetchedError: it cannot be had.
        """
        with self._lock:
            if url not in self._known:
                self._known[url] = self._in_time(url)
            found = self._known[url]
        if isinstance(found, str):
            raise UnfetchedError(found)
        return found

    def _in_time(self, url: str) -> bytes | str:
        if self._spent >= _PATIENCE * self._timeout:
            return "the time for revocation lists is over"
        start = time.monotonic()
        try:
            return self._fetch(url)
        finally:
            self._spent += time.monotonic() - start

    def _fetch(self, url: str) -> bytes | str:
        try:
            parts = urlsplit(url)
            site = Site(host=parts.hostname or "", port=parts.port or 80, scheme="http")
        except ValueError:
            return "the URL is malformed"
        if parts.scheme != "http" or not site.host or not (url.isascii() and url.isprintable()):
            return "the URL is not one of plain HTTP"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            answer = request(
                lambda: self._line(site),
                site,
                target.replace(" ", "%20"),
                timeout=self._timeout,
                most=self._most + 1,
            )
        except OSError as error:
            return words(error)
        except NotHttpError as error:
            return str(error)
        if answer.status != _OK:
            return f"the answer is {answer.line}"
        if len(answer.body) > self._most:
            return f"it is longer than {self._most:,} bytes"
        return answer.body

    @contextmanager
    def _line(self, site: Site) -> Iterator[Channel]:
        try:
            line = socket.create_connection((site.host, site.port), timeout=self._timeout)
        except UnicodeError as error:
            raise OSError(f"{site.host!r} is no host name") from error
        with line:
            yield line
