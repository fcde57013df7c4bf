"""The end-to-end tests run inside the stage: `docker compose run --rm tests`."""

import os
from collections.abc import Iterator

import pytest
from parts import EDGES

from e2e import stage


@pytest.fixture(autouse=True)
def on_the_stage() -> Iterator[None]:
    """The tests share one stage; each finds all edges running, if need be with placeholders."""
    if os.environ.get("EVERLEAF_STAGE") != "inside":
        pytest.skip("runs inside docker-compose only: docker compose run --rm tests")
    stage.ready()
    yield
    stage.start(*EDGES)
