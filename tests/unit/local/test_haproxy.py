"""What a text of haproxy's configuration comes to, without any haproxy."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from everleaf.local.haproxy import configured
from everleaf.local.model import Configured
from everleaf.local.processes import Kind, Process, Running, _processes

WORDS = (
    *("bind", "server", "server-template", "crt", "crt-list", "ssl", "sni", "verify", "none", "x"),
    *("default-server", "global", "defaults", "backend", "stats", "socket", "load", "crt-base"),
)


def this() -> Process:
    (one,) = [one for one in _processes() if one.pid == os.getpid()]
    return one


def read(folder: Path, text: str) -> Configured:
    path = folder / "haproxy.cfg"
    path.write_text(text, "utf-8")
    master = replace(this(), command=("-W", "-f", str(path)))
    return configured(Running(kind=Kind.HAPROXY, master=master, workers=()))


def test_defaults_hold_in_the_sections_after_them_until_the_next_ones(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "defaults\n default-server ssl verify none\nbackend a\n server a 192.0.2.1\n"
        "backend b\n default-server no-ssl\n server b 192.0.2.2\nbackend c\n server c 192.0.2.3\n"
        "defaults\nbackend d\n server d 192.0.2.4\n",
    )
    assert [one.to for one in found.backends] == ["a 192.0.2.1", "c 192.0.2.3"]


def test_templates_of_servers_are_servers(tmp_path: Path) -> None:
    found = read(tmp_path, "backend a\n server-template w 5 w.test:443 ssl verify none\n")
    assert [(one.to, one.verified) for one in found.backends] == [("w w.test:443", False)]


def test_nothing_is_verified_where_the_whole_server_says_so(tmp_path: Path) -> None:
    text = "global\n ssl-server-verify none\nbackend a\n server a 192.0.2.1 ssl"
    assert [one.verified for one in read(tmp_path, text).backends] == [False]
    assert [one.verified for one in read(tmp_path, f"{text} verify required").backends] == [True]


def test_variables_of_the_environment_are_filled_in(tmp_path: Path) -> None:
    text = 'frontend a\n bind :443 ssl crt "${HOME}/a.pem" crt /${NONE_SUCH-b}.pem crt "/$PATHS"'
    home = this().setting("HOME")
    found = [one.certificate for one in read(tmp_path, text).uses]
    assert found == [f"{home}/a.pem", "/b.pem", "/$PATHS"]


def test_what_is_stored_by_another_name_is_not_looked_at(tmp_path: Path) -> None:
    text = "crt-store web\n load crt a.pem\nfrontend a\n bind :443 ssl crt @web/a.pem"
    found = read(tmp_path, text)
    path = tmp_path / "haproxy.cfg"
    assert (found.uses, found.unseen) == ([], [f"{path}:2: load", f"{path}:4: @web/a.pem"])


def test_a_server_without_an_address_is_none(tmp_path: Path) -> None:
    text = "defaults\n default-server ssl\nbackend a\n server\n server x\n server-template x 5"
    assert read(tmp_path, text).backends == []


@given(text=st.lists(st.lists(st.sampled_from(WORDS), max_size=5), max_size=12))
def test_lines_that_lack_words_raise_nothing(text: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), "\n".join(map(" ".join, text)))
