"""Redirects that are followed by hand, and servers that are none of HTTP's."""

from datetime import UTC, datetime

import pytest

from everleaf.core.preloading import Judged, Met
from everleaf.tls import http, http_refusals
from everleaf.tls.http_exchange import Answer, Site
from everleaf.tls.http_redirects import Trail, follow
from support import lines
from support.loopback import PATIENCE, free
from support.talkers import Answer as Says
from support.talkers import response, talking

HSTS = b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=300\r\n\r\n"


def moved(to: str, status: str = "301 Moved") -> bytes:
    return response(status, location=to)


def trail(says: Says, host: str = "a.test") -> tuple[Trail, list[str]]:
    """What comes of it, and the targets that were asked for; `{}` in an answer is the port."""
    address = free()
    port = str(address[1]).encode()

    def answer(head: str) -> bytes:
        return says(head.split(" ", 2)[1]).replace(b"{}", port)

    with talking(address, answer) as heads:
        site = Site(host=host, port=address[1], scheme="http")
        found = follow(lines.plain(address), site, PATIENCE)
    return found, [head.split(" ", 2)[1] for head in heads]


@pytest.mark.parametrize(
    "to",
    [
        "/next",
        "next",
        "?next",
        "http://a.test:{}/next",
        "http://A.TEST.:{}/next#part",
        "//a.test:{}/next",
        " /next ",
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
def test_a_redirect_on_the_same_host_is_followed(to: str, status: str) -> None:
    found, asked = trail(lambda target: moved(to, status) if target == "/" else response("200 OK"))
    assert asked == ["/", "/?next" if to == "?next" else "/next"]
    assert found.last is not None
    assert found.last.answer.status == 200


@pytest.mark.parametrize(
    "to",
    [
        "http://b.test:{}/",
        "http://www.a.test:{}/",
        "https://a.test:{}/",
        "http://a.test/",
        "http://a.test:0/",
        "http://a.test:99999/",
        "ftp://a.test/",
        "javascript:alert(1)",
        "http://[::1/",
        "",
        "/with space",
        "/" + "x" * 5000,
        "/\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_nobody_else_is_asked(to: str) -> None:
    found, asked = trail(lambda _: moved(to))
    assert len(set(asked)) == len(asked) <= 2
    assert all(hop.url.startswith("http://a.test:") for hop in found.hops)


def test_redirects_without_end_end() -> None:
    _, asked = trail(lambda target: moved(f"{target}x"))
    assert len(asked) == 6


def test_redirects_that_go_round_end_when_they_come_back() -> None:
    _, asked = trail(lambda target: moved("/b" if target == "/" else "/"))
    assert asked == ["/", "/b"]


def test_a_fresh_connection_that_fails_on_the_way_is_told() -> None:
    found, _ = trail(lambda target: moved("/next") if target == "/" else b"")
    assert len(found.hops) == 1
    assert found.silence
    assert not found.refused


def look(says: bytes, host: str = "a.test") -> tuple[list[str], dict[str, object]]:
    address = free()
    with talking(address, lambda _: says):
        found, facts = http.findings(
            host,
            address[1],
            lines.plain(address),
            now=datetime(2026, 11, 25, tzinfo=UTC),
            timeout=PATIENCE,
        )
    return [one.code for one in found], facts


@pytest.mark.parametrize("says", [b"220 mail.test ESMTP\r\n", b"* OK ready\r\n", b""])
def test_of_a_server_that_says_no_http_nothing_is_found(says: bytes) -> None:
    found, facts = look(says)
    assert found == []
    assert set(facts) == {"http"}
    assert facts["http"]["words"]  # type: ignore[index]


def test_a_server_without_a_clock_has_no_skew() -> None:
    found, facts = look(HSTS)
    assert found == ["hsts-step", "hsts-preload"]
    assert facts["date"] is None
    assert facts["skew"] is None


def test_the_skew_is_positive_where_the_server_is_ahead() -> None:
    _, facts = look(response("200 OK", date="Wed, 25 Nov 2026 00:01:00 GMT"))
    assert facts["skew"] == 60


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_has_no_hsts_to_miss(host: str) -> None:
    assert look(response("200 OK"), host)[0] == []


def test_www_is_looked_at_only_below_a_name_that_is_not_www_itself() -> None:
    asked: list[str] = []

    def www() -> Judged:
        asked.append("www")
        return Judged(Met.NO, "it resolves, and speaks no TLS")

    def demands(host: str) -> dict[str, str]:
        address = free()
        with talking(address, lambda _: HSTS):
            now = datetime(2026, 11, 25, tzinfo=UTC)
            connect = lines.plain(address)
            _, facts = http.findings(host, address[1], connect, now=now, timeout=PATIENCE, www=www)
        rows: list[dict[str, str]] = facts["preload"]  # type: ignore[assignment]
        return {one["demand"]: one["met"] for one in rows}

    assert demands("www.a.test")["www"] == "unknown"
    assert asked == []
    assert demands("a.test")["www"] == "no"
    assert asked == ["www"]


def test_a_clock_that_nobody_tells_is_none() -> None:
    assert http.clock("a.test", 443, lines.plain(free()), timeout=PATIENCE) is None


# -- refusals of client certificates -------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "presented", "refused"),
    [
        (200, False, False),
        (200, True, False),
        (302, True, False),
        (404, True, False),
        (500, False, False),
        (401, False, False),
        (401, True, True),
        (400, False, True),
        (400, True, True),
        (403, False, True),
        (495, True, True),
        (496, False, True),
    ],
)
def test_which_answers_are_refusals(status: int, presented: bool, refused: bool) -> None:
    answer = Answer(status=status, reason="Some Words")
    found = http_refusals.findings(answer, presented=presented)
    assert bool(found) is refused
    for one in found:
        assert f"HTTP {status} Some Words" in one.what


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (response("400 The SSL certificate error"), "HTTP 400 The SSL certificate error"),
        (response("404 Not Found"), ""),
        (b"220 mail.test ESMTP\r\n", ""),
        (b"", ""),
    ],
)
def test_one_request_tells_whether_a_certificate_is_taken(says: bytes, words: str) -> None:
    address = free()
    with talking(address, lambda _: says):
        found = http_refusals.refusal(lines.plain(address), Site(host="a.test", port=443), PATIENCE)
    assert found.endswith(words)
    assert bool(found) is bool(words)
