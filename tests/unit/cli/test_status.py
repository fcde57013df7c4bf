"""`everleaf status` and `plan`: what they say of a certificate, and of one that is damaged."""

import hashlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.cli import status
from everleaf.core.backoff import Attempts
from everleaf.core.venue import attempts_key
from everleaf.pki.keys import public_bytes
from everleaf.store.accounts import AccountFiles
from everleaf.store.shelf import DiskShelf
from everleaf.store.sqlite import SqliteStore
from support.forge import Plan, authority
from support.nobody import open_folder, unprivileged
from support.settled import VERSION, settle
from support.shell import CONFIG, Everleaf


def live(config: Path, name: str) -> Path:
    return config.parent / "state" / "certificates" / name / "live"


def test_what_is_well_is_well(config: Path, everleaf: Everleaf) -> None:
    settle(config)
    said = everleaf("status")
    assert said.status == 0
    assert "a: well" in said.out
    assert "next order: " in said.out
    one, other = (everleaf("status", "--json").of(name) for name in "ab")
    assert (one["state"], one["damaged"], one["unreadable"]) == ("well", [], None)
    assert (one["endpoints"], one["confirmed"]) == (["a.example.org:443"], True)
    assert (other["endpoints"], other["confirmed"]) == ([], None)
    assert "confirmed_by_choice" not in one


def test_what_was_not_seen_is_not_confirmed(everleaf: Everleaf) -> None:
    assert everleaf("status", "--json").of("a")["confirmed"] is False


