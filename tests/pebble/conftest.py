"""One Pebble for the tests of a worker; a machine of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.demo.authority import LocalAuthority
from support.machine import Machine, authority


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with authority(tmp_path_factory.mktemp("pebble")) as one:
        yield one


@pytest.fixture
def machine(running: LocalAuthority, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", running)
