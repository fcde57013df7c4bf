"""The one-way arrows: import contracts, the pure core, what an idle run imports."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from everleaf.store.sqlite import SqliteStore
from support.settled import settle

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "everleaf"
LINTER = str(Path(sys.executable).with_name("lint-imports"))

# What the core may import of the standard library and of others: nothing that touches the world.
PURE = {
    "base64", "collections", "dataclasses", "datetime", "enum", "everleaf", "functools", "hashlib",
    "idna", "ipaddress", "pathlib", "re", "typing",
}  # fmt: skip

HEAVY = ("acme", "josepy", "cryptography", "dns", "tenacity", "structlog", "rich", "urllib3", "ssl")


def imported(path: Path) -> set[str]:
    """Top-level names of all imports of a module, those inside functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def lint(root: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LINTER, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_import_contracts_are_kept() -> None:
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/schedule.py", "from everleaf.store import sqlite"),
        ("stages/order.py", "from everleaf.stages import verify"),
        ("stages/order.py", "def slip() -> None:\n    import everleaf.ca.session"),
        ("deploy/hook.py", "import everleaf.store.shelf"),
        ("pipeline.py", "import everleaf.config.settings"),
        ("bootstrap.py", "import everleaf.cli"),
    ],
)
def test_a_contract_that_is_broken_is_seen(file: str, line: str, tmp_path: Path) -> None:
    package = tmp_path / "everleaf"
    shutil.copytree(SRC, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / file
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert " 0 broken" not in done.stdout


@pytest.mark.parametrize("path", sorted((SRC / "core").glob("*.py")), ids=lambda one: one.name)
def test_the_core_imports_nothing_that_touches_the_world(path: Path) -> None:
    assert imported(path) <= PURE


@pytest.mark.parametrize("path", sorted((SRC / "core").glob("*.py")), ids=lambda one: one.name)
def test_the_core_reads_no_clock(path: Path) -> None:
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert calls.isdisjoint({"now", "utcnow", "today"})


SETTINGS = """\
[settings]
state_dir = "STATE"
[authorities.ca]
directory = "https://ca.example.org/dir"
[solvers.web]
type = "http-01"
"""
CERTIFICATES = """\
[terminators.edge]
hook = "nginx"
[certificates.a]
names = ["a.example.org", "192.0.2.1"]
terminators = ["edge"]
copies = [{ path = "a.pem", kind = "combined" }, { path = "a", kind = "directory" }]
[certificates.b]
names = ["b.example.org"]
endpoints = []
"""


def modules_of_a_run(config: Path) -> set[str]:
    """What a run that is well and says nothing has imported."""
    program = (
        "import sys\n"
        "from everleaf.cli import cli\n"
        f"status = cli.main(['--config', {str(config)!r}, 'run'], standalone_mode=False)\n"
        "assert status == 0, status\n"
        "print(*sorted(name for name in sys.modules if '.' not in name))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = done.stdout.splitlines()
    assert done.stderr == ""
    modules = set(line.split())
    assert "pydantic" in modules, "the test sees what is imported"
    return modules


def configured(folder: Path, text: str) -> Path:
    config = folder / "everleaf.toml"
    config.write_text(text.replace("STATE", str(folder / "state")), "utf-8")
    return config


def test_an_idle_run_imports_nothing_heavy(tmp_path: Path) -> None:
    assert modules_of_a_run(configured(tmp_path, SETTINGS)).isdisjoint(HEAVY)


def test_a_run_in_which_all_is_well_imports_nothing_heavy(tmp_path: Path) -> None:
    config = configured(tmp_path, SETTINGS + CERTIFICATES)
    settings = settle(config)
    history = SqliteStore(settings.state_dir).history()
    assert modules_of_a_run(config).isdisjoint(HEAVY)
    assert tmp_path.joinpath("a", "live", "privkey.pem").exists()
    assert SqliteStore(settings.state_dir).history() == history
