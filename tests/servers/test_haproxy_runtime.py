"""hooks/haproxy against a real haproxy: certificates taken into the running process."""

import socketserver
from pathlib import Path
from threading import Thread

from support.certs import Authority, Live
from support.hooks import changed, hook
from support.loopback import free, served
from support.servers import Haproxy

NAME = "www.example.org"


def test_reload_updates_the_running_worker(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    before = haproxy.workers()
    for _ in range(2):  # and once more: nothing is left behind by the first
        fresh = authority.issue(NAME)
        live.switch(fresh)
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [changed(NAME, live)])
        assert (done.returncode, done.stderr) == (0, "")
        assert served(*haproxy.addresses[0], NAME) == fresh.chain
    assert haproxy.workers() == before
    assert haproxy.reloads() == 0


def test_a_socket_that_is_named_is_enough(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    live.switch(fresh)
    settings = {"socket": str(haproxy.socket), "config": "/nowhere", "pid_file": "/nowhere"}
    done = hook(tmp_path, "haproxy", "reload", settings, [changed(NAME, live)])
    assert (done.returncode, done.stderr) == (0, "")
    assert served(*haproxy.addresses[0], NAME) == fresh.chain


def test_copies_are_updated_by_their_own_paths(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    # A file with a blank, in a folder that haproxy loads; and a folder with a link of its own.
    single = tmp_path / "certs" / "of; mine.pem"
    single.parent.mkdir()
    single.write_bytes(live.pair.files()["combined.pem"])
    other = Live(tmp_path / "copy")
    other.switch(live.pair)
    files = [single.parent, other.path / "combined.pem"]
    with Haproxy(tmp_path / "haproxy", [free()], files) as haproxy:
        fresh = authority.issue(NAME)
        live.switch(fresh)
        line = changed(NAME, live, single, other.directory)
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [line])
        assert (done.returncode, done.stderr) == (0, "")
        assert haproxy.reloads() == 0
        serial = f"{fresh.leaf.serial_number:X}"
        for path in (single, other.path / "combined.pem"):
            quoted = str(path).replace(";", "\\;").replace(" ", "\\ ")
            assert serial in haproxy.ask(f"show ssl cert {quoted}")


def test_a_mismatched_pair_is_refused_and_the_next_update_works(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    old = live.pair
    live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
    lines = [changed(NAME, live)]
    done = hook(tmp_path, "haproxy", "reload", haproxy.settings, lines)
    assert done.returncode == 1
    assert "inconsistencies between private key and certificate" in done.stderr
    assert served(*haproxy.addresses[0], NAME) == old.chain
    assert "# transaction" not in haproxy.ask("show ssl cert")
    live.switch(authority.issue(NAME))
    assert hook(tmp_path, "haproxy", "reload", haproxy.settings, lines).returncode == 0
    assert served(*haproxy.addresses[0], NAME) == live.pair.chain


def test_of_two_certificates_the_good_one_is_taken_and_the_bad_one_named(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    second = Live(tmp_path / "second")
    second.switch(authority.issue("second.example.org"))
    files = [folder.path / "combined.pem" for folder in (live, second)]
    with Haproxy(tmp_path / "haproxy", [free()], files) as haproxy:
        live.switch(authority.issue(NAME).with_key(authority.issue(NAME).key))
        second.switch(authority.issue("second.example.org"))
        lines = [changed(NAME, live), changed("second.example.org", second)]
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, lines)
        assert done.returncode == 1
        assert str(files[0]) in done.stderr
        assert str(files[1]) not in done.stderr
        assert served(*haproxy.addresses[0], "second.example.org") == second.pair.chain


def test_blank_lines_do_not_end_the_file_and_the_key_is_never_shown(
    tmp_path: Path, haproxy: Haproxy, live: Live, authority: Authority
) -> None:
    fresh = authority.issue(NAME)
    files = fresh.files()
    inside = files["privkey.pem"].replace(b"-----\n", b"-----\n\n", 1)
    spaced = b"\n\n".join([files["cert.pem"], files["chain.pem"], inside])
    live.switch(fresh, combined=b"\n# the pair\n\n" + spaced.replace(b"\n", b"\r\n"))
    done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [changed(NAME, live)])
    assert (done.returncode, done.stderr) == (0, "")
    assert haproxy.reloads() == 0
    assert served(*haproxy.addresses[0], NAME) == fresh.chain
    secret = files["privkey.pem"].decode().splitlines()[1]
    assert secret not in done.stdout + done.stderr + haproxy.words()


def test_an_answer_that_repeats_the_key_is_not_shown(tmp_path: Path, live: Live) -> None:
    path = live.path / "combined.pem"

    class Echo(socketserver.BaseRequestHandler):
        """What a haproxy does that reads a file as commands: it complains of each line."""

        def handle(self) -> None:
            said: bytes = self.request.recv(65536)
            listing = f"# filename\n{path}\n".encode()
            self.request.sendall(listing if said == b"show ssl cert\n" else said)

    with socketserver.UnixStreamServer(str(tmp_path / "echo"), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings = {"socket": str(tmp_path / "echo"), "pid_file": "/nowhere"}
        done = hook(tmp_path, "haproxy", "reload", settings, [changed(NAME, live)])
        server.shutdown()
    assert done.returncode == 1
    assert "its answer repeats the file and is not shown" in done.stderr
    secret = live.pair.files()["privkey.pem"].decode().splitlines()
    assert not [line for line in secret[1:-1] if line in done.stdout + done.stderr]


def test_a_transaction_that_somebody_left_open_is_ended_first(
    tmp_path: Path, live: Live, authority: Authority
) -> None:
    second = Live(tmp_path / "second")
    second.switch(authority.issue("second.example.org"))
    files = [folder.path / "combined.pem" for folder in (live, second)]
    with Haproxy(tmp_path / "haproxy", [free()], files) as haproxy:
        other = authority.issue("other.example.org").files()["combined.pem"].decode()
        opened = haproxy.ask(f"set ssl cert {files[1]} <<\n{other}")
        assert "Transaction created" in opened
        live.switch(authority.issue(NAME))
        done = hook(tmp_path, "haproxy", "reload", haproxy.settings, [changed(NAME, live)])
        assert (done.returncode, done.stderr) == (0, "")
        assert served(*haproxy.addresses[0], NAME) == live.pair.chain
        assert served(*haproxy.addresses[0], "second.example.org") == second.pair.chain
        assert "# transaction" not in haproxy.ask("show ssl cert")
