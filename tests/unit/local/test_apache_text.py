"""Apache's configuration as statements and as a tree: quotes, sections, conditions, includes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.local.apache_text import statements, words
from everleaf.local.apache_tree import Tree
from everleaf.local.text import Directive

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)


def tree(folder: Path, **files: str) -> Tree:
    for name, text in files.items():
        (folder / f"{name}.conf").write_text(text, "utf-8")
    return Tree(str(folder), {}, lambda _: "")


def names(found: object) -> list[str]:
    assert isinstance(found, tuple)
    return [one.name for one in found if isinstance(one, Directive)]


def read(folder: Path, text: str) -> list[str]:
    return names(tree(folder, main=text).read(f"{folder}/main.conf", "here"))


def test_words_and_quotes() -> None:
    assert words(r"""a "b c" 'd "e' "f\"g\\h" i#j""") == ["a", "b c", 'd "e', 'f"g\\h', "i#j"]


@given(st.lists(WORDS))
def test_what_was_quoted_comes_back(given_words: list[str]) -> None:
    quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in given_words)
    assert words(" ".join(quoted)) == given_words


@given(st.text(st.sampled_from("ab<>/\"'#\\$ \n{}"), max_size=200))
def test_no_text_raises_and_no_line_is_beyond_its_end(text: str) -> None:
    found = list(statements(text))
    assert all(1 <= one.line <= text.count("\n") + 1 for one in found)


def test_lines_go_on_after_a_backslash_in_a_comment_too() -> None:
    found = list(statements("# a \\\nSSLEngine off\nSSLCertificateFile \\\n  /x\nb"))
    assert [(one.name, one.arguments, one.line) for one in found] == [
        ("sslcertificatefile", ("/x",), 3),
        ("b", (), 5),
    ]


def test_a_section_has_a_body() -> None:
    found = list(statements('<VirtualHost "*:443">\nA\n</VirtualHost>\n'))
    assert [(one.name, one.arguments, one.opens, one.closes) for one in found] == [
        ("virtualhost", ("*:443",), True, False),
        ("a", (), False, False),
        ("virtualhost", (), False, True),
    ]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("IfDefine A", True),
        ("IfDefine !A", False),
        ("IfDefine B", False),
        ("IfDefine !B", True),
        ("IfModule ssl_module", True),
        ("IfModule mod_ssl.c", True),
        ("IfModule !mod_ssl.c", False),
        ("IfModule mod_md.c", False),
        ("IfModule !mod_md.c", True),
        ("IfModule core.c", True),
        ("IfFile main.conf", True),
        ("IfFile none.conf", False),
        ("IfVersion >= 2.4", True),
    ],
)
def test_conditions(tmp_path: Path, condition: str, holds: bool) -> None:
    name = condition.split(maxsplit=1)[0]
    text = (
        "Define A\nLoadModule ssl_module modules/mod_ssl.so\n"
        f"<{condition}>\n<Location />\nx\n</Location>\nyes\n</{name}>\nend"
    )
    within = ["location", "yes"] if holds else []
    assert read(tmp_path, text) == ["define", "loadmodule", *within, "end"]


def test_variables_are_filled_in(tmp_path: Path) -> None:
    one = Tree(str(tmp_path), {"A": "a"}, {"B": "b", "C": ""}.__getitem__)
    (tmp_path / "main.conf").write_text("Define D d\nx ${A}/${B}/${D}/${C}")
    body = one.read(f"{tmp_path}/main.conf", "here")
    assert body[-1].arguments == ("a/b/d/${C}",)


def test_includes_of_a_file_a_pattern_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "deep" / "z.conf").write_text("z")
    (tmp_path / "sub" / "y.conf").write_text("y\nInclude main.conf")
    text = "Include sub/*.conf\nInclude sub\nIncludeOptional none.conf\nInclude gone.conf"
    one = tree(tmp_path, main=text)
    assert names(one.read(f"{tmp_path}/main.conf", "here")) == ["y", "z", "y"]
    (found,) = one.findings
    assert (found.code, found.where) == ("configured-file-missing", (f"{tmp_path}/main.conf:4",))


def test_sections_without_end_come_to_an_end(tmp_path: Path) -> None:
    assert len(read(tmp_path, "<A>\n" * 5000)) >= 1


def test_the_root_of_the_server_moves(tmp_path: Path) -> None:
    one = tree(tmp_path, main="ServerRoot /srv")
    one.read(f"{tmp_path}/main.conf", "here")
    assert (one.path("a"), one.path("/b")) == ("/srv/a", "/b")
