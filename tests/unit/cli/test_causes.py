"""`everleaf status` and `history`: why an address is failing, without another command."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Failed
from everleaf.core.standing import Sight, Standing
from everleaf.errors import Actor, Cause, Fault
from everleaf.store.sqlite import SqliteStore
from support.settled import settle
from support.shell import Everleaf

PLACE, WORDS = "192.0.2.1:443", "Nothing listens on port 443. Check that the server runs"
CAUSE = Cause(endpoint="a.example.org:443", address=PLACE, code="connection-refused", words=WORDS)
FAULT = Fault(
    actor=Actor.EDGE, code="unconfirmed", what="one address", words=(str(CAUSE),), causes=(CAUSE,)
)


def failing(known: Standing) -> Standing:
    (one,) = known.observations
    bad = replace(
        one, address=PLACE, sight=Sight.UNREACHABLE, code="connection-refused", words=WORDS
    )
    return replace(known, observations=(bad,))


@pytest.fixture
def failed(config: Path, everleaf: Everleaf) -> Everleaf:
    """Certificate a has failed its confirmation at its only address."""
    store = SqliteStore(settle(config).state_dir)
    store.change("a", failing)
    store.record("a", Stage.CONFIRM, Failed(FAULT), datetime.now(UTC))
    return everleaf


def test_status_says_it_to_people(failed: Everleaf) -> None:
    said = failed("status", "a")
    assert said.status == 1
    assert f"{PLACE}: unreachable, " in said.out
    assert f"Z: connection-refused: {WORDS}" in said.out
    assert f"one address: a.example.org:443 at {PLACE}: connection-refused: {WORDS}" in said.out


def test_status_says_it_to_programs(failed: Everleaf) -> None:
    found = failed("status", "--json", "a").of("a")
    (address,), (trouble,) = found["addresses"], found["troubles"]
    assert (address["code"], address["words"]) == ("connection-refused", WORDS)
    assert trouble["fault"]["causes"] == [
        {
            "endpoint": "a.example.org:443",
            "address": PLACE,
            "code": "connection-refused",
            "words": WORDS,
        }
    ]


def test_what_is_well_has_no_code(config: Path, everleaf: Everleaf) -> None:
    settle(config)
    (address,) = everleaf("status", "--json", "a").of("a")["addresses"]
    assert (address["code"], address["words"]) == (None, None)


def test_history_has_it_for_programs_and_says_it_once_to_people(failed: Everleaf) -> None:
    (event,) = failed("history", "a", "--json").document["events"]
    assert event["detail"]["causes"] == "connection-refused"
    assert failed("history", "a").out.replace("\n", " ").count("connection-refused") == 1
