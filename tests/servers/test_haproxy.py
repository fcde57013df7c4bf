"""hooks/haproxy against a real haproxy: the test, and reloads."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.hooks import changed, hook
from support.jail import jail
from support.loopback import free, served, switched
from support.servers import Haproxy, need

NAME = "www.example.org"


def test_what_is_served_is_leaf_and_intermediate(haproxy: Haproxy, live: Live) -> None:
    assert served(*haproxy.addresses[0], NAME) == live.pair.chain


def test_check_passes_and_changes_nothing(tmp_path: Path, haproxy: Haproxy) -> None:
    before = haproxy.workers()
    done = hook(tmp_path, "haproxy", "check", haproxy.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert haproxy.workers() == before


def test_check_refuses_a_key_that_does_not_match(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "haproxy", "check", haproxy.settings)
    assert done.returncode == 1
    assert "inconsistencies between private key and certificate" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_check_takes_several_configuration_files(tmp_path: Path, haproxy: Haproxy) -> None:
    broken = tmp_path / "conf.d" / "broken.cfg"
    broken.parent.mkdir()
    broken.write_text("global\n    no-such-keyword\n", "utf-8")
    both = {**haproxy.settings, "config": f"{haproxy.config} {broken.parent}"}
    done = hook(tmp_path, "haproxy", "check", both)
    assert done.returncode == 1
    assert "no-such-keyword" in done.stderr
    broken.unlink()
    assert hook(tmp_path, "haproxy", "check", both).returncode == 0


def test_check_without_any_haproxy_here_is_not_ours_to_do(tmp_path: Path, haproxy: Haproxy) -> None:
    settings = {"binary": "no-such-haproxy", "socket": str(haproxy.socket)}
    assert hook(tmp_path, "haproxy", "check", settings).returncode == 3
    done = hook(tmp_path, "haproxy", "check", {"binary": "no-such-haproxy"})
    assert done.returncode == 1
    assert "the setting `binary`" in done.stderr


def test_a_file_that_the_process_does_not_know_means_a_reload(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "www.pem").write_bytes(live.pair.files()["combined.pem"])
    with Haproxy(tmp_path / "haproxy", [free()], [folder]) as haproxy:
        before = haproxy.workers()
        second = Live(tmp_path / "second")
        second.switch(authority.issue("second.example.org"))
        copy = folder / "second.pem"
        copy.write_bytes(second.pair.files()["combined.pem"])
        line = changed("second.example.org", second, copy)
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [line])
        assert (done.returncode, done.stderr) == (0, "")
        assert "has no file of second.example.org" in done.stdout
        assert haproxy.workers() - before
        assert haproxy.reloads() == 1
        switched(haproxy.addresses[0], "second.example.org", second.pair.der)


def test_a_file_too_long_for_the_socket_means_a_reload(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    files = fresh.files()
    live.switch(fresh, combined=files["combined.pem"] + 30 * files["chain.pem"])
    done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [changed(NAME, live)])
    assert (done.returncode, done.stderr) == (0, "")
    assert haproxy.reloads() == 1
    switched(haproxy.addresses[0], NAME, fresh.der)


def test_a_socket_without_rights_means_a_reload(
    tmp_path: Path, stopped_haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    stopped_haproxy.level = "operator"
    with stopped_haproxy as haproxy:
        live.switch(authority.issue(NAME))
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [changed(NAME, live)])
        assert (done.returncode, done.stderr) == (0, "")
        assert haproxy.reloads() == 1
        switched(haproxy.addresses[0], NAME, live.pair.der)


@pytest.mark.parametrize("by_master_socket", [False, True])
def test_a_reload_without_a_stats_socket_waits_for_a_new_worker(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority, by_master_socket: bool
) -> None:
    settings = {**haproxy.settings, "socket": str(tmp_path / "nowhere")}
    if by_master_socket:
        settings["master_socket"] = str(haproxy.master_socket)
    before = haproxy.workers()
    live.switch(authority.issue(NAME))
    with socket.create_connection(haproxy.addresses[0]):  # keeps the old worker
        done = hook(tmp_path, "haproxy", "reload", settings, [changed(NAME, live)])
        assert haproxy.workers() > before
    assert (done.returncode, done.stderr) == (0, "")
    switched(haproxy.addresses[0], NAME, live.pair.der)


@pytest.mark.parametrize("stats", ["", "/nowhere"])
def test_a_reload_that_haproxy_itself_refuses_is_a_failure(
    tmp_path: Path, haproxy: Haproxy, live: Live, stats: str
) -> None:
    good = tmp_path / "good.cfg"
    good.write_text(haproxy.config.read_text("utf-8"), "utf-8")
    haproxy.extra = "    no-such-keyword"
    haproxy.configure()
    before = haproxy.workers()
    # The test looks at another file than the one that the server was started with.
    settings = {**haproxy.settings, "config": str(good), "socket": stats, "wait": "1"}
    done = hook(tmp_path, "haproxy", "reload", settings)
    assert done.returncode == 1
    assert "no new worker answered within 1 s" in done.stderr
    assert haproxy.workers() == before
    switched(haproxy.addresses[0], NAME, live.pair.der)


def test_a_configuration_that_fails_the_test_is_not_reloaded(
    tmp_path: Path, haproxy: Haproxy
) -> None:
    haproxy.extra = "    no-such-keyword"
    haproxy.configure()
    done = hook(tmp_path, "haproxy", "reload", haproxy.settings)
    assert done.returncode == 1
    assert "no-such-keyword" in done.stderr
    assert haproxy.reloads() == 0


def test_reload_of_a_server_that_does_not_run_fails_and_says_how_to_start_it(
    tmp_path: Path, stopped_haproxy: Haproxy, live: Live
) -> None:
    stopped_haproxy.configure()
    assert hook(tmp_path, "haproxy", "check", stopped_haproxy.settings).returncode == 0
    done = hook(tmp_path, "haproxy", "reload", stopped_haproxy.settings, [changed(NAME, live)])
    assert done.returncode == 1
    assert "haproxy is not running" in done.stderr
    assert "systemctl start haproxy" in done.stderr


def test_a_pid_file_that_names_somebody_else_is_refused(tmp_path: Path, haproxy: Haproxy) -> None:
    stale = tmp_path / "stale.pid"
    with subprocess.Popen([need("sleep"), "600"]) as bystander:
        stale.write_text(f"{bystander.pid}\n", "ascii")
        done = hook(tmp_path, "haproxy", "reload", {**haproxy.settings, "pid_file": str(stale)})
        assert bystander.poll() is None
        bystander.kill()
    assert done.returncode == 1
    assert f"process {bystander.pid} is another program" in done.stderr
    assert haproxy.reloads() == 0


def test_a_process_without_a_master_is_never_signalled(tmp_path: Path, haproxy: Haproxy) -> None:
    pid_file = tmp_path / "worker.pid"
    (worker,) = haproxy.workers()
    pid_file.write_text(f"{worker}\n", "ascii")
    done = hook(tmp_path, "haproxy", "reload", {**haproxy.settings, "pid_file": str(pid_file)})
    assert done.returncode == 1
    assert "runs without a master" in done.stderr
    os.kill(worker, 0)


def test_a_haproxy_with_a_root_directory_of_its_own_is_tested_there(
    tmp_path: Path, authority: Authority
) -> None:
    root = jail(tmp_path / "jail", need("haproxy"))
    live = Live(root / "www")
    live.switch(authority.issue(NAME))
    haproxy = Haproxy(root / "haproxy", [free()], [live.path / "combined.pem"])
    haproxy.jail = root
    haproxy.socket, haproxy.master_socket = Path("/stats"), Path("/master")
    with haproxy:
        # Only inside is there such a file, or such a socket.
        inside = {"config": "/haproxy/haproxy.conf", "pid_file": str(haproxy.pid_file)}
        live.switch(authority.issue(NAME))
        done = hook(tmp_path, "haproxy", "reload", inside, [changed(NAME, live)])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert served(*haproxy.addresses[0], NAME) == live.pair.chain
        done = hook(tmp_path, "haproxy", "reload", inside)
        assert (done.returncode, haproxy.reloads()) == (0, 1)
        haproxy.extra = "    no-such-keyword"
        haproxy.configure()
        done = hook(tmp_path, "haproxy", "check", inside)
        assert done.returncode == 1
        assert "/haproxy/haproxy.conf" in done.stderr
