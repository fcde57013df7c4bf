"""hooks/ssh against a real sshd, and behind it a real nginx that reads what was brought."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certs import Authority, Live
from support.hooks import changed, hook
from support.loopback import switched
from support.servers import need
from support.sshd import Far

NAME = "www.example.org"


@pytest.fixture
def stopped(tmp_path: Path, live: Live) -> Far:
    return Far(tmp_path / "far", live, NAME)


@pytest.fixture
def far(tmp_path: Path, stopped: Far) -> Iterator[Far]:
    with stopped.sshd:
        stopped.bring(tmp_path)
        with stopped.nginx:
            yield stopped


def test_a_first_copy_is_whole_and_others_can_read_what_they_can_here(far: Far, live: Live) -> None:
    there = far.directory / NAME / "live"
    for name, content in live.pair.files().items():
        assert (there / name).read_bytes() == content
        assert (there / name).stat().st_mode & 0o777 == 0o600
        assert int((there / name).stat().st_mtime) == int((live.path / name).stat().st_mtime)
    for folder in (far.directory, there, there.parent, there.parent / "versions"):
        assert folder.stat().st_mode & 0o777 == 0o711
    assert re.fullmatch(r"versions/1-[0-9a-f]{8}", far.link())


def test_reload_brings_the_new_certificate_and_switches(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    before = far.link()
    (live.path / "fullchain.pem").chmod(0o644)
    live.switch(authority.issue(NAME))
    (live.path / "fullchain.pem").chmod(0o644)
    done = hook(tmp_path, "ssh", "reload", far.settings, far.lines)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    switched(far.nginx.addresses[0], NAME, live.pair.der)
    assert far.nginx.reloads() == 1
    assert (far.directory / NAME / "live" / "fullchain.pem").stat().st_mode & 0o777 == 0o644
    assert far.versions() == {Path(before).name, Path(far.link()).name}


def test_check_changes_nothing_there_and_leaves_nothing_behind(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    old, before = live.pair.der, far.link()
    live.switch(authority.issue(NAME))
    staged = tmp_path / "staged"
    command = (
        f"{far.settings['check']} && cmp '{live.path}/privkey.pem' \"$EVERLEAF_LIVE/privkey.pem\""
        f' && ls "$EVERLEAF_STAGED" >{staged} && echo "$EVERLEAF_CERTIFICATE" >>{staged}'
    )
    done = hook(tmp_path, "ssh", "check", {**far.settings, "check": command}, far.lines)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert staged.read_text().split() == [NAME, NAME]
    assert len(far.versions()) == 1
    assert far.nginx.reloads() == 0
    far.unchanged(old, before)


def test_check_can_show_the_new_pair_to_the_servers_own_test_alone(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount one folder over another")
    old, before = live.pair.der, far.link()
    live.switch(authority.issue(NAME))
    (live.path / "privkey.pem").unlink()
    assert hook(tmp_path, "ssh", "check", far.settings, far.lines).returncode == 0
    mount = f'mount --bind "$EVERLEAF_LIVE" "{far.directory}/{NAME}/live"'
    settings = {**far.settings, "check": f"unshare -m sh -c '{mount} && {far.settings['check']}'"}
    done = hook(tmp_path, "ssh", "check", settings, far.lines)
    assert done.returncode == 1
    assert "cannot load certificate key" in done.stderr
    far.unchanged(old, before)
    live.switch(authority.issue(NAME))
    done = hook(tmp_path, "ssh", "check", settings, far.lines)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_that_does_not_match_is_not_even_sent(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    old, before = live.pair.der, far.link()
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    for verb in ("check", "reload"):
        done = hook(tmp_path, "ssh", verb, far.settings, far.lines)
        assert done.returncode == 1
        assert "key values mismatch" in done.stderr
    assert len(far.versions()) == 1
    far.unchanged(old, before)


def test_a_broken_configuration_there_is_told_and_the_link_goes_back(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    old, before = live.pair.der, far.link()
    live.switch(authority.issue(NAME))
    far.nginx.extra = "no_such_directive;"
    far.nginx.configure()
    for verb in ("check", "reload"):
        done = hook(tmp_path, "ssh", verb, far.settings, far.lines)
        assert done.returncode == 1
        assert f"on {far.settings['host']}: " in done.stderr
        assert 'unknown directive "no_such_directive"' in done.stderr
        assert ("switched back" in done.stderr) == (verb == "reload")
    assert far.nginx.reloads() == 0
    far.unchanged(old, before)


def test_a_reload_that_fails_there_switches_back_and_can_be_tried_again(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    old, before = live.pair.der, far.link()
    live.switch(authority.issue(NAME))
    broken = {**far.settings, "reload": "echo it is down >&2; exit 7"}
    done = hook(tmp_path, "ssh", "reload", broken, far.lines)
    assert done.returncode == 1
    assert "it is down" in done.stderr
    assert "switched back; this failed with exit status 7: echo it is down" in done.stderr
    far.unchanged(old, before)
    assert hook(tmp_path, "ssh", "reload", far.settings, far.lines).returncode == 0
    switched(far.nginx.addresses[0], NAME, live.pair.der)


def test_a_first_copy_whose_reload_fails_leaves_no_link(tmp_path: Path, stopped: Far) -> None:
    with stopped.sshd:
        settings = {**stopped.settings, "check": "", "reload": "false"}
        done = hook(tmp_path, "ssh", "reload", settings, stopped.lines)
        assert done.returncode == 1
        assert not os.path.lexists(stopped.directory / NAME / "live")


def test_a_server_that_does_not_run_there_is_a_failure(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    before = far.link()
    far.nginx.stop()
    live.switch(authority.issue(NAME))
    done = hook(tmp_path, "ssh", "reload", far.settings, far.lines)
    assert done.returncode == 1
    assert "nginx.pid" in done.stderr
    assert far.link() == before


def test_several_certificates_are_switched_and_switched_back_together(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    second = Live(tmp_path / "second")
    second.switch(authority.issue("second.example.org"))
    lines = [*far.lines, changed("second.example.org", second)]
    assert hook(tmp_path, "ssh", "reload", far.settings, lines).returncode == 0
    links = [far.directory / name / "live" for name in (NAME, "second.example.org")]
    before = [one.readlink() for one in links]
    live.switch(authority.issue(NAME))
    second.switch(authority.issue("second.example.org"))
    # What it would see while the links are switched.
    targets = " ".join(f"'{one}'" for one in links)
    seen = tmp_path / "seen"
    broken = {**far.settings, "reload": f"readlink {targets} >{seen}; false"}
    assert hook(tmp_path, "ssh", "reload", broken, lines).returncode == 1
    assert not set(seen.read_text().split()) & set(map(str, before))
    assert [one.readlink() for one in links] == before


def test_old_versions_are_removed_but_for_the_last(
    tmp_path: Path, far: Far, live: Live, authority: Authority
) -> None:
    first = far.link()
    settings = {**far.settings, "check": "", "reload": "true", "keep": "2"}
    links = []
    for _ in range(3):
        live.switch(authority.issue(NAME))
        assert hook(tmp_path, "ssh", "reload", settings, far.lines).returncode == 0
        links.append(Path(far.link()).name)
    assert far.versions() == set(links[1:])
    assert Path(first).name not in far.versions()
    # Back to the one before, as everleaf does when a reload fails: it is not sent again.
    live.path.unlink()
    live.path.symlink_to(live.directory / "versions" / "3")
    inode = (far.directory / NAME / "versions" / links[1]).stat().st_ino
    assert hook(tmp_path, "ssh", "reload", settings, far.lines).returncode == 0
    assert (far.directory / NAME / "live").stat().st_ino == inode


def test_a_key_is_never_readable_by_others_and_in_no_command_line(
    tmp_path: Path, stopped: Far, live: Live
) -> None:
    trace = tmp_path / "trace"
    calls = "execve,open,openat,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,rename,renameat,renameat2"
    options = ["-f", "-s", "100000", "-o", str(trace), "-e", f"trace={calls}"]
    stopped.sshd.prefix = (need("strace"), *options)
    with stopped.sshd:
        stopped.bring(tmp_path)
        assert hook(tmp_path, "ssh", "check", stopped.settings, stopped.lines).returncode == 1
    text = trace.read_text("utf-8", "replace")
    made = re.findall(r"open(?:at)?\(.*?(?:privkey|combined)\.pem\", \S*O_CREAT\S*, (\d+)", text)
    assert len(made) == 4, "two files, brought twice"
    assert {int(mode, 8) & 0o077 for mode in made} == {0}
    changes = re.findall(r"chmod(?:at)?\(.*?(?:privkey|combined)\.pem\", (\d+)", text)
    assert {int(mode, 8) & 0o077 for mode in changes} <= {0}
    secret = live.pair.files()["privkey.pem"].decode().splitlines()[1]
    lines = [line for line in text.splitlines() if "execve(" in line]
    assert any("mktemp" in line for line in lines)
    assert not any(secret[:20] in line for line in lines)


def test_a_host_whose_key_is_not_the_known_one_gets_nothing(tmp_path: Path, far: Far) -> None:
    far.sshd.trust("stranger")
    done = hook(tmp_path, "ssh", "reload", far.settings, far.lines)
    assert done.returncode == 1
    assert "Host key verification failed" in done.stderr
    assert "put its key into `known_hosts`" in done.stderr
    (far.sshd.directory / "known hosts").write_text("")
    done = hook(tmp_path, "ssh", "check", far.settings, far.lines)
    assert done.returncode == 1
    assert "put its key into `known_hosts`" in done.stderr


def test_a_login_that_is_refused_is_told(tmp_path: Path, far: Far) -> None:
    settings = {**far.settings, "identity": str(far.sshd.directory / "stranger")}
    done = hook(tmp_path, "ssh", "check", settings, far.lines)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert "authorized_keys" in done.stderr


@pytest.mark.parametrize("verb", ["check", "reload"])
def test_a_host_that_does_not_answer_is_told(tmp_path: Path, stopped: Far, verb: str) -> None:
    done = hook(tmp_path, "ssh", verb, stopped.settings, stopped.lines)
    assert done.returncode == 1
    assert f"cannot log in to {stopped.settings['host']}" in done.stderr
    assert "Connection refused" in done.stderr


def test_a_folder_that_cannot_be_written_there_is_told_by_check(
    tmp_path: Path, stopped: Far
) -> None:
    stopped.directory.write_text("not a folder")
    with stopped.sshd:
        done = hook(tmp_path, "ssh", "check", stopped.settings, stopped.lines)
    assert done.returncode == 1
    assert str(stopped.directory) in done.stderr


def test_what_a_connection_that_broke_off_has_brought_is_not_used(
    tmp_path: Path, far: Far, live: Live
) -> None:
    before = far.link()
    # An ssh that sends but the first file, which is whole (a head and its content, in 512 bytes).
    size = 512 + -(-len(live.pair.files()["cert.pem"]) // 512) * 512
    cut = tmp_path / "ssh"
    cut.write_text(f'#!/bin/sh\nhead -c {size} | {need("ssh")} "$@"\n')
    cut.chmod(0o755)
    done = hook(tmp_path, "ssh", "reload", {**far.settings, "binary": str(cut)}, far.lines)
    assert done.returncode == 1
    assert "broke off" in done.stderr
    assert far.link() == before
    assert [path.name for path in far.directory.iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "set `host`"),
        ({"host": "a.example.org", "directory": "certs"}, "from / on"),
        ({"host": "a.example.org", "directory": "/certs", "keep": "0"}, "`keep` is '0'"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    done = hook(tmp_path, "ssh", "check", settings)
    assert done.returncode == 1
    assert words in done.stderr
    done = hook(tmp_path, "ssh", "reload", settings)
    assert "set `reload`" in done.stderr
