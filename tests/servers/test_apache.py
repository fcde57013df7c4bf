"""hooks/apache against a real Apache."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.daemons import Apache
from support.hooks import changed, hook
from support.loopback import free, served, switched, until
from support.servers import need

NAME = "www.example.org"


@pytest.fixture
def stopped(tmp_path: Path, live: Live) -> Apache:
    return Apache(tmp_path / "apache", free(), live)


@pytest.fixture
def apache(stopped: Apache) -> Iterator[Apache]:
    with stopped:
        yield stopped


def mismatched(authority: Authority, live: Live) -> None:
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))


def test_check_passes_and_changes_nothing(tmp_path: Path, apache: Apache) -> None:
    before = apache.workers()
    done = hook(tmp_path, "apache", "check", apache.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert apache.workers() == before
    assert apache.reloads() == 0


def test_reload_switches_to_the_new_certificate(
    tmp_path: Path, apache: Apache, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    live.switch(fresh)
    before = apache.workers()
    assert served(*apache.addresses[0], NAME) != fresh.chain
    done = hook(tmp_path, "apache", "reload", {**apache.settings, "wait": "3600"})
    assert (done.returncode, done.stderr) == (0, "")
    assert apache.workers() - before
    assert apache.reloads() == 1
    switched(apache.addresses[0], NAME, fresh.der)
    assert served(*apache.addresses[0], NAME) == fresh.chain


def test_a_reload_does_not_wait_for_connections_that_go_on(tmp_path: Path, apache: Apache) -> None:
    before = apache.workers()
    with socket.create_connection(apache.addresses[0]) as line:
        done = hook(tmp_path, "apache", "reload", {**apache.settings, "wait": "3600"})
        assert (done.returncode, done.stderr) == (0, "")
        assert apache.workers() - before
        line.setblocking(False)
        with pytest.raises(BlockingIOError):
            line.recv(1)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_configuration_that_apache_refuses_is_not_reloaded(
    tmp_path: Path, apache: Apache, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    live.switch(authority.issue(NAME))
    apache.extra = "NoSuchDirective on"
    apache.configure()
    done = hook(tmp_path, "apache", verb, apache.settings)
    assert done.returncode == 1
    assert "Invalid command 'NoSuchDirective'" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert apache.reloads() == 0
    switched(apache.addresses[0], NAME, old)


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_key_that_does_not_match_is_refused_although_apaches_own_test_passes(
    tmp_path: Path, apache: Apache, live: Live, authority: Authority, verb: str
) -> None:
    old = live.pair.der
    mismatched(authority, live)
    subprocess.run([apache.binary, "-f", apache.config, "-t"], check=True, capture_output=True)
    done = hook(tmp_path, "apache", verb, apache.settings)
    assert done.returncode == 1
    assert "certificate and key do not go together: key values mismatch" in done.stderr
    assert apache.reloads() == 0
    switched(apache.addresses[0], NAME, old)


def test_a_pair_that_only_the_change_names_is_tested_as_well(
    tmp_path: Path, apache: Apache, authority: Authority
) -> None:
    other = Live(tmp_path / "other")
    mismatched(authority, other)
    done = hook(tmp_path, "apache", "check", apache.settings, [changed(NAME, other)])
    assert done.returncode == 1
    assert f"{other.path}/fullchain.pem" in done.stderr


@pytest.mark.parametrize(
    "pair",
    [
        "SSLCertificateFile {live}/combined.pem",
        "SSLCertificateFile \\\n  '{live}/cert.pem'\n SSLCertificateKeyFile {live}/privkey.pem",
        "Define pair {live}/combined.pem\nSSLCertificateFile ${{pair}}",
        "SSLCertificateFile www/live/cert.pem\nsslcertificatekeyfile www/live/privkey.pem",
        "Include {live}/../../pair.conf",
    ],
    ids=["one file", "continued line", "defined", "relative", "included"],
)
def test_pairs_are_found_however_they_are_written(
    tmp_path: Path, stopped: Apache, live: Live, authority: Authority, pair: str
) -> None:
    directory = stopped.directory
    (directory / "www").symlink_to(live.directory)
    (tmp_path / "pair.conf").write_text(
        f"SSLCertificateFile {live.path}/cert.pem\nSSLCertificateKeyFile {live.path}/privkey.pem\n"
    )
    stopped.pair = pair.format(live=live.path)
    stopped.configure()
    done = hook(tmp_path, "apache", "check", stopped.settings)
    assert (done.returncode, done.stderr) == (0, "")
    mismatched(authority, live)
    done = hook(tmp_path, "apache", "check", stopped.settings)
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr


def test_an_apache_that_ends_at_the_reload_is_a_failure_with_its_words(
    tmp_path: Path, apache: Apache, live: Live, authority: Authority
) -> None:
    good = tmp_path / "good.conf"
    other = Live(tmp_path / "other")
    other.switch(live.pair)
    text = apache.config.read_text("utf-8")
    good.write_text(text.replace(str(live.path), str(other.path)), "utf-8")
    mismatched(authority, live)
    # The test looks at another file than the one that the server was started with.
    done = hook(tmp_path, "apache", "reload", {**apache.settings, "config": str(good)})
    assert done.returncode == 1
    assert "Apache ended at the reload" in done.stderr
    assert "do not match" in done.stderr
    assert "systemctl start apache2" in done.stderr


def test_without_a_log_to_read_a_reload_is_seen_by_its_children(
    tmp_path: Path, apache: Apache, live: Live, authority: Authority
) -> None:
    live.switch(authority.issue(NAME))
    other = tmp_path / "syslog.conf"
    text = apache.config.read_text("utf-8")
    other.write_text(text.replace(f"ErrorLog {apache.log}", "ErrorLog syslog"), "utf-8")
    settings = {**apache.settings, "config": str(other), "wait": "3600"}
    done = hook(tmp_path, "apache", "reload", settings)
    assert (done.returncode, done.stderr) == (0, "")
    switched(apache.addresses[0], NAME, live.pair.der)


def test_a_master_that_does_not_reload_is_a_failure(tmp_path: Path, apache: Apache) -> None:
    os.kill(apache.pid, signal.SIGSTOP)
    try:
        done = hook(tmp_path, "apache", "reload", {**apache.settings, "wait": "0.5"})
    finally:
        os.kill(apache.pid, signal.SIGCONT)
    assert done.returncode == 1
    assert "did not begin anew within 0.5 s" in done.stderr
    # Now it does; asked to end meanwhile, it would not.
    until("Apache has begun anew", lambda: apache.words().count("resuming normal operations") > 1)


def test_the_environment_of_the_settings_reaches_the_configuration(
    tmp_path: Path, stopped: Apache
) -> None:
    stopped.configure()
    text = stopped.config.read_text("utf-8").replace(str(stopped.pid_file), "${SITE_RUN}/pid")
    stopped.config.write_text(text, "utf-8")
    settings = {**stopped.settings, "environment": f"SITE_RUN='{tmp_path}'"}
    done = hook(tmp_path, "apache", "reload", settings)
    assert done.returncode == 1
    assert f"there is no {tmp_path}/pid" in done.stderr
    done = hook(tmp_path, "apache", "check", {**settings, "environment": "SITE_RUN"})
    assert done.returncode == 1
    assert "no KEY=VALUE" in done.stderr


def test_reload_of_a_server_that_does_not_run_fails_and_says_how_to_start_it(
    tmp_path: Path, stopped: Apache
) -> None:
    stopped.configure()
    assert hook(tmp_path, "apache", "check", stopped.settings).returncode == 0
    done = hook(tmp_path, "apache", "reload", stopped.settings)
    assert done.returncode == 1
    assert f"apache2 is not running: there is no {stopped.pid_file}" in done.stderr
    assert "systemctl start apache2" in done.stderr


def test_a_pid_file_that_names_somebody_else_is_refused(tmp_path: Path, apache: Apache) -> None:
    stale = tmp_path / "stale.pid"
    with subprocess.Popen([need("sleep"), "600"]) as bystander:
        stale.write_text(f"{bystander.pid}\n", "ascii")
        done = hook(tmp_path, "apache", "reload", {**apache.settings, "pid_file": str(stale)})
        assert bystander.poll() is None
        bystander.kill()
    assert done.returncode == 1
    assert f"process {bystander.pid} is another program" in done.stderr
    os.kill(apache.pid, 0)
