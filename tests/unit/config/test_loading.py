"""What a right configuration comes to, included files, and the files that everleaf writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from everleaf.config.lines import Lines
from everleaf.config.loading import load
from everleaf.config.starting import TEXT
from everleaf.core.wanted import Copy, CopyKind, Endpoint, KeyType, RenewBefore, Unconfirmed
from support.wrong import RIGHT

Write = Callable[..., Path]


def test_a_certificate_gets_what_is_said_and_defaults_for_the_rest(write: Write) -> None:
    text = RIGHT + (
        'key_type = "rsa-2048"\nrenew_before = "33%"\nconfirm_every = "0s"\ngrace = "5s"\n'
        'endpoints = ["www.example.org:8443", { host = "[::1]", optional = true }]\n'
        'copies = [{ path = "copy.pem", kind = "combined", mode = "0640" }]\n'
        '[certificates.plain]\nnames = ["b.example.org", "192.0.2.1", "*.b.example.org"]\n'
    )
    text = text.replace('type = "http-01"', 'type = "http-01"\nlisten = ["192.0.2.9"]')
    path = write(text.replace(', "*.b.example.org"', ""))
    settings = load(path)
    www, plain = settings.certificates["www"], settings.certificates["plain"]
    assert www.key_type is KeyType.RSA_2048
    assert www.renew_before == RenewBefore(share=0.33)
    assert (www.confirm_every, www.grace) == (timedelta(0), timedelta(seconds=5))
    assert www.endpoints == (
        Endpoint(host="www.example.org", port=8443),
        Endpoint(host="::1", optional=True),
    )
    copy = Copy(path=path.parent / "copy.pem", kind=CopyKind.COMBINED, mode=0o640)
    assert www.copies == (copy,)
    assert (plain.authorities, plain.solvers, plain.terminators) == (("ca",), ("web",), ())
    assert {(str(one), one.port) for one in plain.endpoints} == {
        ("b.example.org:443", 443),
        ("192.0.2.1:443", 443),
    }
    assert settings.solvers["web"].options["listen"] == (("192.0.2.9", 80),)


def test_how_a_certificate_is_rolled_out_is_read(write: Write) -> None:
    digest = ":".join(["ab"] * 32)
    text = (
        'canary = "edge"\nquiet_hours = "22:00-06:00 Europe/Berlin"\n'
        f'on_unconfirmed = "rollback-if-worse"\npins = ["{digest}"]\n'
    )
    one = load(write(RIGHT + text)).certificates["www"]
    assert one.canary == "edge"
    assert str(one.quiet) == "22:00-06:00"
    assert one.on_unconfirmed is Unconfirmed.IF_WORSE
    assert one.pins == frozenset({"ab" * 32})


def test_a_shorthand_brings_its_staging_directory_with_its_roots(write: Write) -> None:
    text = RIGHT.replace("[authorities.ca]", "[authorities.letsencrypt]")
    text = text.replace(
        'directory = "https://ca.example.org/dir"', "terms_of_service_agreed = true"
    )
    settings = load(write(text))
    assert settings.certificates["www"].authorities == ("letsencrypt",)
    staging = settings.authorities["letsencrypt-staging"]
    assert settings.authorities["letsencrypt"].staging == staging.name
    assert staging.terms_of_service_agreed
    assert staging.trust_file is not None
    roots = x509.load_pem_x509_certificates(staging.trust_file.read_bytes())
    assert len(roots) == 3
    for root in roots:
        root.verify_directly_issued_by(root)


def test_included_files_are_read_in_order_and_a_wrong_one_takes_out_only_its_own(
    write: Write,
) -> None:
    write('[certificates.b]\nnames = ["b.example.org"]\n', "conf.d/2.toml")
    write('[certificates.a]\nnames = ["a.example.org"]\nkey = 1\n', "conf.d/1.toml")
    write('[certificates.b]\nnames = ["c.example.org"]\n', "conf.d/3.toml")
    write('[solvers.x]\ntype = "http-01"\n', "conf.d/4.toml")
    path = write('include = ["conf.d/*.toml", "conf.d/*.conf"]\n' + RIGHT)
    settings = load(path)
    assert sorted(settings.certificates) == ["b", "www"]
    told = [(one.file.name, one.line, one.key) for one in settings.faults]
    assert told == [
        ("1.toml", 3, "certificates.a.key"),
        ("3.toml", 1, "certificates.b"),
        ("4.toml", 1, "solvers"),
    ]
    assert "2.toml" in settings.faults[1].what
    assert [one.name for one in settings.files] == [
        "everleaf.toml", "1.toml", "2.toml", "3.toml", "4.toml",
    ]  # fmt: skip


LINES = '''\
# [a comment]
top = 1
[a."b.c"]
x = """
[not.a.table]
y = 2
"""
y = ["one",  # with ] in a comment
  "two"]
z = { p = 1, q = [ { r = 2 } ] }
[[list]]
k = 1
[[list]]
k = 'a # b'
sub.key = 1979-05-27
[list.deep]
v = 0
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("a", "b.c", "x"), 4),
        (("a", "b.c", "y"), 8),
        (("a", "b.c", "y", 1), 9),
        (("a", "b.c", "z", "q", 0, "r"), 10),
        (("list", 0, "k"), 12),
        (("list", 1, "k"), 14),
        (("list", 1, "sub", "key"), 15),
        (("list", 1, "deep", "v"), 17),
        (("list", 1, "missing"), 13),
        (("nowhere",), 1),
    ],
)
def test_a_key_has_its_line(key: tuple[str | int, ...], line: int) -> None:
    assert Lines(LINES).of(key) == line


def everleaf(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "everleaf", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_starting_file_fails_only_for_the_terms_and_is_right_once_they_are_agreed_to(
    tmp_path: Path,
) -> None:
    path = tmp_path / "etc" / "everleaf.toml"
    assert everleaf("config", "init", str(path)).returncode == 0
    assert path.read_text("utf-8") == TEXT
    again = everleaf("config", "init", str(path))
    assert again.returncode == 2
    assert "nothing was written" in again.stderr
    check = everleaf("--config", str(path), "config", "check", "--json")
    assert check.returncode == 2
    (fault,) = json.loads(check.stdout)["faults"]
    assert "terms of service" in fault["what"]
    agreed = TEXT.replace("terms_of_service_agreed = false", "terms_of_service_agreed = true")
    path.write_text(agreed, "utf-8")
    assert everleaf("--config", str(path), "config", "check").returncode == 0


@pytest.mark.parametrize("command", ["run", "plan", "status", "confirm", "history"])
def test_a_wrong_configuration_exits_2_and_touches_nothing(
    command: str, write: Write, tmp_path: Path
) -> None:
    path = write(RIGHT.replace("[settings]", "[settings]\njbos = 3"))
    done = everleaf("--config", str(path), command)
    assert done.returncode == 2
    assert f"{path}:2: settings.jbos: unknown key; did you mean 'jobs'?" in done.stderr
    assert not (tmp_path / "state").exists()
