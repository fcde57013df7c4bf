"""The end-to-end tests run inside the stage: `docker compose run --rm tests`."""

import os

import pytest


@pytest.fixture(autouse=True)
def on_the_stage() -> None:
    if os.environ.get("EVERLEAF_STAGE") != "inside":
        pytest.skip("runs inside docker-compose only: docker compose run --rm tests")
