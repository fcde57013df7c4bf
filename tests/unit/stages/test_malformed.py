"""Malformed renewal information, over the wire into whole runs: told once, and never in the way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from everleaf.ca import renewalinfo
from everleaf.ca.session import Session
from everleaf.core.window import Answer
from fakes.authority import MemoryAuthority
from support.bench import Bench
from support.faulty import Faulty, Reply, document, faulty, problem

GOOD, AFTER = "2026-04-20T00:00:00Z", "2026-04-22T00:00:00Z"


@dataclass(slots=True)
class OverTheWire(MemoryAuthority):
    """Renewal information comes from a server, through the adapter; all else from memory."""

    session: Any = None

    def renewal_info(self, cert_id: str) -> Answer:
        self.calls.append("renewal_info")
        return renewalinfo.ask(self.session, cert_id, self.clock)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Faulty]:
    with faulty(tmp_path / "faulty") as one:
        one.serve_acme(renewalInfo="/ari")
        yield one


@pytest.fixture
def wired(bench: Bench, server: Faulty) -> Bench:
    session = Session(server.directory, clock=bench.clock, ca_file=server.ca_file)
    bench.ca = OverTheWire(bench.clock, session=session)
    bench.want("a", "edge")
    return bench


def window(start: object, end: object, **more: object) -> Reply:
    return document({"suggestedWindow": {"start": start, "end": end}, **more})


def raw(body: bytes, **headers: str) -> Reply:
    return Reply(body=body, headers=headers)


MALFORMED = {
    "nothing": raw(b""),
    "no JSON": raw(b"no JSON"),
    "HTML with 200": Reply(body=b"<html>maintenance</html>", headers={"content-type": "text/html"}),
    "null": raw(b"null"),
    "true": raw(b"true"),
    "number": raw(b"17"),
    "text": raw(b'"text"'),
    "list": raw(b"[]"),
    "empty object": raw(b"{}"),
    "no UTF-8": raw(b"\xff\xfe"),
    "half an object": raw(b'{"suggestedWindow":'),
    "window null": document({"suggestedWindow": None}),
    "window a list": document({"suggestedWindow": []}),
    "window a text": document({"suggestedWindow": "soon"}),
    "window empty": document({"suggestedWindow": {}}),
    "no end": document({"suggestedWindow": {"start": GOOD}}),
    "other case": document({"suggestedwindow": {"start": GOOD, "end": AFTER}}),
    "end is start": window(GOOD, GOOD),
    "end before start": window(AFTER, GOOD),
    "dates": window("2026-04-20", "2026-04-22"),
    "naive times": window("2026-04-20T00:00:00", "2026-04-22T00:00:00"),
    "year 9999": window("9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"),
    "year 99999": window("99999-01-01T00:00:00Z", GOOD),
    "month 13": window("2026-13-45T00:00:00Z", "2026-14-01T00:00:00Z"),
    "words": window("tomorrow", "next week"),
    "numbers": window(1776643200, 1776816000),
    "huge number": raw(b'{"suggestedWindow": {"start": 1' + b"0" * 9999 + b"}}"),
    "floats": window(1e308, -1),
    "lone surrogate": window("\ud800", AFTER),
    "nested": raw(b"[" * 100_000),
    "10 MB": raw(b'{"suggestedWindow": ' + b" " * (10 << 20) + b"null}"),
    "redirect for ever": Reply(status=302, headers={"location": "/ari/again"}),
    "redirect to http": Reply(status=302, headers={"location": "http://127.0.0.1:9/"}),
    "redirect to nowhere": Reply(status=302),
    "204": Reply(status=204),
    "304": Reply(status=304),
    "404 in surrogates": problem("malformed", 404, "\ud800 \x1b[2J \u202e"),
    "418 in HTML": Reply(status=418, body=b"<html>\x1b[2J"),
}


@pytest.mark.rule("ARI-4")
@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_renewal_information_is_told_once_and_never_delays(
    kind: str, wired: Bench, server: Faulty
) -> None:
    wired.run()
    newest = wired.shelf.holding(wired.wanted["a"]).newest
    assert newest is not None
    wired.events.lines.clear()
    server.replies |= {f"/ari/{newest.cert_id}": MALFORMED[kind], "/ari/again": MALFORMED[kind]}
    for _ in range(62):
        wired.clock.turn(days=1)
        report = wired.run()
        assert report.failing == ()
        if wired.versions("a") == 2:
            break
    assert wired.versions("a") == 2
    assert wired.clock.now() - newest.not_before < timedelta(days=61), "the fallback, not later"
    told = [line for line in wired.events.lines if line[1] == "renewal information"]
    warned = [fields for level, _, fields in told if level == "warning"]
    assert len(warned) == 1
    assert len(told) > 50, "it was asked again and again"
    assert all(str(one).isprintable() for one in warned[0].values())


EXTRAS: dict[str, dict[str, object]] = {
    "surrogate": {"explanationURL": "\ud800"},
    "URL with a surrogate": {"explanationURL": "https://ca.test/\ud800"},
    "terminal": {"explanationURL": "https://ca.test/\x1b]0;owned\x07"},
    "script": {"explanationURL": "javascript:alert(1)"},
    "file": {"explanationURL": "file:///etc/passwd"},
    "no host": {"explanationURL": "https:"},
    "no URL": {"explanationURL": "http://[::1"},
    "endless": {"explanationURL": "https://ca.test/" + "x" * 100_000},
    "number": {"explanationURL": 7},
    "list": {"explanationURL": ["https://ca.test/"]},
    "more fields": {"\ud800": "\ud800", "b": [{"c": "\x00"}]},
}


@pytest.mark.rule("ARI-5")
@pytest.mark.parametrize("kind", EXTRAS)
def test_an_explanation_that_is_no_url_is_left_out_and_the_window_holds(
    kind: str, wired: Bench, server: Faulty
) -> None:
    wired.run()
    newest = wired.shelf.holding(wired.wanted["a"]).newest
    assert newest is not None
    server.replies[f"/ari/{newest.cert_id}"] = window(GOOD, AFTER, **EXTRAS[kind])
    wired.clock.turn(days=1)
    wired.run()
    known = wired.store.standing("a").renewal
    assert known is not None
    assert known.selected is not None
    assert (known.explanation_url, known.trouble) == ("", "")
    json.dumps(str(known)).encode("ascii")


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_the_date_of_an_answer_may_lie_anywhere(date: str, wired: Bench, server: Faulty) -> None:
    wired.run()
    newest = wired.shelf.holding(wired.wanted["a"]).newest
    assert newest is not None
    reply = window(GOOD, AFTER)
    headers = {**reply.headers, "date": date, "age": "999999999999", "retry-after": date}
    server.replies[f"/ari/{newest.cert_id}"] = Reply(body=reply.body, headers=headers)
    wired.clock.turn(days=1)
    assert wired.run().failing == ()
    known = wired.store.standing("a").renewal
    assert known is not None
    assert known.selected is not None


@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize("reply", [window(GOOD, AFTER), MALFORMED["204"]], ids=["absent", "204"])
def test_without_a_usable_retry_after_the_next_question_comes_after_six_hours(
    reply: Reply, wired: Bench, server: Faulty
) -> None:
    wired.run()
    newest = wired.shelf.holding(wired.wanted["a"]).newest
    assert newest is not None
    server.replies[f"/ari/{newest.cert_id}"] = reply
    wired.clock.turn(days=1)
    wired.run()
    asked = wired.ca.calls.count("renewal_info")
    wired.clock.turn(hours=5, minutes=59)
    wired.run()
    assert wired.ca.calls.count("renewal_info") == asked
    wired.clock.turn(minutes=1)
    wired.run()
    assert wired.ca.calls.count("renewal_info") == asked + 1
