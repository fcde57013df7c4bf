"""Where nothing can be said, or something unforeseen happens: one line, a status, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from everleaf.cli import plan, status
from support.settled import settle
from support.shell import Everleaf


def shell(line: str, config: Path) -> "subprocess.CompletedProcess[str]":
    """A line of a shell in which `$E` is everleaf."""
    command = f"{sys.executable} -m everleaf --config {config}"
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("$E", command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("line", ["$E status >/dev/full", "$E --help >/dev/full"])
def test_an_output_that_takes_nothing_is_said_in_one_line(line: str, config: Path) -> None:
    done = shell(line, config)
    assert done.returncode == 1
    assert done.stderr == "everleaf: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("line", ["$E run >&-", "$E run <&- >&- 2>&-", "$E status >&-"])
def test_streams_that_are_closed_are_nobodys_files(line: str, config: Path) -> None:
    settle(config)
    done = shell(f"{line}; echo status $?", config)
    assert done.stdout == "status 0\n"
    assert done.stderr == ""


def test_a_reader_that_has_gone_is_no_failure(config: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "everleaf", "--config", str(config), "status"],
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_bug_is_one_line_and_a_traceback_only_where_that_was_asked_for(
    config: Path,
    everleaf: Everleaf,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def slip(_: object) -> None:
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr(plan, "by_urgency", slip)
    said = everleaf("plan")
    assert said.status == 1
    assert said.err.count("\n") == 1
    assert said.err.startswith("everleaf: unexpected ZeroDivisionError: a slip: this is a bug")
    assert "--verbose" in said.err
    assert status(["--config", str(config), "--verbose", "plan"]) == 1
    assert "Traceback" in capsys.readouterr().err
