"""What errors of connections and handshakes mean."""

import errno
import ssl

import pytest

from everleaf.core.symptoms.table import ALL
from everleaf.tls.channel import ShakeError
from everleaf.tls.handshake import alerted
from everleaf.tls.symptoms import BY_ALERT, told, words

CODES = {one.code for one in ALL}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connection-refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection-reset"),
        (BrokenPipeError(errno.EPIPE, "pipe"), "connection-reset"),
        (OSError(errno.EHOSTUNREACH, "unreachable"), "host-unreachable"),
        (OSError(errno.ENETUNREACH, "unreachable"), "no-route"),
        (OSError(errno.EADDRNOTAVAIL, "none"), "no-route"),
        (OSError(errno.ETIMEDOUT, "late"), "timed-out"),
        (TimeoutError(), "timed-out"),
        (OSError(errno.EACCES, "Permission denied"), "connection-failed"),
        (ssl.SSLEOFError(8, "EOF"), "closed-after-hello"),
        (ssl.SSLError(1, "anything"), "handshake-failed"),
        (ShakeError("own words"), "handshake-failed"),
    ],
)
def test_each_error_has_the_code_of_its_symptom(error: OSError, code: str) -> None:
    assert told(error).code == code
    assert words(error)


def test_an_error_that_knows_its_own_code_keeps_it_and_its_words() -> None:
    one = told(ShakeError("it said so", "silent"))
    assert (one.code, one.words) == ("silent", "it said so")


def test_every_alert_has_a_code_of_the_table() -> None:
    assert {one.code for one in BY_ALERT.values()} <= CODES


@pytest.mark.parametrize(
    ("alert", "asked", "presented", "code"),
    [
        (40, False, False, "no-common-cipher"),
        (40, True, False, "client-certificate-required"),
        (40, True, True, "client-certificate-refused"),
        (42, True, False, "client-certificate-required"),
        (42, True, True, "client-certificate-refused"),
        (43, True, True, "client-certificate-wrong-usage"),
        (44, True, True, "client-certificate-revoked"),
        (45, True, True, "client-certificate-expired"),
        (48, True, True, "client-certificate-untrusted"),
        (51, True, True, "client-certificate-refused"),
        (116, True, False, "client-certificate-required"),
        (48, False, False, "handshake-failed"),
        (70, False, False, "no-common-version"),
        (112, False, False, "unknown-name"),
        (80, False, False, "handshake-failed"),
        (255, False, False, "handshake-failed"),
    ],
)
def test_an_alert_means_another_thing_where_a_certificate_was_asked_for(
    alert: int, code: str, *, asked: bool, presented: bool
) -> None:
    assert alerted(alert, asked=asked, presented=presented).code == code