@pytest.mark.parametrize("file", ["privkey.pem", "fullchain.pem"])
def test_a_live_version_that_lacks_a_file_is_failing_and_the_file_is_named(
    file: str, config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    live(config, "a").joinpath(file).unlink()
    said = everleaf("status")
    assert said.status == 1
    assert "a: failing" in said.out
    assert "b: well" in said.out
    path = live(config, "a").parent / "versions" / VERSION / file
    assert f"missing: {path}, of what is live" in said.out
    found = everleaf("status", "--json").of("a")
    assert (found["state"], found["damaged"]) == ("failing", [str(path)])
    assert everleaf("plan", "--json").of("a")["code"] == "missing"


@pytest.mark.parametrize("command", ["status", "plan", "confirm"])
@pytest.mark.parametrize("text", ["{}", "", "[1]"])
def test_a_damaged_record_hides_no_other_and_is_named(
    command: str, text: str, config: Path, everleaf: Everleaf
) -> None:
    settle(config)
    live(config, "b").joinpath("version.json").write_text(text, "utf-8")
    config.write_text(config.read_text("utf-8").replace('.org"]', '.org"]\nendpoints = []'))
    said = everleaf(command)
    assert said.status == 1
    assert "version.json" in said.out
    assert said.out.startswith("a")
    found = everleaf(command, "--json")
    assert found.status == 1
    assert found.of("a")["unreadable"] is None
    assert found.of("b")["unreadable"]["code"] == "damaged-state"
    assert found.of("b")["unreadable"]["where"].endswith("version.json")


@pytest.mark.parametrize("command", ["status", "plan", "confirm"])
def test_a_damaged_account_takes_out_the_certificates_of_its_authority_alone(
    command: str, config: Path, everleaf: Everleaf
) -> None:
    text = config.read_text("utf-8").replace(
        "[solvers", '[authorities.cb]\ndirectory = "https://cb.example.org/dir"\n[solvers'
    )
    config.write_text(text.replace('.org"]', '.org"]\nauthority = "ca"\nendpoints = []'), "utf-8")
    with (config.parent / "conf.d" / "b.toml").open("a", encoding="utf-8") as file:
        file.write('authority = "cb"\n')
    settings = settle(config)
    account = AccountFiles(settings.state_dir, "ca", settings.authorities["ca"].directory)
    account.save_key(b"key")
    (about,) = settings.state_dir.glob("accounts/ca/*")
    about.joinpath("account.json").write_text("{", "utf-8")
    found = everleaf(command, "--json")
    assert found.status == 1
    assert found.of("a")["unreadable"]["where"].endswith("account.json")
    assert found.of("b")["unreadable"] is None


def test_an_order_that_is_held_says_until_when_and_why(config: Path, everleaf: Everleaf) -> None:
    settings = settle(config)
    DiskShelf(settings.state_dir).forget("a")
    now = datetime.now(UTC)
    key = attempts_key(settings.certificates["a"].identifiers, "ca")
    SqliteStore(settings.state_dir).set_attempts(key, Attempts(3, now))
    (line,) = [one for one in everleaf("status", "a").out.splitlines() if "next order" in one]
    until = everleaf("status", "--json", "a").of("a")["renewal"]["backoff"]["until"]
    assert datetime.fromisoformat(until) > now + timedelta(hours=1)
    assert line.startswith(f"  next order: held until {until}: 3 failures in a row")
    assert "no certificate has been issued yet" in line


def test_an_order_that_is_due_is_now(everleaf: Everleaf) -> None:
    assert "  next order: now, no certificate has been issued yet" in everleaf("status", "a").out


def test_a_state_directory_that_is_a_file_ends_with_2_and_stays(
    config: Path, everleaf: Everleaf
) -> None:
    state = config.parent / "state"
    state.write_text("mine", "utf-8")
    for command in ("status", "plan", "run", "history", "confirm"):
        said = everleaf(command)
        assert said.status == 2, (command, said)
        assert "Not a directory" in said.out + said.err
    assert state.read_text("utf-8") == "mine"
    assert not config.parent.joinpath(".state.new").exists()


@pytest.mark.parametrize("command", ["status", "plan", "run", "history", "confirm"])
def test_a_state_directory_out_of_reach_ends_with_2(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_folder() as folder:
        config = folder / "everleaf.toml"
        text = CONFIG.partition("\n")[2].replace("STATE", f"{folder}/hidden/state")
        config.write_text(text, "utf-8")
        settle(config)
        line = ["--config", str(config), command]
        status(line)  # so that all is imported
        folder.joinpath("hidden").chmod(0)
        capsys.readouterr()
        with unprivileged():
            assert status(line) == 2
    said = capsys.readouterr()
    assert "Permission denied" in said.err
    assert "Traceback" not in said.err


def test_a_damaged_row_of_the_history_is_named(config: Path, everleaf: Everleaf) -> None:
    settings = settle(config)
    with sqlite3.connect(settings.state_dir / "state.sqlite") as one:
        one.execute("INSERT INTO history VALUES (7, 'x', 'a', 'order', 'done', '{')")
    one.close()
    said = everleaf("history")
    assert said.status == 1
    assert "row 7 of the history" in said.err
    assert json.loads(everleaf("status", "--json").out)["version"] == 1


def test_a_live_chain_without_a_pinned_key_is_warned_of(config: Path, everleaf: Everleaf) -> None:
    text = config.read_text("utf-8")
    chain = [Plan().make(), authority()]
    config.write_text(text.replace('.org"]', f'.org"]\npins = ["{"00" * 32}"]', 1))
    settle(config)
    pem = [one.public_bytes(Encoding.PEM) for one in chain]
    live(config, "a").joinpath("cert.pem").write_bytes(pem[0])
    live(config, "a").joinpath("chain.pem").write_bytes(pem[1])
    said = everleaf("status")
    assert said.status == 0
    assert "warning: none of the pinned keys is in the chain" in said.out
    (warning,) = everleaf("status", "--json").of("a")["warnings"]
    assert "pinned" in warning
    own = hashlib.sha256(public_bytes(chain[1].public_key())).hexdigest()
    config.write_text(text.replace('.org"]', f'.org"]\npins = ["{own}"]', 1))
    assert everleaf("status", "--json").of("a")["warnings"] == []


@pytest.mark.parametrize("command", [("status",), ("plan",), ("run",), ("history",)])
def test_a_newer_state_directory_is_refused_also_where_its_database_is_lost(
    command: tuple[str, ...], config: Path, everleaf: Everleaf
) -> None:
    state = settle(config).state_dir
    (state / "layout").write_text("99")
    (state / "state.sqlite").unlink()
    said = everleaf(*command)
    assert said.status == 2
    assert "newer everleaf" in said.err
    assert not (state / "state.sqlite").exists()
