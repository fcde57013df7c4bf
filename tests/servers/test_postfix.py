"""hooks/postfix against a real Postfix, looked at by SMTP with STARTTLS."""

import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.hooks import changed, hook
from support.loopback import free, until
from support.mail import Postfix
from support.servers import need

NAME = "mail.example.org"
CHAIN = "smtpd_tls_chain_files = {live}/privkey.pem,\n  {live}/fullchain.pem"


@pytest.fixture
def stopped(tmp_path: Path, live: Live) -> Iterator[Postfix]:
    server = Postfix(tmp_path / "postfix", free(), live)
    yield server
    server.stop()


@pytest.fixture
def postfix(stopped: Postfix) -> Postfix:
    stopped.start()
    return stopped


def mismatched(authority: Authority, live: Live) -> None:
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))


def served(server: Postfix, leaf: bytes, name: str | None = None) -> None:
    """Wait until it serves this leaf, several times in a row."""
    until("the leaf is served", lambda: all(server.leaf(name) == leaf for _ in range(3)))


def test_reload_switches_to_the_new_certificate(
    tmp_path: Path, postfix: Postfix, live: Live, authority: Authority
) -> None:
    old, fresh = live.pair, authority.issue(NAME)
    assert postfix.leaf() == old.der
    live.switch(fresh)
    assert postfix.leaf() == old.der
    done = hook(tmp_path, "postfix", "reload", postfix.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert postfix.reloads() == 1
    served(postfix, fresh.der)


def test_check_refuses_what_postfix_refuses_with_the_words_it_has_for_a_terminal(
    tmp_path: Path, postfix: Postfix, live: Live, authority: Authority
) -> None:
    old = live.pair.der
    assert postfix.leaf() == old
    live.switch(authority.issue(NAME))
    assert hook(tmp_path, "postfix", "check", postfix.settings).returncode == 0
    postfix.extra = "daemon_directory = /nowhere"
    postfix.configure()
    for verb in ("check", "reload"):
        done = hook(tmp_path, "postfix", verb, postfix.settings)
        assert done.returncode == 1
        assert "fatal: chdir(/nowhere): No such file or directory" in done.stderr
        assert len(done.stderr.splitlines()) == 2
    assert postfix.reloads() == 0
    assert postfix.leaf() == old


def test_a_fault_in_the_services_is_said_in_postfix_words(tmp_path: Path, stopped: Postfix) -> None:
    stopped.configure()
    (stopped.directory / "master.cf").write_text("garbage\n")
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert done.returncode == 1
    assert "bad field count" in done.stderr


@pytest.mark.parametrize(
    "where",
    [
        (CHAIN, ""),
        ("place = {live}\nsmtpd_tls_cert_file = $place/combined.pem", ""),
        ("", "-o smtpd_tls_cert_file={live}/combined.pem"),
        (
            "place = {live}",
            "-o {{ smtpd_tls_chain_files = {live}/privkey.pem, ${{place}}/cert.pem }}",
        ),
        ("smtp_tls_eccert_file = {live}/cert.pem\nsmtp_tls_eckey_file = {live}/privkey.pem", ""),
    ],
    ids=["chain", "one file", "of a service", "chain of a service", "client"],
)
def test_a_key_that_does_not_match_is_refused_however_it_is_configured(
    tmp_path: Path, stopped: Postfix, live: Live, authority: Authority, where: tuple[str, str]
) -> None:
    main, service = (text.format(live=live.path) for text in where)
    stopped.pair, stopped.service = f"{main}\n", service
    stopped.configure()
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    mismatched(authority, live)
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert done.returncode == 1
    assert "Postfix would go on without TLS" in done.stderr
    assert "key values mismatch" in done.stderr


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_key_that_does_not_match_is_refused_although_postfix_own_test_passes(
    tmp_path: Path, postfix: Postfix, live: Live, authority: Authority, verb: str
) -> None:
    mismatched(authority, live)
    subprocess.run([need("postfix"), "-c", postfix.directory, "check"], check=True)
    done = hook(tmp_path, "postfix", verb, postfix.settings)
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr
    assert postfix.reloads() == 0  # each process that starts from now on reads the files anew


def test_files_that_are_not_there_or_in_the_wrong_order_are_named(
    tmp_path: Path, stopped: Postfix, live: Live
) -> None:
    stopped.pair = f"smtpd_tls_chain_files = {live.path}/fullchain.pem, {live.path}/privkey.pem\n"
    stopped.configure()
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert "a chain has to start with a private key" in done.stderr
    stopped.pair = f"smtpd_tls_cert_file = {live.path}/lost.pem\n"
    stopped.configure()
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert done.returncode == 1
    assert f"cannot read {live.path}/lost.pem: No such file" in done.stderr


def test_a_pair_that_only_the_change_names_is_tested_as_well(
    tmp_path: Path, stopped: Postfix, authority: Authority
) -> None:
    stopped.configure()
    other = Live(tmp_path / "other")
    mismatched(authority, other)
    done = hook(tmp_path, "postfix", "check", stopped.settings, [changed(NAME, other)])
    assert done.returncode == 1
    assert f"{other.path}/fullchain.pem" in done.stderr


def test_tables_of_names_are_tested_and_rebuilt(
    tmp_path: Path, stopped: Postfix, live: Live, authority: Authority
) -> None:
    other = Live(tmp_path / "other")
    other.switch(authority.issue("other.example.org"))
    table = stopped.directory / "sni"
    table.touch(mode=0o600)
    table.write_text(
        f"# by name\n\nother.example.org {other.path}/privkey.pem,\n  {other.path}/fullchain.pem\n"
    )
    stopped.extra = f"tls_server_sni_maps = hash:{table}"
    stopped.configure()
    subprocess.run([need("postmap"), "-c", stopped.directory, "-F", f"hash:{table}"], check=True)
    stopped.start()
    assert stopped.leaf("other.example.org") == other.pair.der
    assert stopped.leaf() == live.pair.der
    other.switch(authority.issue("other.example.org"))
    done = hook(tmp_path, "postfix", "reload", stopped.settings)
    assert (done.returncode, done.stderr) == (0, "")
    served(stopped, other.pair.der, "other.example.org")
    mismatched(authority, other)
    done = hook(tmp_path, "postfix", "check", stopped.settings)
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr


def test_a_postfix_that_ends_at_the_reload_is_a_failure(tmp_path: Path, postfix: Postfix) -> None:
    services = postfix.directory / "master.cf"
    text = services.read_text("utf-8")
    services.write_text(f"127.0.0.1:no-such-port inet n - n - - smtpd\n{text}", "utf-8")
    done = hook(tmp_path, "postfix", "reload", postfix.settings)
    assert done.returncode == 1
    assert "Postfix ended at the reload" in done.stderr
    assert "systemctl start postfix" in done.stderr


def test_a_pid_file_that_names_somebody_else_is_refused(tmp_path: Path, stopped: Postfix) -> None:
    stopped.configure()
    stale = tmp_path / "stale.pid"
    with subprocess.Popen([need("sleep"), "600"]) as bystander:
        stale.write_text(f"{bystander.pid}\n", "ascii")
        done = hook(tmp_path, "postfix", "reload", {**stopped.settings, "pid_file": str(stale)})
        assert bystander.poll() is None
        bystander.kill()
    assert done.returncode == 1
    assert f"process {bystander.pid} is another program" in done.stderr


def test_a_client_that_goes_on_does_not_hold_a_reload_up(
    tmp_path: Path, postfix: Postfix, live: Live, authority: Authority
) -> None:
    with smtplib.SMTP(*postfix.addresses[0]) as client:
        client.ehlo()
        live.switch(authority.issue(NAME))
        done = hook(tmp_path, "postfix", "reload", postfix.settings)
        assert (done.returncode, done.stderr) == (0, "")
        served(postfix, live.pair.der)
        assert client.noop()[0] == 250


def test_reload_of_a_server_that_does_not_run_fails_and_says_how_to_start_it(
    tmp_path: Path, stopped: Postfix
) -> None:
    stopped.configure()
    assert hook(tmp_path, "postfix", "check", stopped.settings).returncode == 0
    done = hook(tmp_path, "postfix", "reload", stopped.settings)
    assert done.returncode == 1
    assert f"postfix is not running: there is no {stopped.pid_file}" in done.stderr
    assert "systemctl start postfix" in done.stderr
