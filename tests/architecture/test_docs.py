"""The documentation's table of rules names tests that are there, and that name the rule."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(
    r"^\| (ARI-\d+) \|.*\| (`.*`) \|$",
    (ROOT / "docs" / "timing.md").read_text("utf-8"),
    re.MULTILINE,
)


def test_every_rule_has_its_row() -> None:
    assert [rule for rule, _ in ROWS] == [f"ARI-{number}" for number in range(1, 19)]


@pytest.mark.parametrize(("rule", "files"), ROWS, ids=[rule for rule, _ in ROWS])
def test_the_tests_of_a_rule_name_it(rule: str, files: str) -> None:
    for file in re.findall(r"`([^`]+)`", files):
        assert f'rule("{rule}")' in (ROOT / "tests" / file).read_text("utf-8"), file
