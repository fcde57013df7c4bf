"""How often the timer starts us, from what systemctl and systemd-analyze say."""

from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.system.clock import SystemClock
from everleaf.system.timer import interval

HOUR = timedelta(hours=1)
CGROUP = "0::/system.slice/everleaf.service\n"

# As systemd 252 writes them.
DATES = """\
  Original form: *-*-* 0/4:00:00
Normalized form: *-*-* 00/4:00:00
    Next elapse: Tue 2026-11-24 16:00:00 UTC
       From now: 2h 10min left
       Iter. #2: Tue 2026-11-24 20:00:00 UTC
       From now: 6h left
       Iter. #3: Wed 2026-11-25 00:00:00 UTC
       From now: 10h left
"""
CALENDAR = (
    "TimersCalendar={ OnCalendar=*-*-* 00/4:00:00 ; next_elapse=Tue 2026-11-24 16:00:00 UTC }"
)
MONOTONIC = "TimersMonotonic={ OnUnitActiveUSec=1h 30min ; next_elapse=5min }"
BOOT = "TimersMonotonic={ OnBootUSec=5min ; next_elapse=5min }"
LATE = "RandomizedDelayUSec=30min\nAccuracyUSec=1min"
PRECISE = "RandomizedDelayUSec=0\nAccuracyUSec=1us"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Where systemctl and systemd-analyze of the test's own stand."""
    folder = tmp_path / "bin"
    folder.mkdir()
    say(
        folder,
        "systemctl",
        'case "$*" in *TriggeredBy*) echo everleaf.timer;; *) cat "$0.says";; esac',
    )
    say(folder, "systemd-analyze", f"cat <<'X'\n{DATES}X")
    return folder


def say(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{text}\n")
    path.chmod(0o755)


def asked(programs: Path, *lines: str, cgroup: str = CGROUP, started: bool = True) -> object:
    programs.joinpath("systemctl.says").write_text("\n".join(lines) + "\n")
    place = programs / "cgroup"
    place.write_text(cgroup)
    environment = {"PATH": str(programs)} | ({"INVOCATION_ID": "1f"} if started else {})
    return interval(environment, SystemClock(), place)


def test_a_calendars_longest_gap_and_the_delay_are_the_interval(programs: Path) -> None:
    assert asked(programs, CALENDAR, LATE) == 4 * HOUR + timedelta(minutes=31)


def test_a_span_since_the_last_start_is_the_interval(programs: Path) -> None:
    found = asked(programs, BOOT, MONOTONIC, PRECISE)
    assert isinstance(found, timedelta)
    assert abs(found - 1.5 * HOUR) < timedelta(seconds=1)


def test_of_several_lines_the_one_that_starts_most_often_counts(programs: Path) -> None:
    assert asked(programs, MONOTONIC, CALENDAR, LATE) == 1.5 * HOUR + timedelta(minutes=31)


@pytest.mark.parametrize(
    "cgroup",
    ["0::/user.slice/user-0.slice/session-1.scope\n", "", "0::/\n"],
)
def test_without_a_service_nothing_is_known(programs: Path, cgroup: str) -> None:
    assert asked(programs, CALENDAR, LATE, cgroup=cgroup) is None


def test_who_was_not_started_by_systemd_asks_nobody(programs: Path) -> None:
    assert asked(programs, CALENDAR, LATE, started=False) is None


def test_a_timer_that_only_starts_at_boot_tells_nothing(programs: Path) -> None:
    assert asked(programs, BOOT, LATE) is None


@pytest.mark.parametrize("name", ["systemctl", "systemd-analyze"])
@pytest.mark.parametrize("text", ["exit 1", "echo nonsense"])
def test_programs_that_fail_or_talk_nonsense_are_as_good_as_none(
    programs: Path, name: str, text: str
) -> None:
    say(programs, name, text)
    assert asked(programs, CALENDAR, LATE) is None
    programs.joinpath(name).unlink()
    assert asked(programs, CALENDAR, LATE) is None
