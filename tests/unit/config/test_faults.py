"""Wrong configurations: each kind with its line, its key, what is wrong and what would be right."""

from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import ConfigError, load
from support.nobody import open_folder, unprivileged
from support.wrong import CASES, NAMES, RIGHT, WWW, Case

Faults = Callable[[str], tuple[ConfigFault, ...]]
ENDPOINTS = """\
endpoints = [
  "a.b:x",
  { prot = 1, terminator = "x" },
  { host = "a.b", addresses = ["c"] },
]
"""
COPIES = """\
copies = [
  { kind = "combind", mode = "0644" },
  { path = "/x", kind = "combined", group = "nobody-has-this" },
]
"""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_fault_names_line_key_what_is_wrong_and_what_would_be_right(
    case: Case, faults: Faults
) -> None:
    assert case.old in RIGHT
    (one,) = faults(case.text)
    assert (one.key, one.line) == (case.key, case.line), str(one)
    assert case.what in one.what
    assert case.remedy in one.remedy
    assert one.file.name == "everleaf.toml"


def test_the_right_text_is_right(faults: Faults) -> None:
    assert faults(RIGHT) == ()


def test_all_faults_are_reported_together_and_in_order(faults: Faults) -> None:
    text = RIGHT
    for case in (CASES["a wrong type"], CASES["an unknown hook"], CASES["a dangling solver"]):
        text = text.replace(case.old, case.new, 1)
    found = faults(text)
    assert [fault.key for fault in found] == [
        "settings.jobs",
        "terminators.edge.hook",
        "certificates.www.solver",
    ]


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (
            NAMES,
            'names = []\nsolver = "wep"\nauthority = "cb"\ngrace = 3',
            [f"{WWW}.names", f"{WWW}.solver", f"{WWW}.authority", f"{WWW}.grace"],
        ),
        (
            NAMES,
            'names = [3, "www_.example.org"]',
            [f"{WWW}.names[0]", f"{WWW}.names[1]"],
        ),
        (
            NAMES,
            f"{NAMES}\n{ENDPOINTS}",
            [
                f"{WWW}.endpoints[0]",
                f"{WWW}.endpoints[1].host",
                f"{WWW}.endpoints[1].prot",
                f"{WWW}.endpoints[1].terminator",
                f"{WWW}.endpoints[2].addresses[0]",
            ],
        ),
        (
            NAMES,
            f"{NAMES}\n{COPIES}",
            [
                f"{WWW}.copies[0].kind",
                f"{WWW}.copies[0].mode",
                f"{WWW}.copies[0].path",
                f"{WWW}.copies[1].group",
            ],
        ),
        (
            'hook = "nginx"',
            'timeout = "0s"\nper_certificate = 1',
            [
                "terminators.edge.hook",
                "terminators.edge.per_certificate",
                "terminators.edge.timeout",
            ],
        ),
        (
            'type = "http-01"',
            'type = "rfc2136"\nserver = "x"\nnameservers = ["y", "192.0.2.1", "z"]\ntimeout = "2d"',
            [
                "solvers.web.key",
                "solvers.web.nameservers[0]",
                "solvers.web.nameservers[2]",
                "solvers.web.server",
                "solvers.web.timeout",
            ],
        ),
        (
            "[solvers.web]",
            'external_account = { kid = 1 }\ncontact = [1, "x"]\nproxy = "x"\n[solvers.web]',
            [
                "authorities.ca.contact[0]",
                "authorities.ca.contact[1]",
                "authorities.ca.external_account.hmac_key",
                "authorities.ca.external_account.kid",
                "authorities.ca.proxy",
            ],
        ),
    ],
    ids=["names", "items of names", "endpoints", "copies", "terminator", "solver", "authority"],
)
def test_no_fault_hides_another_and_none_is_told_twice(
    old: str, new: str, keys: list[str], faults: Faults
) -> None:
    assert sorted(fault.key for fault in faults(RIGHT.replace(old, new, 1))) == sorted(keys)


def test_certificates_for_trust_are_read_as_openssl_reads_them(
    faults: Faults, tmp_path: Path
) -> None:
    good = files("everleaf.config").joinpath("roots", "letsencrypt-staging.pem").read_text("ascii")
    path = tmp_path / "trust.pem"
    text = RIGHT.replace("[solvers.web]", f'trust_file = "{path}"\n[solvers.web]')
    begin, end = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"
    path.write_text(good, "ascii")
    assert faults(text) == ()
    for bad in (f"{begin}garbage\n{end}", f"{good}{begin}AAAA\n{end}", good[:600]):
        path.write_text(bad, "ascii")
        (one,) = faults(text)
        assert one.key == "authorities.ca.trust_file"
        assert str(path) in one.what


def test_what_may_not_be_reached_is_a_fault_of_its_key(tmp_path: Path) -> None:
    with open_folder() as outside:
        hidden = outside / "hidden"
        hidden.mkdir()
        hidden.joinpath("hook").touch(0o755)
        text = RIGHT.replace('"nginx"', f'"{hidden}/hook"')
        text = text.replace('"http-01"', f'"webroot"\npath = "{hidden}/www"')
        path = outside / "everleaf.toml"
        path.write_text(text.replace("STATE", str(tmp_path)), "utf-8")
        hidden.chmod(0)
        with suppress(ConfigError):
            load(path)  # so that all is imported
        with unprivileged(), pytest.raises(ConfigError) as caught:
            load(path)
    told = [(fault.key, "Permission denied" in fault.what) for fault in caught.value.faults]
    assert told == [("solvers.web.path", True), ("terminators.edge.hook", True)]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b'[settings]\nstate_dir = "\xff"\n'), "not UTF-8"),
    ],
    ids=["missing", "a directory", "empty", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_is_one_fault(
    make: Callable[[Path], object], what: str, tmp_path: Path
) -> None:
    path = tmp_path / "everleaf.toml"
    make(path)
    with pytest.raises(ConfigError) as caught:
        load(path)
    (one,) = caught.value.faults
    assert what in one.what
    assert one.remedy


def test_a_canary_that_no_endpoint_belongs_to_is_a_fault(faults: Faults) -> None:
    more = 'terminators = ["edge", "far"]\ncanary = "edge"\n'
    text = RIGHT.replace('terminators = ["edge"]\n', more)
    assert text != RIGHT
    text += '[terminators.far]\nhook = "nginx"\n'
    (one,) = faults(text)
    place = text.splitlines().index('canary = "edge"') + 1
    assert (one.key, one.line) == ("certificates.www.canary", place)
    assert "no endpoint belongs to" in one.what
    assert 'terminator = "edge"' in one.remedy
    own = text.replace(
        'canary = "edge"\n',
        'canary = "edge"\nendpoints = [{ host = "a.b", terminator = "edge" }]\n',
    )
    assert faults(own) == ()
