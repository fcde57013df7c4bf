"""The table of symptoms in docs/diagnose.md: made of the code, and compared with it by a test.

`python tests/support/symptom_table.py` writes it anew.
"""

import re
from pathlib import Path

from everleaf.core.symptoms.table import ALL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diagnose.md"
HEAD = "| code | weight | what it means | check first |\n| --- | --- | --- | --- |\n"
_TABLE = re.compile(re.escape(HEAD) + r"(?:\|.*\n)*")


def table() -> str:
    """All symptoms in the order in which they are told, Markdown."""
    rows = (f"| `{one.code}` | {one.weight} | {one.meaning} | {one.check} |\n" for one in ALL)
    return HEAD + "".join(rows)


def written(page: str) -> str:
    """The table of the page."""
    found = _TABLE.search(page)
    return found.group() if found else ""


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(written(text), table()), "utf-8")
