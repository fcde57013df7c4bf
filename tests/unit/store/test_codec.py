"""What earlier versions of everleaf wrote is read by this one."""

import json
from datetime import UTC, datetime

import pytest

from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Failed
from everleaf.core.standing import Observation, Sight, Standing, after
from everleaf.errors import Actor, Cause, Fault
from everleaf.store.codec import decode, encode

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
CAUSE = Cause(endpoint="a.test:443", address="192.0.2.1:443", code="timed-out", words="Check it")
FAULT = Fault(actor=Actor.EDGE, code="unconfirmed", what="one address", causes=(CAUSE,))
OBSERVATION = Observation(
    endpoint="a.test:443", address="192.0.2.1:443", sight=Sight.UNREACHABLE, at=NOW, version="1",
    code="timed-out", words="Check it",
)  # fmt: skip


@pytest.fixture
def standing() -> Standing:
    """One that has failed its confirmation."""
    reached = {"a.test:443": ("192.0.2.1", "2001:db8::1")}
    standing = Standing(name="www", observations=(OBSERVATION,), reached=reached)
    return after(standing, Stage.CONFIRM, Failed(FAULT), NOW)


def test_causes_are_there_again(standing: Standing) -> None:
    assert decode(Standing, encode(standing), "") == standing


def test_a_standing_from_before_there_were_causes_is_read(standing: Standing) -> None:
    old = json.loads(encode(standing))
    del old["troubles"]["confirm"]["fault"]["causes"]
    del old["observations"][0]["code"]
    del old["reached"]
    found = decode(Standing, json.dumps(old), "")
    assert found.troubles[Stage.CONFIRM].fault.causes == ()
    assert found.observations[0].code == ""
    assert found.reached == {}
    assert found.observations[0].words == "Check it"
