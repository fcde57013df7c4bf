"""hooks/dovecot against a real Dovecot, looked at over IMAP with TLS."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.hooks import changed, hook
from support.loopback import free, served, switched
from support.mail import Dovecot
from support.servers import need

NAME = "mail.example.org"


@pytest.fixture
def stopped(tmp_path: Path, live: Live) -> Iterator[Dovecot]:
    server = Dovecot(tmp_path / "dovecot", free(), live)
    yield server
    server.stop()


@pytest.fixture
def dovecot(stopped: Dovecot) -> Dovecot:
    stopped.start()
    served(*stopped.addresses[0], NAME)  # it reads its files when the first client comes
    return stopped


def mismatched(authority: Authority, live: Live) -> None:
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))


def test_check_passes_and_changes_nothing(tmp_path: Path, dovecot: Dovecot) -> None:
    done = hook(tmp_path, "dovecot", "check", dovecot.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert dovecot.reloads() == 0


def test_reload_switches_to_the_new_certificate(
    tmp_path: Path, dovecot: Dovecot, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    live.switch(fresh)
    assert served(*dovecot.addresses[0], NAME) != fresh.chain
    done = hook(tmp_path, "dovecot", "reload", {**dovecot.settings, "wait": "3600"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert dovecot.reloads() == 1
    switched(dovecot.addresses[0], NAME, fresh.der)
    assert served(*dovecot.addresses[0], NAME) == fresh.chain


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_configuration_that_dovecot_refuses_is_not_reloaded(
    tmp_path: Path, dovecot: Dovecot, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    live.switch(authority.issue(NAME))
    dovecot.extra = "no_such_setting = yes"
    dovecot.configure()
    done = hook(tmp_path, "dovecot", verb, dovecot.settings)
    assert done.returncode == 1
    assert "Unknown setting: no_such_setting" in done.stderr
    assert dovecot.reloads() == 0
    switched(dovecot.addresses[0], NAME, old)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_key_that_does_not_match_is_refused_although_dovecots_own_test_passes(
    tmp_path: Path, dovecot: Dovecot, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    mismatched(authority, live)
    subprocess.run([need("doveconf"), "-n", "-c", dovecot.config], check=True, capture_output=True)
    done = hook(tmp_path, "dovecot", verb, dovecot.settings)
    assert done.returncode == 1
    assert "certificate and key do not go together: key values mismatch" in done.stderr
    assert dovecot.reloads() == 0
    switched(dovecot.addresses[0], NAME, old)


@pytest.mark.parametrize("lost", ["fullchain.pem", "privkey.pem"])
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, stopped: Dovecot, live: Live, lost: str
) -> None:
    stopped.configure()
    (live.path / lost).unlink()
    done = hook(tmp_path, "dovecot", "check", stopped.settings)
    assert done.returncode == 1
    assert f"cannot read {live.path}/{lost}: No such file" in done.stderr


@pytest.mark.parametrize(
    "block",
    [
        "local_name {name} {{\n  ssl_cert = <{one}/cert.pem\n  ssl_key = <{one}/privkey.pem\n}}",
        "protocol imap {{\n  ssl_cert = <{one}/cert.pem\n}}\nlocal 127.0.0.1 {{\n}}",
        "ssl_alt_cert = <{one}/cert.pem\nssl_alt_key = <{one}/privkey.pem",
    ],
    ids=["a pair of its own", "with the key of the whole", "second pair"],
)
def test_pairs_of_blocks_are_tested(
    tmp_path: Path, stopped: Dovecot, live: Live, authority: Authority, block: str
) -> None:
    other = Live(tmp_path / "other")
    other.switch(live.pair)
    stopped.extra = block.format(name=NAME, one=other.path)
    stopped.configure()
    done = hook(tmp_path, "dovecot", "check", stopped.settings)
    assert (done.returncode, done.stderr) == (0, "")
    mismatched(authority, other)
    done = hook(tmp_path, "dovecot", "check", stopped.settings)
    assert done.returncode == 1
    assert f"{other.path}/cert.pem" in done.stderr


def test_a_pair_that_only_the_change_names_is_tested_as_well(
    tmp_path: Path, stopped: Dovecot, authority: Authority
) -> None:
    stopped.configure()
    other = Live(tmp_path / "other")
    mismatched(authority, other)
    done = hook(tmp_path, "dovecot", "check", stopped.settings, [changed(NAME, other)])
    assert done.returncode == 1
    assert f"{other.path}/fullchain.pem" in done.stderr


def test_a_reload_that_dovecot_itself_refuses_is_a_failure(
    tmp_path: Path, dovecot: Dovecot, live: Live, authority: Authority
) -> None:
    good = tmp_path / "good.conf"
    good.write_text(dovecot.config.read_text("utf-8"), "utf-8")
    live.switch(authority.issue(NAME))
    dovecot.extra = "no_such_setting = yes"
    dovecot.configure()
    # The test looks at another file than the one that the server was started with.
    settings = {**dovecot.settings, "config": str(good), "wait": "0.5"}
    done = hook(tmp_path, "dovecot", "reload", settings)
    assert done.returncode == 1
    assert "did not begin anew within 0.5 s" in done.stderr
    assert dovecot.reloads() == 1


def test_reload_of_a_server_that_does_not_run_fails_and_says_how_to_start_it(
    tmp_path: Path, stopped: Dovecot
) -> None:
    stopped.configure()
    assert hook(tmp_path, "dovecot", "check", stopped.settings).returncode == 0
    done = hook(tmp_path, "dovecot", "reload", stopped.settings)
    assert done.returncode == 1
    assert f"dovecot is not running: there is no {stopped.pid_file}" in done.stderr
    assert "systemctl start dovecot" in done.stderr


def test_a_pid_file_that_names_somebody_else_is_refused(tmp_path: Path, dovecot: Dovecot) -> None:
    stale = tmp_path / "stale.pid"
    with subprocess.Popen([need("sleep"), "600"]) as bystander:
        stale.write_text(f"{bystander.pid}\n", "ascii")
        done = hook(tmp_path, "dovecot", "reload", {**dovecot.settings, "pid_file": str(stale)})
        assert bystander.poll() is None
        bystander.kill()
    assert done.returncode == 1
    assert f"process {bystander.pid} is another program" in done.stderr
    assert dovecot.reloads() == 0
