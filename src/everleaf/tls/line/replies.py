"""Replies of three digits: SMTP (RFC 5321, section 4.2) and FTP (RFC 959, section 4.2)."""

import re
from dataclasses import dataclass

from everleaf.core.symptoms.connection import STARTTLS_FAILED
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_FIRST = re.compile(rb"([1-5][0-9]{2})([ -]?)(.*)")
_NAMES = (b"SMTP", b"FTP")
_MOST = 200  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply; `lines` without the number where each has it."""

    number: int
    lines: tuple[bytes, ...]

    def __str__(self) -> str:
        return shown(self._text)

    def of(self, protocol: bytes, talk: Talk) -> None:
        """See that a greeting is not plainly that of another protocol.

        Raises:
            LineError: it names another one, and not this.
        """
        words = b" ".join(
            word for word in self._text.upper().split() if b"." not in word
        )  # no hosts
        named = {one for one in _NAMES if one in words}
        if named and protocol not in named:
            raise talk.other(protocol.decode("ascii"), self._text)

    @property
    def _text(self) -> bytes:
        return b"%d %s" % (self.number, b" ".join(self.lines))


def reply(talk: Talk, protocol: str) -> Reply:
    """The next one.

    Raises:
        LineError: what comes is none.
    """
    line = talk.line()
    first = _FIRST.fullmatch(line)
    if first is None:
        raise talk.other(protocol, line)
    number, more, text = first.groups()
    lines = [text]
    while more == b"-":
        if len(lines) == _MOST:
            raise LineError("the server does not come to an end", STARTTLS_FAILED)
        line = talk.line()
        more = b"" if line[:4] in {number, number + b" "} else b"-"
        lines.append(line[4:] if line[:3] == number else line)
    return Reply(number=int(number), lines=tuple(lines))
