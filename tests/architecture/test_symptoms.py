"""Every symptom is provoked by a test that names it, and stands in the documentation."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from everleaf.cli.diagnose import command
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.table import ALL
from support.symptom_table import PAGE, table, written

ROOT = Path(__file__).resolve().parents[2]

_LISTING = """
import json, sys, pytest

class Lister:
    def pytest_collection_finish(self, session):
        named = {}
        for item in session.items:
            for marker in item.iter_markers("symptom"):
                for code in marker.args:
                    named.setdefault(code, []).append(item.nodeid)
        print("\\n" + json.dumps(named))

options = ["--collect-only", "-qq", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*options, *sys.argv[1:]], [Lister()]))
"""


@pytest.fixture(scope="module")
def provoked() -> dict[str, list[str]]:
    """The tests of a symptom at real servers, by its code, as pytest collects them."""
    folders = [str(ROOT / "tests" / one) for one in ("servers", "pebble")]
    done = subprocess.run(
        [sys.executable, "-c", _LISTING, *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, list[str]] = json.loads(lines[-1])
    return found


def test_every_symptom_is_provoked_by_a_test(provoked: dict[str, list[str]]) -> None:
    assert [one.code for one in ALL if one.code not in provoked] == []


def test_no_code_stands_for_two_symptoms() -> None:
    assert [code for code, count in Counter(one.code for one in ALL).items() if count > 1] == []


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    remedy = "python tests/support/symptom_table.py writes it anew"
    assert written(PAGE.read_text("utf-8")) == table(), remedy


def test_every_option_stands_in_the_documentation() -> None:
    page = PAGE.read_text("utf-8")
    options = [one for known in command.params for one in known.opts if one.startswith("--")]
    assert [one for one in options if f"`{one}" not in page] == []


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.code)
def test_what_a_symptom_says_makes_sentences(one: Symptom) -> None:
    assert one.meaning.endswith(".")
    assert one.meaning[0].isupper()
    assert one.check[0].isupper()
    assert not one.check.endswith(".")
    assert "|" not in one.meaning + one.check, "it stands in a table"
