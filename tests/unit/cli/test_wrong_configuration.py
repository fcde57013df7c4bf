"""Every wrong configuration ends every command with 2, and leaves the machine as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from everleaf.cli import status
from support.wrong import CASES, RIGHT, Case

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run",),
    ("run", "--dry-run"),
    ("plan", "--json"),
    ("status",),
    ("confirm",),
    ("history",),
    ("placeholder", "www"),
    ("forget", "www"),
    ("revoke", "www", "--reason", "superseded", "--yes"),
    ("records",),
    ("account", "show"),
    ("config", "check"),
)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        monkeypatch.chdir(tmp_path)
        path = tmp_path / "everleaf.toml"
        path.write_text(text.replace("STATE", str(tmp_path / "state")), "utf-8")
        return path

    return write


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_wrong_configuration_ends_with_2_and_touches_nothing(
    case: Case,
    written: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = written(case.text)
    for command in (("run",), ("status",), ("config", "check")):
        assert status(["--config", str(path), *command]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert f"{path}:{case.line}: " in said.err
        assert case.what in said.err
        assert "Traceback" not in said.err
    assert [one.name for one in tmp_path.iterdir()] == ["everleaf.toml"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_ends_with_2(
    command: tuple[str, ...],
    written: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = written(RIGHT.replace("[settings]", "[settings]\njbos = 3"))
    assert status(["--config", str(path), *command]) == 2
    said = capsys.readouterr()
    assert f"{path}:2: settings.jbos: unknown key; did you mean 'jobs'?" in said.err
    assert [one.name for one in tmp_path.iterdir()] == ["everleaf.toml"]
