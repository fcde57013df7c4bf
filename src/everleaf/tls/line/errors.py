"""What goes wrong before the first byte of TLS."""

from everleaf.core.symptoms import Symptom


class LineError(OSError):
    """The way to the server, or the dialogue before TLS, failed.

    Attributes:
        code: of the symptom.
    """

    def __init__(self, words: str, symptom: Symptom) -> None:
        super().__init__(words)
        self.code = symptom.code
