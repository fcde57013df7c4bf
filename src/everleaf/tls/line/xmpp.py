"""STARTTLS of XMPP, client to server: RFC 6120, section 5."""

from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import (
    STARTTLS_FAILED,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
)
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_STREAM = "http://etherx.jabber.org/streams"
_ROOT = f"{_STREAM} stream"  # namespace and name, as the parser gives them
_FEATURES, _STARTTLS, _PROCEED = f"{_STREAM} features", f"{_TLS} starttls", f"{_TLS} proceed"
_OPEN = (
    "<?xml version='1.0'?><stream:stream to={} version='1.0' xmlns='jabber:client' "
    f"xmlns:stream='{_STREAM}'>"
)


def speak(talk: Talk, server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    from xml.sax.saxutils import quoteattr

    talk.say(_OPEN.format(quoteattr(server_name.rstrip("."))).encode())
    stream = _Stream(talk)
    features = stream.stanza()
    if features[0] != _FEATURES:
        raise _refusal(features, "turns clients away", STARTTLS_REFUSED)
    if _STARTTLS not in features:
        raise LineError("the server does not offer starttls", STARTTLS_NOT_OFFERED)
    talk.say(f"<starttls xmlns='{_TLS}'/>".encode())
    answer = stream.stanza()
    if answer[0] != _PROCEED:
        raise _refusal(answer, "refuses starttls", STARTTLS_REFUSED)


def _refusal(stanza: list[str], what: str, symptom: Symptom) -> LineError:
    words = ", ".join(one.rpartition(" ")[2] for one in stanza)
    return LineError(f"the server {what}: {shown(words.encode())}", symptom)


class _Stream:
    """What the server sends, read up to a `>` at a time: nothing that follows is taken."""

    def __init__(self, talk: Talk) -> None:
        from xml.parsers.expat import ParserCreate

        self._talk = talk
        self._depth = 0
        self._names: list[str] = []
        self._whole = False
        self._parser = ParserCreate("UTF-8", " ")  # RFC 6120, section 11.6
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._no_doctype
        if (first := talk.exactly(1)) != b"<":
            raise talk.other("XMPP", first)
        self._parser.Parse(first)

    def stanza(self) -> list[str]:
        """The next element of the stream, and those in it: namespace and name of each."""
        from xml.parsers.expat import ExpatError

        self._names, self._whole = [], False
        while not self._whole:
            part = self._talk.through(b">")
            try:
                self._parser.Parse(part)
            except ExpatError as error:
                raise self._talk.other("XMPP", part) from error
        return self._names

    def _begin(self, name: str, _: dict[str, str]) -> None:
        if self._depth:
            self._names.append(name)
        elif name != _ROOT:
            raise LineError(
                f"the server does not speak XMPP: {shown(name.encode())}", STARTTLS_FAILED
            )
        self._depth += 1

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._depth:
            raise LineError("the server ends the stream", STARTTLS_REFUSED)
        self._whole = self._depth == 1

    @staticmethod
    def _no_doctype(*_: object) -> None:
        """RFC 6120, section 11.1: a stream has none, and an entity could grow without end."""
        raise LineError("the server sends a document type", STARTTLS_FAILED)
