"""http-01 for other machines: serves what their webroot solvers wrote in a shared directory."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from everleaf.challenges.activation import Address
from everleaf.challenges.http_exchange import HttpExchange
from everleaf.challenges.listening import NoIpv6Error, listen, place_of
from everleaf.challenges.responder import Responder
from everleaf.challenges.tokens import WELL_KNOWN, is_safe
from everleaf.errors import OperatorError

_LARGEST = 4096
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]+\s*", re.ASCII)


class SharedRoot:
    """Key authorizations by their tokens, each read when it is asked for."""

    def __init__(self, root: Path) -> None:
        """Nothing is read yet.

        Args:
            root: the document root that the webroot solvers have.
        """
        self._root = root

    def answer(self, token: str) -> str | None:
        """The response for a token; None where there is none.

        Only a regular file of at most 4 KiB is read, no symbolic link below the root is
        followed, and what is no key authorization for the token is not given away.
        """
        if not is_safe(token):
            return None
        try:
            content = self._read(token)
        except OSError:
            return None
        text = content.decode("latin-1")
        start = f"{token}."
        if text.startswith(start) and _THUMBPRINT.fullmatch(text.removeprefix(start)):
            return text
        return None

    def _read(self, token: str) -> bytes:
        with _opened(self._root, WELL_KNOWN.strip("/").split("/"), token) as descriptor:
            known = os.fstat(descriptor)
            if not stat.S_ISREG(known.st_mode) or known.st_size > _LARGEST:
                return b""
            return os.read(descriptor, _LARGEST)


@contextmanager
def _opened(root: Path, folders: Sequence[str], name: str) -> Iterator[int]:
    held = [os.open(root, _FOLDER)]
    try:
        for folder in folders:
            held.append(os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=held[-1]))
        held.append(os.open(name, _FILE, dir_fd=held[-1]))
        yield held[-1]
    finally:
        for descriptor in reversed(held):
            os.close(descriptor)


@contextmanager
def answering(root: Path, addresses: Sequence[Address]) -> Iterator[tuple[Address, ...]]:
    """Serve a directory until the block ends; where is what it gives.

    `[::]` is left out on a machine without IPv6, where another address is named.

    Raises:
        OperatorError: the root is no directory, or an address cannot be listened on.
        NoIpv6Error: this machine has no IPv6, and no other address is named.
    """
    if not root.is_dir():
        raise OperatorError(
            "the document root does not exist",
            code="no-webroot",
            where=str(root),
            remedy="Name the directory that the webroot solvers write to",
        )
    shared = SharedRoot(root)
    responders: dict[Address, Responder] = {}
    try:
        lacking: NoIpv6Error | None = None
        for place in dict.fromkeys(map(place_of, addresses)):
            try:
                responders[place] = Responder(
                    listen(place), lambda connection: HttpExchange(connection, shared.answer)
                )
            except NoIpv6Error as error:
                lacking = error
        if lacking and not responders:
            raise lacking
        yield tuple(responders)
    finally:
        for responder in responders.values():
            responder.close()
