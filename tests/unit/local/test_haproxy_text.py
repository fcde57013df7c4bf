"""haproxy's configuration as lines of words: quotes, escapes, comments, sections, lists."""

import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from everleaf.local.haproxy import started
from everleaf.local.haproxy_files import certificates, listed
from everleaf.local.haproxy_text import lines, split
from everleaf.local.processes import Process

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=12)


def process(*command: str) -> Process:
    return Process(pid=0, parent=1, name="haproxy", command=command, title="", started=0.0)


def test_quotes_escapes_and_comments() -> None:
    text = r"""bind :443 ssl crt "/a b/#c" crt '/d\e' crt /f\ g\#h # crt /none"""
    assert split(text) == [
        *("bind", ":443", "ssl", "crt", "/a b/#c", "crt", r"/d\e", "crt", "/f g#h")
    ]


def test_quotes_join_what_stands_beside_them() -> None:
    assert split("""a"b c"'d e'f "" """) == ["ab cd ef", ""]


def test_a_quote_that_is_not_closed_ends_with_its_line() -> None:
    assert split('a "b c') == ["a", "b c"]
    assert split("a\\") == ["a\\"]


@given(st.lists(WORDS))
def test_what_a_shell_would_quote_comes_back(words: list[str]) -> None:
    assert split(" ".join(map(shlex.quote, words))) == words


@given(st.text(max_size=100))
def test_no_line_raises(text: str) -> None:
    split(text)
    list(lines(text, "f"))
    list(listed(text))


def test_each_line_knows_its_section_and_its_place() -> None:
    text = "# nothing\nglobal\n  crt-base /x\n\n.if defined(A)\nfrontend f\n  bind :1 crt a crt b\n"
    found = list(lines(text, "h.cfg"))
    assert [(one.section, one.number, one.words[0]) for one in found] == [
        ("global", 2, "global"),
        ("global", 3, "crt-base"),
        ("frontend", 6, "frontend"),
        ("frontend", 7, "bind"),
    ]
    assert found[-1].place == "h.cfg:7"
    assert found[-1].after("crt") == ["a", "b"]
    assert (found[-1].option("crt"), found[-1].option("alpn")) == ("b", "")


def test_the_command_line_names_files_and_a_working_directory() -> None:
    one = started(
        process("-Ws", "-C", "/srv", "-f", "a.cfg", "-f", "/b", "-p", "/run/p", "-sf", "7")
    )
    assert (one.folder, one.files) == ("/srv", ("a.cfg", "/b"))
    assert [one.path(name) for name in one.files] == ["/srv/a.cfg", "/b"]
    assert started(process("-D", "--", "a", "b")).files == ("a", "b")
    assert started(process("-f")).files == ()


def test_a_list_knows_no_quotes() -> None:
    text = "# no\n  a.pem[alpn h2] x.test\n\nb.pem !y.test\n"
    assert list(listed(text)) == [(2, "a.pem"), (4, "b.pem")]


def test_a_folder_holds_certificates_and_what_belongs_to_them(tmp_path: Path) -> None:
    for name in (
        "b.pem",
        "a.pem.rsa",
        "a.pem.ecdsa",
        ".c",
        "b.pem.key",
        "b.pem.ocsp",
        "b.pem.sctl",
    ):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    found = [Path(one).name for one in certificates(str(tmp_path))]
    assert found == ["a.pem.ecdsa", "a.pem.rsa", "b.pem"]
    assert [Path(one).name for one in certificates(str(tmp_path / "a.pem"))] == [
        *("a.pem.rsa", "a.pem.ecdsa")
    ]
    assert list(certificates("/nowhere/x.pem")) == ["/nowhere/x.pem"]
