"""A server that fails on command, and a session with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.ca.session import Session
from support.faulty import Faulty, faulty
from support.wire import Turning


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Faulty]:
    with faulty(tmp_path / "faulty") as one:
        one.serve_acme()
        yield one


@pytest.fixture
def clock() -> Turning:
    return Turning()


@pytest.fixture
def session(server: Faulty, clock: Turning) -> Session:
    return Session(server.directory, clock=clock, ca_file=server.ca_file)
