"""Processes as /proc has them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.local.built import said
from everleaf.local.processes import Process, _arguments, _is_master, _processes, running


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[int]:
    """A program of somebody's that is called like a server, by its name alone."""
    program = tmp_path / "nginx"
    shutil.copy("/bin/sleep", program)
    program.chmod(0o777)
    with subprocess.Popen([program, "1000"]) as process:
        yield process.pid
        process.kill()


def test_this_process_is_found_with_its_parent_and_its_age() -> None:
    (one,) = [one for one in _processes() if one.pid == os.getpid()]
    assert one.parent == os.getppid()
    assert one.started < time.time() + 1
    assert one.folder == str(Path.cwd())
    assert one.setting("PATH") == os.environ["PATH"]
    assert one.setting("NO_SUCH_VARIABLE") == ""
    assert one.sees(sys.executable)


def test_nothing_but_servers_is_found_below_a_process() -> None:
    assert running(os.getpid()) == ()


def test_nginx_joins_its_arguments_by_blanks() -> None:
    title = b"nginx: master process /usr/sbin/nginx -c /a.conf -p /b/\0\0\0\0"
    assert _arguments(title) == ("-c", "/a.conf", "-p", "/b/")
    assert _arguments(b"haproxy\0-f\0/a b\0") == ("-f", "/a b")
    assert _arguments(b"") == ()


def test_a_program_that_anybody_may_write_is_not_run(impostor: int) -> None:
    (one,) = running(impostor)
    assert one.master.pid == impostor
    assert said(one.master, "--version") == ""
    (one.master.place / "exe").readlink().chmod(0o755)
    assert "sleep" in said(one.master, "--version")


def test_a_program_that_is_gone_is_not_run(impostor: int) -> None:
    (one,) = running(impostor)
    (one.master.place / "exe").readlink().unlink()
    assert said(one.master, "--version") == ""


def nginx(pid: int, parent: int, title: str) -> Process:
    return Process(pid=pid, parent=parent, name="nginx", command=(), title=title, started=0.0)


def test_a_worker_is_no_server_even_while_it_is_called_like_its_master() -> None:
    title = "nginx: master process nginx"
    known = {one.pid: one for one in (nginx(5, 1, title), nginx(6, 5, title))}
    assert [one.pid for one in known.values() if _is_master(one, known)] == [5]


def test_nginx_that_is_being_upgraded_is_two_servers() -> None:
    title = "nginx: master process nginx"
    processes = (nginx(5, 1, title), nginx(6, 5, "nginx: worker process"), nginx(7, 5, title))
    known = {one.pid: one for one in (*processes, nginx(8, 7, "nginx: worker process"))}
    assert [one.pid for one in known.values() if _is_master(one, known)] == [5, 7]
