"""The form of the source: sizes, first lines, a promise for everything that touches the world."""

import ast
import statistics
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "everleaf"
MODULES = sorted(SRC.rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 60
MEDIAN = 110


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("path", MODULES, ids=lambda one: str(one.relative_to(SRC)))
def test_a_module_says_in_one_line_what_it_is_for(path: Path) -> None:
    doc = ast.get_docstring(tree(path))
    assert doc, "no docstring"
    assert doc.splitlines()[0].endswith("."), "the first line is a sentence"


@pytest.mark.parametrize("path", MODULES, ids=lambda one: str(one.relative_to(SRC)))
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(tree(path))
        if isinstance(node, functions)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_small() -> None:
    # The one page of ports is one thing, read from top to bottom.
    big = [path for path in MODULES if lines(path) > LONGEST_FILE and path.name != "ports.py"]
    assert big == []
    assert statistics.median(lines(path) for path in MODULES) <= MEDIAN


def test_every_port_states_its_promise() -> None:
    silent = [
        f"{port.name}.{method.name}"
        for port in tree(SRC / "ports.py").body
        if isinstance(port, ast.ClassDef)
        for method in port.body
        if isinstance(method, ast.FunctionDef) and not ast.get_docstring(method)
    ]
    assert silent == []
