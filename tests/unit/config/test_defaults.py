"""What is said once for all is looked at once, in the file where it stands."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.config import lines
from everleaf.config.faults import ConfigFault
from everleaf.config.loading import load
from support.wrong import RIGHT

Write = Callable[..., Path]
Faults = Callable[[str], tuple[ConfigFault, ...]]
MANY = 40


def many(count: int) -> str:
    one = '[certificates.cN]\nnames = ["cN.example.org"]\ncopies = []\n'
    return "".join(one.replace("N", str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("line", "key", "what"),
    [
        ('solver = "wep"', "solver", "no solver 'wep'"),
        ('authority = ["ca", "cb"]', "authority[1]", "no authority 'cb'"),
        ('terminators = ["edgy"]', "terminators[0]", "no terminator 'edgy'"),
        ('group = "nobody-has-this"', "group", "does not exist"),
        ('grace = "40d"', "grace", "too long"),
        ('confirm_every = "9999999d"', "confirm_every", "too long"),
        ('renew_before = "150%"', "renew_before", "no share"),
        ('emergency = "1s"', "emergency", "too short"),
        ("preferred_chain_required = true", "preferred_chain_required", "no preferred chain"),
        (
            'copies = [{ path = "/a", kind = "combined", mode = "0644" }]',
            "copies[0].mode",
            "opens a private key",
        ),
    ],
)
def test_a_fault_of_the_defaults_is_told_once_and_where_it_stands(
    line: str, key: str, what: str, write: Write, faults: Faults
) -> None:
    write(many(MANY), "more.toml")
    (one,) = faults(f'include = ["more.toml"]\n{RIGHT}[defaults]\n{line}\n')
    assert (one.file.name, one.line, one.key) == ("everleaf.toml", 14, f"defaults.{key}")
    assert what in one.what


def test_a_relative_path_of_the_defaults_counts_from_the_main_file(write: Write) -> None:
    write('[certificates.a]\nnames = ["a.example.org"]\n', "conf.d/a.toml")
    text = RIGHT.replace("[certificates.www]", "[certificates.www]\ncopies = []")
    copies = '[defaults]\ncopies = [{ path = "all.pem", kind = "combined" }]\n'
    path = write(f'include = ["conf.d/*.toml"]\n{text}{copies}')
    (copy,) = load(path).certificates["a"].copies
    assert copy.path == path.parent / "all.pem"


def test_a_certificate_says_otherwise_also_where_it_says_nothing_or_none(write: Write) -> None:
    defaults = (
        '[defaults]\nterminators = ["edge"]\ngrace = "5s"\nprofile = "shortlived"\n'
        "reuse_key = true\n"
    )
    own = '[certificates.b]\nnames = ["b.example.org"]\nterminators = []\ngrace = "0s"\n'
    own += 'profile = ""\nreuse_key = false\n'
    plain = '[certificates.a]\nnames = ["a.example.org"]\n'
    found = load(write(RIGHT + defaults + plain + own)).certificates
    one, other = found["a"], found["b"]
    assert (one.terminators, one.grace) == (("edge",), timedelta(seconds=5))
    assert (one.profile, one.reuse_key) == ("shortlived", True)
    assert (other.terminators, other.grace) == ((), timedelta(0))
    assert (other.profile, other.reuse_key) == ("", False)


def test_the_lines_of_a_file_are_looked_up_once_however_many_faults_it_has(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    true = lines._Reader.read

    def counted(self: lines._Reader) -> object:
        read.append(self)
        return true(self)

    monkeypatch.setattr(lines._Reader, "read", counted)
    found = faults(RIGHT + many(MANY).replace(".org", "_.org_"))
    assert len(found) == MANY
    assert len(read) == 1
