"""nginx's configuration as tokens and as a tree: quotes, comments, Lua, includes."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from everleaf.local.nginx_text import tokens
from everleaf.local.nginx_tree import Tree
from everleaf.local.text import Directive, effective, levels, value

WORDS = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=12)


def words(text: str) -> list[str]:
    return [one.text for one in tokens(text)]


def flat(one: Directive) -> list[str]:
    return [one.name, *one.arguments]


def test_words_quotes_and_marks() -> None:
    text = """server_name "a b;" 'c{d}' e\\;f;  # a comment { with marks; }\nx{y;}"""
    assert words(text) == [
        *("server_name", "a b;", "c{d}", "e\\;f", ";"),
        *("x", "{", "y", ";", "}"),
    ]


def test_a_variable_in_braces_belongs_to_the_word() -> None:
    assert words("root /srv/${host}/x;") == ["root", "/srv/${host}/x", ";"]


def test_a_comment_sign_within_a_word_is_none() -> None:
    assert words("rewrite a#b c;") == ["rewrite", "a#b", "c", ";"]


def test_each_word_has_the_line_on_which_it_begins() -> None:
    found = [(one.text, one.line) for one in tokens("a\n  'b\n\nc'\nd;")]
    assert found == [("a", 1), ("b\n\nc", 2), ("d", 5), (";", 5)]


def test_a_block_of_lua_is_left_out() -> None:
    lua = """
    content_by_lua_block {
        local t = { "}" , '\\'}' } -- a comment with }
        --[[ a long
        one } ]] local s = [==[ } ]==]
        if t then ngx.say("{") end
    }
    after;"""
    assert words(lua) == ["content_by_lua_block", "{", "}", "after", ";"]


def test_lua_with_arguments_before_the_block() -> None:
    assert words("set_by_lua_block $x { return 1 } y;") == [
        *("set_by_lua_block", "$x", "{", "}", "y", ";")
    ]


def test_a_text_that_is_cut_off_ends_where_it_ends() -> None:
    assert words("a 'b") == ["a", "b"]
    assert words("x_by_lua_block { [[") == ["x_by_lua_block", "{", "}"]
    assert words("a ${b") == ["a", "${b"]


@given(st.lists(WORDS, min_size=1))
def test_what_was_quoted_comes_back(given_words: list[str]) -> None:
    quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in given_words)
    found = words(" ".join(quoted) + ";")
    assert found == [*given_words, ";"]


@given(st.text(st.sampled_from("ab{};\"'#\\$ \n[]=-_by_lua_block{"), max_size=200))
def test_no_text_raises_and_no_line_is_beyond_its_end(text: str) -> None:
    found = list(tokens(text))
    assert all(1 <= one.line <= text.count("\n") + 1 for one in found)
    assert len(found) <= 2 * len(text) + 1


def write(folder: Path, **files: str) -> Tree:
    for name, text in files.items():
        (folder / f"{name}.conf").write_text(text, "utf-8")
    return Tree(str(folder))


def test_includes_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    tree = write(tmp_path, main="a; include x*.conf; b;", x2="two;", x1="one;\nmore;")
    body = tree.read(f"{tmp_path}/main.conf", "here")
    assert [one.name for one in body] == ["a", "one", "more", "two", "b"]
    assert body[2].place == f"{tmp_path}/x1.conf:2"
    assert tree.findings == []


def test_a_file_that_includes_itself_is_read_once(tmp_path: Path) -> None:
    tree = write(tmp_path, main="a; include other.conf;", other="b; include main.conf; c;")
    body = tree.read(f"{tmp_path}/main.conf", "here")
    assert [one.name for one in body] == ["a", "b", "c"]


def test_files_that_include_each_other_twice_come_to_an_end(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(40)]
    files = {
        name: f"include {below}.conf; include {below}.conf;"
        for name, below in zip(names, [*names[1:], "last"], strict=True)
    }
    tree = write(tmp_path, **files, last="a;")
    assert tree.read(f"{tmp_path}/f0.conf", "here") != ()


def test_an_include_that_is_not_there_is_a_finding_and_a_pattern_is_none(tmp_path: Path) -> None:
    tree = write(tmp_path, main="include none*.conf;\ninclude gone.conf;")
    assert tree.read(f"{tmp_path}/main.conf", "here") == ()
    (one,) = tree.findings
    assert (one.code, one.where) == ("configured-file-missing", (f"{tmp_path}/main.conf:2",))


def test_blocks_without_end_come_to_an_end(tmp_path: Path) -> None:
    tree = write(tmp_path, main="a {" * 5000)
    assert len(tree.read(f"{tmp_path}/main.conf", "here")) >= 1


def test_what_is_said_within_hides_what_is_said_around(tmp_path: Path) -> None:
    text = "http { x 1; y 3; server { x 2; location / { z; } } server { w; } }"
    body = write(tmp_path, main=text).read(f"{tmp_path}/main.conf", "here")
    by_last = {stack[-1][-1].name: stack for stack in levels(body)}
    assert value(by_last["z"], "x") == "2"
    assert value(by_last["w"], "x") == "1"
    assert value(by_last["z"], "y") == "3"
    assert value(by_last["z"], "none", "default") == "default"
    assert [flat(one) for one in effective(by_last["w"], "x", "y")] == [["x", "1"], ["y", "3"]]
