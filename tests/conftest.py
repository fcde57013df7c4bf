"""What tests may name: the rules of RFC 9773 and RFC 8555, and the symptoms of diagnose."""

import pytest

from everleaf.core.symptoms.table import ALL

RULES = {f"ARI-{number}" for number in range(1, 19)} | {f"ACME-{number}" for number in range(1, 15)}
CODES = {one.code for one in ALL}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("rule"):
            if marker.args[0] not in RULES:
                raise pytest.UsageError(f"{item.nodeid} names {marker.args[0]!r}, which is no rule")
        for marker in item.iter_markers("symptom"):
            if not marker.args or (unknown := set(marker.args) - CODES):
                named = ", ".join(sorted(unknown)) if marker.args else "nothing"
                raise pytest.UsageError(f"{item.nodeid} names {named}, which is no symptom")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to say of themselves: sizes, counts, times."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for key, value in report.user_properties:
            if key == "said":
                terminalreporter.write_line(str(value))
