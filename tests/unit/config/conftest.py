"""A folder with what a right configuration refers to, and a way to load a text from it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import ConfigError, load

Faults = Callable[[str], tuple[ConfigFault, ...]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def into(text: str, name: str = "everleaf.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("STATE", str(tmp_path / "state")), "utf-8")
        return path

    return into


@pytest.fixture
def faults(write: Callable[[str], Path]) -> Faults:
    def of(text: str) -> tuple[ConfigFault, ...]:
        try:
            return load(write(text)).faults
        except ConfigError as error:
            return error.faults

    return of
