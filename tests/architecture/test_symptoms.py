"""Every symptom of the table is provoked by a test that names it."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from everleaf.core.symptoms.table import ALL

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
    """The tests of a symptom, by its code: as pytest collects them, so that tables count too."""
    folders = [str(ROOT / "tests" / one) for one in ("unit", "servers", "pebble")]
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
