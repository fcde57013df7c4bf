"""What every `Terminators` keeps: hooks that are programs, and the fake."""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.identifiers import parse
from everleaf.deploy.hook import HookTerminators
from everleaf.ports import Changed, Terminators
from everleaf.system.clock import SystemClock
from fakes.edges import Edges
from support.loopback import until

ONE = Changed(
    certificate="www",
    live="/s/www/live",
    lineage="/s/live/www",
    copies=("/c",),
    identifiers=(parse("a.test"),),
)
TWO = Changed(
    certificate="mail",
    live="/s/mail/live",
    lineage="/s/live/mail",
    copies=(),
    identifiers=(parse("b.test"), parse("::1")),
)


@dataclass(frozen=True)
class Program:
    """A terminator of the configuration."""

    hook: Path
    settings: dict[str, str] = field(default_factory=dict)
    per_certificate: bool = False
    timeout: timedelta = timedelta(seconds=20)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@dataclass(slots=True)
class Row:
    """Terminators called good, refusing, broken and untested, and what was called."""

    terminators: Terminators
    calls: Callable[[], list[str]]
    change: Callable[[], None]


def programs(folder: Path) -> Row:
    said = folder / "said"
    say = f'echo "$EVERLEAF_TERMINATOR $1" >>{said}'
    bodies = {
        "good": f"{say}\nexit 0",
        "refusing": f'{say}\n[ "$1" = reload ] || {{ echo "no such file"; exit 1; }}',
        "broken": f'{say}\n[ "$1" = check ] || {{ echo "no process"; exit 1; }}',
        "untested": f"{say}\n[ $1 != check ] || exit 3",
    }
    known = {name: Program(script(folder / name, text)) for name, text in bodies.items()}

    def change() -> None:
        script(folder / "good", "exit 0")

    return Row(HookTerminators(known, SystemClock()), lambda: said.read_text().splitlines(), change)


def memory(_: Path) -> Row:
    edges = Edges(
        lambda _: (b"leaf",),
        refuses=lambda name: "no such file" if name == "refusing" else "",
        broken={"broken": "no process"},
        without_check={"untested"},
    )

    def change() -> None:
        edges.hooks = "2"

    return Row(edges, lambda: [f"{name} {verb}" for verb, name, _ in edges.calls], change)


@pytest.fixture(params=[programs, memory])
def row(request: pytest.FixtureRequest, tmp_path: Path) -> Row:
    made: Row = request.param(tmp_path)
    return made


def test_a_good_one_passes_both(row: Row) -> None:
    assert row.terminators.check("good", [ONE, TWO]).passed
    assert row.terminators.reload("good", [ONE, TWO]).ok
    assert row.calls() == ["good check", "good reload"]


def test_what_a_failing_one_said_is_kept(row: Row) -> None:
    result = row.terminators.check("refusing", [ONE])
    assert (result.ok, result.passed, result.words) == (False, False, ("no such file",))
    result = row.terminators.reload("broken", [ONE])
    assert (result.ok, result.passed, result.words) == (False, False, ("no process",))


def test_a_verb_that_is_not_its_own_passes(row: Row) -> None:
    result = row.terminators.check("untested", [ONE])
    assert (result.not_mine, result.passed) == (True, True)
    assert row.terminators.reload("untested", [ONE]).ok


def test_the_digest_changes_with_the_hook_alone(row: Row) -> None:
    before = row.terminators.digest("good")
    assert before == row.terminators.digest("good")
    assert before != row.terminators.digest("broken")
    row.terminators.reload("good", [ONE])
    assert before == row.terminators.digest("good")
    row.change()
    assert before != row.terminators.digest("good")


# -- what only programs do -----------------------------------------------------------------------


def hooked(hook: Path, **more: object) -> HookTerminators:
    return HookTerminators({"edge": Program(hook, **more)}, SystemClock())  # type: ignore[arg-type]


