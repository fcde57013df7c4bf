"""Revocation lists: which URLs are fetched, how often, and how long."""

import pytest

from everleaf.tls.lists import Lists, UnfetchedError
from support.loopback import PATIENCE, free
from support.talkers import dripping, response, talking


def why(url: str) -> str:
    with pytest.raises(UnfetchedError) as caught:
        Lists(PATIENCE).get(url)
    return str(caught.value)


def test_a_list_is_fetched_once_by_path_and_query() -> None:
    host, port = free()
    lists = Lists(PATIENCE)
    with talking((host, port), lambda _: response("200 OK", b"list")) as heads:
        for _ in range(3):
            assert lists.get(f"http://{host}:{port}/a.crl?b=c d") == b"list"
    (head,) = heads
    assert head.startswith("GET /a.crl?b=c%20d HTTP/1.1\r\n")
    assert f"\r\nHost: {host}:{port}\r\n" in head


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://a.test/1.crl", "not one of plain HTTP"),
        ("ldap://a.test/1.crl", "not one of plain HTTP"),
        ("file:///etc/passwd", "not one of plain HTTP"),
        ("http:///1.crl", "not one of plain HTTP"),
        ("http://a.test/\N{LATIN SMALL LETTER E WITH ACUTE}", "not one of plain HTTP"),
        ("http://a.test/\x00", "not one of plain HTTP"),
        ("http://a.test:99999/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://a..test/", "no host name"),
        (f"http://{'a' * 300}.test/", "no host name"),
    ],
)
def test_what_is_no_url_of_plain_http_is_not_fetched(url: str, words: str) -> None:
    assert words in why(url)


def test_a_redirect_is_not_followed() -> None:
    host, port = free()
    moved = response("301 Moved", location=f"http://{host}:{port}/other")
    with talking((host, port), lambda _: moved) as heads:
        assert "HTTP 301 Moved" in why(f"http://{host}:{port}/1.crl")
    assert len(heads) == 1


def test_what_is_no_http_is_told_so() -> None:
    host, port = free()
    with talking((host, port), lambda _: b"220 mail.test ESMTP\r\n"):
        assert "no HTTP" in why(f"http://{host}:{port}/1.crl")


def test_a_list_of_the_greatest_length_is_taken_and_no_longer_one() -> None:
    host, port = free()
    for length, taken in ((1000, True), (1001, False)):
        body = bytes(length)
        with talking((host, port), lambda _, body=body: response("200 OK", body)):  # type: ignore[misc]
            lists = Lists(PATIENCE, most=1000)
            if taken:
                assert lists.get(f"http://{host}:{port}/1.crl") == body
            else:
                with pytest.raises(UnfetchedError, match="longer than 1,000 bytes"):
                    lists.get(f"http://{host}:{port}/1.crl")


def test_many_lists_that_hang_cost_no_more_than_four() -> None:
    host, port = free()
    lists, said = Lists(0.1), []
    with dripping((host, port)):
        for number in range(8):
            with pytest.raises(UnfetchedError) as caught:
                lists.get(f"http://{host}:{port}/{number}.crl")
            said.append(str(caught.value))
    assert said[0] == "no answer in time"
    assert said[-4:] == ["the time for revocation lists is over"] * 4
