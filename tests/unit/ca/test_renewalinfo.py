"""Renewal information: what counts as an answer, as a passing fault, as a lasting one."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.ca.answer import Answer
from everleaf.ca.renewalinfo import ask, parse, timestamp
from everleaf.ca.session import Session
from everleaf.core.window import LongTermFailure, NotOffered, Suggestion, TemporaryFailure, Window
from support.faulty import Fault, Faulty, Reply, document, problem
from support.wire import Turning

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WINDOW = {"start": "2026-12-01T00:00:00Z", "end": "2026-12-03T00:00:00Z"}
ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def read(body: object) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(Answer(url="https://ca.test/ari", status=200, body=raw), NOW)


@pytest.mark.rule("ARI-5")
def test_a_window_is_read_with_its_explanation() -> None:
    found = read({"suggestedWindow": WINDOW, "explanationURL": "https://ca.test/why"})
    start, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)
    assert found == Suggestion(window=Window(start, end), explanation_url="https://ca.test/why")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T00:00:00Z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01t00:00:00z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T02:30:00+02:30", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00.123456789Z", datetime(2026, 12, 1, 0, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_timestamps_are_read_as_rfc_3339_has_them(text: str, expected: datetime) -> None:
    assert timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01", "20261201T000000Z", "2026-12-01T00:00:00", "2026-12-01 00:00:00Z", 7, None,
        "2026-13-01T00:00:00Z", "2026-12-01T24:00:01Z", "0001-01-01T00:00:00+14:00", "",
    ],
)  # fmt: skip
def test_what_rfc_3339_does_not_have_is_no_timestamp(text: object) -> None:
    assert timestamp(text) is None


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))])))
def test_every_time_that_is_written_is_read_again(moment: datetime) -> None:
    text = moment.isoformat().replace("+00:00", "Z")
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        expected = None
    assert timestamp(text) == expected


@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize(
    "body",
    [
        b"not json", b"", [], {}, {"suggestedWindow": None}, {"suggestedWindow": {"start": "x"}},
        {"suggestedWindow": {**WINDOW, "end": 5}}, {"suggestedWindow": [WINDOW]},
    ],
)  # fmt: skip
def test_a_malformed_body_is_a_long_term_failure(body: object) -> None:
    assert isinstance(read(body), LongTermFailure)


@pytest.mark.rule("ARI-4")
def test_a_window_that_ends_before_it_starts_is_handed_on_as_it_is() -> None:
    found = read({"suggestedWindow": {"start": WINDOW["end"], "end": WINDOW["start"]}})
    assert isinstance(found, Suggestion)
    assert not found.window.is_valid


@pytest.mark.rule("ARI-1")
def test_without_the_directorys_field_nothing_is_asked(
    server: Faulty, session: Session, clock: Turning
) -> None:
    assert ask(session, ID, clock) == NotOffered()
    assert server.paths() == ["/dir"]


@pytest.mark.rule("ARI-3")
@pytest.mark.parametrize("path", ["/ari", "/ari/"])
def test_the_url_is_the_directorys_with_the_cert_id_whether_it_ends_in_a_slash_or_not(
    server: Faulty, session: Session, clock: Turning, path: str
) -> None:
    server.serve_acme(renewalInfo=path)
    server.replies[f"/ari/{ID}"] = document({"suggestedWindow": WINDOW}, retry_after="21600")
    found = ask(session, ID, clock)
    assert isinstance(found, Suggestion)
    assert found.retry_at is not None
    assert timedelta(hours=5) < found.retry_at - clock.now() <= timedelta(hours=6)
    asked = server.seen[-1]
    assert (asked.method, asked.path, asked.payload) == ("GET", f"/ari/{ID}", None)


@pytest.mark.rule("ARI-12")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_is_temporary(server: Faulty, session: Session, clock: Turning, status: int) -> None:
    server.serve_acme(renewalInfo="/ari")
    server.replies[f"/ari/{ID}"] = Reply(status=status, headers={"retry-after": "600"})
    found = ask(session, ID, clock)
    assert isinstance(found, TemporaryFailure)
    assert found.retry_at is not None
    assert found.retry_at > clock.now()


@pytest.mark.rule("ARI-12")
def test_429_is_temporary(server: Faulty, session: Session, clock: Turning) -> None:
    server.serve_acme(renewalInfo="/ari")
    server.replies[f"/ari/{ID}"] = problem("rateLimited", 429, retry_after="60")
    assert isinstance(ask(session, ID, clock), TemporaryFailure)


@pytest.mark.rule("ARI-12")
def test_a_lost_answer_is_asked_for_again_at_once(
    server: Faulty, session: Session, clock: Turning
) -> None:
    server.serve_acme(renewalInfo="/ari")
    server.replies[f"/ari/{ID}"] = document({"suggestedWindow": WINDOW})
    server.faults = [("/ari", Fault.LOST_ANSWER)]
    assert isinstance(ask(session, ID, clock), Suggestion)
    assert sum(clock.slept) == 0


@pytest.mark.rule("ARI-12")
def test_an_authority_that_is_not_there_is_temporary(clock: Turning, server: Faulty) -> None:
    session = Session("https://127.0.0.1:9/dir", clock=clock, ca_file=server.ca_file)
    assert isinstance(ask(session, ID, clock), TemporaryFailure)


@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize("status", [400, 404, 403])
def test_other_refusals_are_long_term(
    server: Faulty, session: Session, clock: Turning, status: int
) -> None:
    server.serve_acme(renewalInfo="/ari")
    server.replies[f"/ari/{ID}"] = problem("malformed", status)
    assert isinstance(ask(session, ID, clock), LongTermFailure)


@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html><body>Welcome</body></html>", headers={"content-type": "text/html"}),
        Reply(body=b'{"suggestedWindow": ' + b" " * (10 << 20) + b"null}"),
        Reply(status=302, headers={"location": f"/ari/{ID}"}),
        Reply(status=302, headers={"location": "http://127.0.0.1:9/elsewhere"}),
        Reply(status=304),
        Reply(status=204),
        Reply(body=b"[" * 100_000),
        Reply(body=b'{"suggestedWindow": {"start": 1' + b"0" * 9999 + b"}}"),
        Reply(body=b'\xff\xfe{"suggestedWindow": 1}'),
    ],
    ids=["html", "10 MB", "redirect", "to http", "304", "204", "nested", "huge", "no UTF-8"],
)
def test_whatever_else_comes_is_a_failure_and_never_an_error(
    server: Faulty, session: Session, clock: Turning, reply: Reply
) -> None:
    server.serve_acme(renewalInfo="/ari")
    server.replies[f"/ari/{ID}"] = reply
    assert isinstance(ask(session, ID, clock), LongTermFailure | TemporaryFailure)


def test_a_deadline_that_has_passed_is_temporary_and_nothing_is_sent(server: Faulty) -> None:
    clock = Turning(deadline=0.0)
    session = Session(server.directory, clock=clock, ca_file=server.ca_file)
    assert isinstance(ask(session, ID, clock), TemporaryFailure)
    assert server.seen == []