def test_a_hook_gets_what_the_contract_promises_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CA_PASSWORD", "hunter2")
    out, lines = tmp_path / "out", tmp_path / "lines"
    hook = script(tmp_path / "hook", f'env >{out}; cat "$EVERLEAF_CHANGED" >{lines}')
    assert hooked(hook, settings={"socket": "/run/x y"}).check("edge", [ONE]).ok
    seen = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert seen["EVERLEAF_SET_SOCKET"] == "/run/x y"
    assert (seen["EVERLEAF_CERTIFICATE"], seen["EVERLEAF_NAMES"]) == ("www", "a.test")
    assert "hunter2" not in out.read_text()
    assert {name for name in seen if not name.startswith("EVERLEAF_")} <= {
        "PATH", "LANG", "PWD", "_", "SHLVL", "OLDPWD",
    }  # fmt: skip
    assert [json.loads(line) for line in lines.read_text().splitlines()] == [
        {"certificate": "www", "live": "/s/www/live", "copies": ["/c"], "names": ["a.test"]}
    ]


def test_with_several_certificates_only_the_file_names_them(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = script(tmp_path / "hook", f'env >{out}; cat "$EVERLEAF_CHANGED" >>{out}')
    assert hooked(hook).reload("edge", [ONE, TWO]).ok
    assert "EVERLEAF_LIVE" not in out.read_text()
    assert '"names": ["b.test", "::1"]' in out.read_text()


def test_certbots_hooks_are_called_for_each_certificate(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = f'echo "$#|$RENEWED_LINEAGE|$RENEWED_DOMAINS" >>{out}'
    known = hooked(script(tmp_path / "hook", text), per_certificate=True)
    assert known.check("edge", [ONE, TWO]).not_mine
    assert known.reload("edge", [ONE, TWO]).ok
    assert out.read_text().splitlines() == ["0|/s/live/www|a.test", "0|/s/live/mail|b.test ::1"]


def test_one_failing_certificate_of_several_fails_the_reload(tmp_path: Path) -> None:
    text = 'case $RENEWED_LINEAGE in *www*) echo "not www"; exit 7;; esac'
    known = hooked(script(tmp_path / "hook", text), per_certificate=True)
    result = known.reload("edge", [ONE, TWO])
    assert not result.ok
    assert "not www" in result.words
    assert not result.of("www").ok
    assert result.of("mail").ok


@pytest.mark.parametrize("mode", [None, 0o644], ids=["absent", "not executable"])
def test_a_hook_that_cannot_be_run_is_named(tmp_path: Path, mode: int | None) -> None:
    hook = tmp_path / "hook"
    if mode:
        hook.write_text("#!/bin/sh\n")
        hook.chmod(mode)
    result = hooked(hook).check("edge", [ONE])
    assert not result.ok
    assert str(hook) in result.words[0]
    assert hooked(hook).digest("edge")


def test_a_hook_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"trap '' TERM\necho begun\nsleep 300 & echo $! >{pids}\necho $$ >>{pids}\nwait"
    hook = script(tmp_path / "hook", text)
    result = hooked(hook, timeout=timedelta(seconds=0.3)).reload("edge", [ONE])
    assert not result.ok
    assert result.words == ("begun", "ended after 0.3 s")
    for pid in map(int, pids.read_text().split()):
        until("it is gone", lambda pid=pid: not alive(pid))  # type: ignore[misc]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_much_output_is_no_trouble_and_its_end_is_kept(tmp_path: Path) -> None:
    text = "i=0; while [ $i -lt 3000 ]; do echo line $i of many; i=$((i+1)); done; exit 1"
    result = hooked(script(tmp_path / "hook", text)).check("edge", [ONE])
    assert result.words[-1] == "line 2999 of many"
    assert len(result.words) == 12


def test_a_hook_ended_by_a_signal_is_told_so(tmp_path: Path) -> None:
    result = hooked(script(tmp_path / "hook", "kill -9 $$")).check("edge", [ONE])
    assert not result.ok
    assert str(int(signal.SIGKILL)) in " ".join(result.words) or "SIGKILL" in " ".join(result.words)


def test_a_daemon_that_a_hook_starts_holds_nothing_up(tmp_path: Path) -> None:
    text = f"setsid sleep 30 >/dev/null 2>&1 & echo $! >{tmp_path}/pid"
    assert hooked(script(tmp_path / "hook", text)).reload("edge", [ONE]).ok


def test_the_hooks_file_of_changes_is_gone_afterwards(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = script(tmp_path / "hook", f'echo "$EVERLEAF_CHANGED" >{out}')
    assert hooked(hook).check("edge", [ONE]).ok
    assert not Path(out.read_text().strip()).exists()
