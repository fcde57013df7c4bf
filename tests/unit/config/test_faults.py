"""Wrong configurations: each kind with its line, its key, what is wrong and what would be right."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from everleaf.config.faults import ConfigFault
from everleaf.config.loading import ConfigError, load

Faults = Callable[[str], tuple[ConfigFault, ...]]

RIGHT = """\
[settings]
state_dir = "STATE"
[authorities.ca]
directory = "https://ca.example.org/dir"
[solvers.web]
type = "http-01"
[terminators.edge]
hook = "nginx"
[certificates.www]
names = ["www.example.org"]
terminators = ["edge"]
"""


@dataclass(frozen=True)
class Case:
    """`old` in the right text becomes `new`; then one fault is at `line`."""

    old: str
    new: str
    line: int
    key: str
    what: str
    remedy: str


NAMES = 'names = ["www.example.org"]'
WWW = "certificates.www"

CASES = {
    "an unknown section": Case("[settings]", "[setings]", 1, "setings", "unknown key", "settings"),
    "an unknown key": Case(
        NAMES, f'{NAMES}\nkeytype = "rsa-2048"', 11, f"{WWW}.keytype", "unknown key", "key_type"
    ),
    "a wrong type": Case(
        "[settings]", '[settings]\njobs = "4"', 2, "settings.jobs", "'4'", "without quotes"
    ),
    "a number out of range": Case(
        "[settings]", "[settings]\njobs = 0", 2, "settings.jobs", "greater than", "schema"
    ),
    "a bad duration": Case(
        "[settings]", '[settings]\ndeadline = "30"', 2, "settings.deadline", "'30'", "as in 30s"
    ),
    "a duration that is too short": Case(
        "[settings]", '[settings]\nwake_interval = "1s"', 2, "settings.wake_interval",
        "too short", "60s",
    ),
    "a relative state directory": Case(
        '"STATE"', '"state"', 2, "settings.state_dir", "relative path", "from / on"
    ),
    "a name server that is none": Case(
        "[settings]", '[settings]\nresolver = ["ns.example.org"]', 2, "settings.resolver[0]",
        "no IP address", "192.0.2.1",
    ),
    "an alert command that is not there": Case(
        "[settings]", '[alert]\ncommand = ["/no/such"]\n[settings]', 2, "alert.command",
        "cannot be run", "executable",
    ),
    "an unknown authority without a directory": Case(
        'directory = "https://ca.example.org/dir"', "", 3, "authorities.ca", "not known",
        "letsencrypt",
    ),
    "a directory without https": Case(
        "https://ca", "http://ca", 4, "authorities.ca.directory", "no https URL", "RFC 8555"
    ),
    "terms that are not agreed to": Case(
        '[authorities.ca]\ndirectory = "https://ca.example.org/dir"', "[authorities.letsencrypt]\n",
        3, "authorities.letsencrypt", "not agreed", "terms_of_service_agreed = true",
    ),
    "an authority that binds accounts": Case(
        '[authorities.ca]\ndirectory = "https://ca.example.org/dir"',
        "[authorities.zerossl]\nterms_of_service_agreed = true",
        3, "authorities.zerossl", "outside account", "external_account",
    ),
    "a contact that is none": Case(
        "[solvers.web]", 'contact = ["ops"]\n[solvers.web]', 5, "authorities.ca.contact[0]",
        "no contact", "mailto:",
    ),
    "a trust file that is not there": Case(
        "[solvers.web]", 'trust_file = "/no/such"\n[solvers.web]', 5, "authorities.ca.trust_file",
        "No such file", "PEM",
    ),
    "a trust file without a certificate": Case(
        "[solvers.web]", 'ca_file = "/etc/passwd"\n[solvers.web]', 5, "authorities.ca.ca_file",
        "no certificate", "openssl",
    ),
    "a staging authority that is not there": Case(
        "[solvers.web]", 'staging = "stage"\n[solvers.web]', 5, "authorities.ca.staging",
        "no authority 'stage'", "known here",
    ),
    "an unknown kind of solver": Case(
        '"http-01"', '"webrot"', 6, "solvers.web.type", "'webrot'", "webroot"
    ),
    "a webroot without a path": Case(
        '"http-01"', '"webroot"', 5, "solvers.web.path", "missing", "path ="
    ),
    "a webroot that is not there": Case(
        '"http-01"', '"webroot"\npath = "/no/such"', 7, "solvers.web.path", "no folder", "create"
    ),
    "a listener with a path": Case(
        '"http-01"', '"http-01"\npath = "/srv"', 7, "solvers.web.path", "unknown", "listen"
    ),
    "a listener that listens nowhere": Case(
        '"http-01"', '"http-01"\nlisten = []', 7, "solvers.web.listen", "nowhere", "address"
    ),
    "a listener at a name": Case(
        '"http-01"', '"http-01"\nlisten = ["web:80"]', 7, "solvers.web.listen[0]", "no IP address",
        "192.0.2.1",
    ),
    "an unknown hook": Case(
        '"nginx"', '"ngnix"', 8, "terminators.edge.hook", "no hook 'ngnix'", "'nginx'"
    ),
    "a hook by a relative path": Case(
        '"nginx"', '"hooks/mine"', 8, "terminators.edge.hook", "relative", "from / on"
    ),
    "a hook that is not there": Case(
        '"nginx"', '"/no/such"', 8, "terminators.edge.hook", "no file", "create"
    ),
    "a hook that is not executable": Case(
        '"nginx"', '"/etc/passwd"', 8, "terminators.edge.hook", "not executable", "chmod"
    ),
    "a setting with a bad name": Case(
        '"nginx"', '"nginx"\nsettings = { "pid file" = "/run" }', 9,
        'terminators.edge.settings."pid file"', "right form", "underscores",
    ),
    "no names": Case(NAMES, "names = []", 10, f"{WWW}.names", "at least 1", "at least one"),
    "names left out": Case(NAMES, "", 9, f"{WWW}.names", "missing", "DNS names"),
    "too many names": Case(
        NAMES, f"names = {[f'n{i}.example.org' for i in range(101)]}", 10, f"{WWW}.names",
        "at most 100", "several",
    ),
    "a name that is none": Case(
        "www.example.org", "www_.example.org", 10, f"{WWW}.names[0]", "neither a DNS name",
        "*.example.org",
    ),
    "a name that stands twice": Case(
        NAMES, 'names = ["a.example.org",\n "A.example.org"]', 11, f"{WWW}.names[1]", "twice",
        "remove one",
    ),
    "a wildcard with http-01": Case(
        "www.example.org", "*.example.org", 10, f"{WWW}.names", "wildcard", "one by one"
    ),
    "a dangling authority": Case(
        NAMES, f'{NAMES}\nauthority = "cb"', 11, f"{WWW}.authority", "no authority 'cb'",
        "known here: ca",
    ),
    "a dangling solver": Case(
        NAMES, f'{NAMES}\nsolver = "wep"', 11, f"{WWW}.solver", "no solver 'wep'", "'web'"
    ),
    "a dangling terminator": Case(
        '["edge"]', '["edgy"]', 11, f"{WWW}.terminators[0]", "no terminator 'edgy'", "'edge'"
    ),
    "a dangling default": Case(
        "[certificates.www]", '[defaults]\nsolver = "wep"\n[certificates.www]', 10,
        "defaults.solver", "no solver 'wep'", "'web'",
    ),
    "an endpoint's port": Case(
        NAMES, f'{NAMES}\nendpoints = ["a.example.org:99999"]', 11, f"{WWW}.endpoints[0]",
        "no port", "65535",
    ),
    "an endpoint's terminator": Case(
        NAMES, f'{NAMES}\nendpoints = [{{ host = "a.example.org", terminator = "x" }}]', 11,
        f"{WWW}.endpoints[0].terminator", "no terminator of this", "edge",
    ),
    "an endpoint's address": Case(
        NAMES, f'{NAMES}\nendpoints = [{{ host = "a.example.org", addresses = ["b"] }}]', 11,
        f"{WWW}.endpoints[0].addresses[0]", "no IP address", "192.0.2.1",
    ),
    "an endpoint that is a wildcard": Case(
        NAMES, f'{NAMES}\nendpoints = ["*.example.org"]', 11, f"{WWW}.endpoints[0]",
        "cannot be looked at", "one host",
    ),
    "an unknown key type": Case(
        NAMES, f'{NAMES}\nkey_type = "rsa-1024"', 11, f"{WWW}.key_type", "'rsa-1024'", "rsa-2048"
    ),
    "a copy that opens its key": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "/x", kind = "combined", mode = "0644" }}]', 11,
        f"{WWW}.copies[0].mode", "opens a private key", "0640",
    ),
    "a copy of the key alone": Case(
        NAMES, f'{NAMES}\ncopies = [{{ path = "/x", kind = "combined", key = "/y" }}]', 11,
        f"{WWW}.copies[0].key", "paths of their own", "combined",
    ),
    "a group that is not there": Case(
        NAMES, f'{NAMES}\ngroup = "nobody-has-this"', 11, f"{WWW}.group", "does not exist", "create"
    ),
    "a threshold that is none": Case(
        NAMES, f'{NAMES}\nrenew_before = "150%"', 11, f"{WWW}.renew_before", "no share", "99%"
    ),
    "a name for a certificate that is none": Case(
        "[certificates.www]", '[certificates."../www"]', 9, 'certificates."../www"',
        "cannot be a name", "letters",
    ),
    "a section that is no table": Case(
        "[settings]", "defaults = 3\n[settings]", 1, "defaults", "no table", "[defaults]"
    ),
    "an included file that is not there": Case(
        "[settings]", 'include = ["more.toml"]\n[settings]', 1, "include[0]", "no file", "conf.d"
    ),
    "a certificate that stands twice": Case(
        "[certificates.www]", '[certificates.www]\nnames = ["a.b"]\n[certificates.www]', 11, "",
        "not TOML", "syntax",
    ),
    "a syntax error": Case("[settings]", "[settings", 1, "", "not TOML", "syntax"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_fault_names_line_key_what_is_wrong_and_what_would_be_right(
    case: Case, faults: Faults
) -> None:
    assert case.old in RIGHT
    found = faults(RIGHT.replace(case.old, case.new, 1))
    assert len(found) >= 1, "nothing was found"
    assert case.key in [fault.key for fault in found]
    one = next(fault for fault in found if fault.key == case.key)
    assert one.line == case.line, str(one)
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
