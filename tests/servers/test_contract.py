"""What all shipped hooks have in common."""

import os
from pathlib import Path

import pytest

from support.hooks import HOOKS, hook

SHIPPED = ("nginx", "haproxy")


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("verb", ["", "restart", "check reload"])
def test_another_verb_is_not_ours(tmp_path: Path, name: str, verb: str) -> None:
    done = hook(tmp_path, name, verb, {})
    assert done.returncode == 3
    assert done.stderr == f"usage: {name} check|reload\n"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    done = hook(tmp_path, name, "check", {"arguments": "'open"})
    assert done.returncode == 1
    assert "`arguments`" in done.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_a_server_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    done = hook(tmp_path, name, "check", {"binary": "/nowhere/server"})
    assert done.returncode == 1
    assert "/nowhere/server" in done.stderr
    assert "`binary`" in done.stderr


def test_every_shipped_hook_is_executable_and_leaves_nothing_in_its_folder() -> None:
    files = [path for path in HOOKS.iterdir() if path.is_file()]
    assert {path.name for path in files if os.access(path, os.X_OK)} == {*SHIPPED}
    assert not (HOOKS / "__pycache__").exists()
