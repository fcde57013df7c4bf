"""When a certificate's file became what it is, and what haproxy says that it has in memory."""

import os
import socket
from pathlib import Path
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from everleaf.local.fresh import changed, findings, in_memory
from everleaf.local.model import Use
from support.nobody import open_folder


def codes(path: Path, first: float, last: float) -> list[str]:
    use = Use(certificate=str(path), key=None, place="conf:1")
    return [one.code for one in findings(use, b"", (first, last), [])]


def test_a_file_is_as_young_as_the_youngest_link_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    file = tmp_path / "versions" / "cert.pem"
    file.touch()
    os.utime(file, (1000, 1000))
    (tmp_path / "live").symlink_to("versions")
    os.utime(tmp_path / "live", (5000, 5000), follow_symlinks=False)
    link, plain = changed(f"{tmp_path}/live/cert.pem"), changed(str(file))
    assert link is not None
    assert plain is not None
    assert (link.content, plain.content) == (5000, 1000)
    assert plain.status > 1000
    assert changed(f"{tmp_path}/none") is None


@given(first=st.integers(0, 20), span=st.integers(0, 20), at=st.integers(0, 40))
def test_a_file_is_stale_where_it_is_younger_than_all_processes(
    first: int, span: int, at: int
) -> None:
    # Beyond the present, so that the time of its status says nothing.
    base = 4_000_000_000
    with open_folder() as folder:
        file = folder / "cert.pem"
        file.touch()
        os.utime(file, (base + at, base + at))
        found = codes(file, base + first, base + first + span)
    if at > first + span:
        assert found == ["changed-since-reload"]
    elif at > first:
        assert found == ["reload-uncertain"]
    else:
        assert found == []


def test_a_socket_is_asked_for_a_quoted_path_and_its_answer_is_read() -> None:
    mark = "0123456789ABCDEF0123456789ABCDEF01234567"
    with open_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        heard: list[bytes] = []

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                heard.append(line.recv(1000))
                line.sendall(f"Filename: x\nSHA1 FingerPrint: {mark}\n".encode())

        thread = Thread(target=answer)
        thread.start()
        assert in_memory("/a b;c", [f"{folder}/s"]) == mark
        thread.join()
    assert heard == [b"show ssl cert /a\\ b\\;c\n"]


def test_a_socket_that_does_not_answer_is_asked_once() -> None:
    sockets = ["/nowhere/s", "/x" * 200]
    assert in_memory("/a", sockets) == ""
    assert sockets == []


def test_a_path_with_a_line_feed_is_asked_for_nowhere() -> None:
    sockets = ["/nowhere/s"]
    assert in_memory("/a\nshutdown sessions", sockets) == ""
    assert sockets == ["/nowhere/s"]
