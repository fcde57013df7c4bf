"""Commands in this process, and a configuration with two certificates in a folder of its own."""

from pathlib import Path

import pytest

from everleaf.cli import status
from support.shell import CONFIG, Everleaf, Said


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Certificate a in the main file, b in an included one."""
    path = tmp_path / "everleaf.toml"
    path.write_text(CONFIG.replace("STATE", str(tmp_path / "state")), "utf-8")
    tmp_path.joinpath("conf.d").mkdir()
    included = tmp_path / "conf.d" / "b.toml"
    included.write_text('[certificates.b]\nnames = ["b.example.org"]\nendpoints = []\n', "utf-8")
    return path


@pytest.fixture
def everleaf(config: Path, capsys: pytest.CaptureFixture[str]) -> Everleaf:
    """One command; no traceback is ever among what it says."""

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        found = status(["--config", str(config), *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(found, said.out, said.err)

    return call
