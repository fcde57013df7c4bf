"""hooks/nginx against a real nginx."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.hooks import hook
from support.jail import jail
from support.loopback import free, served, switched
from support.servers import Nginx, need

NAME = "www.example.org"


def test_what_is_served_is_leaf_and_intermediate(nginx: Nginx, live: Live) -> None:
    chain = served(*nginx.addresses[0], NAME)
    assert [len(chain), chain] == [2, live.pair.chain]


def test_check_passes_and_changes_nothing(tmp_path: Path, nginx: Nginx) -> None:
    before = nginx.workers()
    done = hook(tmp_path, "nginx", "check", nginx.settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert nginx.workers() == before
    assert nginx.reloads() == 0


def test_check_refuses_a_key_that_does_not_match(
    tmp_path: Path, nginx: Nginx, live: Live, authority: Authority
) -> None:
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "nginx", "check", nginx.settings)
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_reload_switches_to_the_new_certificate(
    tmp_path: Path, nginx: Nginx, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    live.switch(fresh)
    before = nginx.workers()
    assert served(*nginx.addresses[0], NAME) != fresh.chain
    done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "wait": "3600"})
    assert (done.returncode, done.stderr) == (0, "")
    assert nginx.workers() - before
    assert nginx.reloads() == 1
    switched(nginx.addresses[0], NAME, fresh.der)
    assert served(*nginx.addresses[0], NAME) == fresh.chain


def test_a_reload_does_not_wait_for_connections_that_go_on(tmp_path: Path, nginx: Nginx) -> None:
    before = nginx.workers()
    with socket.create_connection(nginx.addresses[0]) as line:
        done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "wait": "3600"})
        assert (done.returncode, done.stderr) == (0, "")
        assert nginx.workers() & before, "nobody keeps the connection"
        line.setblocking(False)
        with pytest.raises(BlockingIOError):
            line.recv(1)


def test_a_reload_is_taken_although_an_old_worker_is_too_busy_to_notice(
    tmp_path: Path, nginx: Nginx
) -> None:
    before = nginx.workers()
    busy = min(before)
    os.kill(busy, signal.SIGSTOP)
    try:
        done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "wait": "0.5"})
        assert (done.returncode, done.stderr) == (0, "")
        assert busy in nginx.workers()
        assert nginx.workers() - before
    finally:
        os.kill(busy, signal.SIGCONT)


def test_reload_refuses_a_key_that_does_not_match_and_signals_nobody(
    tmp_path: Path, nginx: Nginx, live: Live, authority: Authority
) -> None:
    old = live.pair.der
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    done = hook(tmp_path, "nginx", "reload", nginx.settings)
    assert done.returncode == 1
    assert "key values mismatch" in done.stderr
    assert nginx.reloads() == 0
    switched(nginx.addresses[0], NAME, old)


def test_a_reload_that_nginx_itself_refuses_is_a_failure_with_its_words(
    tmp_path: Path, nginx: Nginx, live: Live, authority: Authority
) -> None:
    old = live.pair.der
    good = tmp_path / "good.conf"
    good.write_text(nginx.config.read_text("utf-8"), "utf-8")
    live.switch(authority.issue(NAME))
    nginx.extra = "no_such_directive;"
    nginx.configure()
    # The test looks at another file than the one that the server was started with.
    settings = {**nginx.settings, "config": str(good), "wait": "3600"}
    done = hook(tmp_path, "nginx", "reload", settings)
    assert done.returncode == 1
    assert 'unknown directive "no_such_directive"' in done.stderr
    assert nginx.reloads() == 1
    switched(nginx.addresses[0], NAME, old)


def test_without_a_log_to_read_a_refused_reload_is_noticed_by_its_workers(
    tmp_path: Path, nginx: Nginx
) -> None:
    good = tmp_path / "good.conf"
    text = nginx.config.read_text("utf-8").replace(str(nginx.log), "stderr")
    good.write_text(text, "utf-8")
    nginx.extra = "no_such_directive;"
    nginx.configure()
    settings = {**nginx.settings, "config": str(good), "wait": "0.5"}
    done = hook(tmp_path, "nginx", "reload", settings)
    assert done.returncode == 1
    assert "no new worker within 0.5 s" in done.stderr


def test_check_tests_even_while_nginx_does_not_run(tmp_path: Path, stopped_nginx: Nginx) -> None:
    stopped_nginx.configure()
    assert hook(tmp_path, "nginx", "check", stopped_nginx.settings).returncode == 0
    stopped_nginx.extra = "no_such_directive;"
    stopped_nginx.configure()
    done = hook(tmp_path, "nginx", "check", stopped_nginx.settings)
    assert done.returncode == 1
    assert "no_such_directive" in done.stderr


def test_reload_of_a_server_that_does_not_run_fails_and_says_how_to_start_it(
    tmp_path: Path, stopped_nginx: Nginx
) -> None:
    stopped_nginx.configure()
    done = hook(tmp_path, "nginx", "reload", stopped_nginx.settings)
    assert done.returncode == 1
    assert "nginx is not running" in done.stderr
    assert "systemctl start nginx" in done.stderr


def test_a_pid_file_that_names_somebody_else_is_refused(tmp_path: Path, nginx: Nginx) -> None:
    bystander = subprocess.Popen([need("sleep"), "600"])
    try:
        stale = tmp_path / "stale.pid"
        stale.write_text(f"{bystander.pid}\n", "ascii")
        done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "pid_file": str(stale)})
        assert done.returncode == 1
        assert f"{stale} is stale, process {bystander.pid} is another program" in done.stderr
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "pid_file": str(stale)})
    assert f"process {bystander.pid} has ended" in done.stderr
    assert nginx.reloads() == 0


def test_a_worker_is_not_taken_for_the_master(tmp_path: Path, nginx: Nginx) -> None:
    pid_file = tmp_path / "worker.pid"
    pid_file.write_text(f"{min(nginx.workers())}\n", "ascii")
    done = hook(tmp_path, "nginx", "reload", {**nginx.settings, "pid_file": str(pid_file)})
    assert done.returncode == 1
    assert "is stale" in done.stderr


def test_a_pid_directive_on_the_command_line_is_found(tmp_path: Path, nginx: Nginx) -> None:
    moved = tmp_path / "moved.conf"
    text = nginx.config.read_text("utf-8").replace(f"pid {nginx.pid_file};", "")
    moved.write_text(text, "utf-8")
    arguments = f"-g 'pid {nginx.pid_file};'"
    settings = {**nginx.settings, "config": str(moved), "arguments": arguments}
    assert hook(tmp_path, "nginx", "reload", settings).returncode == 0
    assert nginx.reloads() == 1


def test_an_nginx_with_a_root_directory_of_its_own_is_tested_there(
    tmp_path: Path, authority: Authority
) -> None:
    root = jail(tmp_path / "jail", need("nginx"))
    live = Live(root / "www")
    live.switch(authority.issue(NAME))
    nginx = Nginx(root / "nginx", [free()], {NAME: live})
    nginx.jail = root
    with nginx:
        # Only inside is there such a file.
        inside = {"config": "/nginx/nginx.conf", "pid_file": str(nginx.pid_file)}
        fresh = authority.issue(NAME)
        live.switch(fresh)
        done = hook(tmp_path, "nginx", "reload", inside)
        assert (done.returncode, done.stderr) == (0, "")
        switched(nginx.addresses[0], NAME, fresh.der)
        nginx.extra = "no_such_directive;"
        nginx.configure()
        done = hook(tmp_path, "nginx", "check", inside)
        assert done.returncode == 1
        assert "in /nginx/nginx.conf" in done.stderr
