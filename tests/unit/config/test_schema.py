"""The JSON Schemas take what is right and refuse what is of a wrong form, as everleaf does."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from everleaf.cli import cli
from everleaf.config.starting import TEXT
from support.wrong import CASES, RIGHT

ROOT = Path(__file__).resolve().parents[3]
# What a form can tell; the rest is told by what stands on the machine, or elsewhere in the file.
OF_A_WRONG_FORM = (
    "an unknown section",
    "an unknown key",
    "a wrong type",
    "a number out of range",
    "a number that is too large",
    "a bad duration",
    "a duration in another unit",
    "an unknown kind of solver",
    "a webroot without a path",
    "a listener with a path",
    "a setting with a bad name",
    "no names",
    "names left out",
    "too many names",
    "an unknown key type",
    "a copy of the key alone",
    "a name for a certificate that is none",
    "a section that is no table",
    "a setting of a hook that is no setting",
    "a list that is wrong in one place",
    "an unknown limit",
    "a limit in other words",
)
FULL = """
include = ["conf.d/*.toml"]
[settings]
resolver = ["192.0.2.53"]
wake_interval = "4h"
[alert]
command = ["/bin/tell"]
days = [14, 7]
[authorities.ca]
directory = "https://ca.example.org/dir"
limits = { orders = "300 in 3h" }
external_account = { kid = "k", hmac_key = { env = "HMAC" } }
[solvers.dns]
type = "rfc2136"
key = { file = "/etc/key" }
[solvers.own]
type = "exec"
hook = "/bin/solve"
settings = { one = 1, two = "2", three = true }
[terminators.edge]
hook = "haproxy"
settings = { pid_file = "/run/x.pid", wait = 3 }
[vantages.far]
url = "ssh://me@far.example.org"
identity = "/etc/key"
[vantages.out]
url = "socks5://me@proxy.example.org:1080"
password = { credential = "proxy" }
[defaults]
solver = ["dns", "own"]
[certificates."a.b-c_d"]
csr = "a.csr"
authority = "ca"
endpoints = [
  "a.example.org:8443",
  { host = "::1", optional = true },
  { host = "a.example.org", port = 25, starttls = "smtp", proxy_protocol = 2, via = "far" },
  { host = "a.example.org", http3 = true, client = "a.b-c_d", resolver = ["9.9.9.9"] },
  { host = "a.example.org", client_certificate = "c.pem", client_key = "k.pem" },
  { host = "a.example.org", addresses_command = ["/bin/list", "edges"] },
]
copies = [{ path = "/srv/a.pem", kind = "combined", mode = "0640" }]
"""


def schema(*options: str) -> Any:
    done = CliRunner().invoke(cli, ["config", "schema", *options], standalone_mode=False)
    return json.loads(done.output)


def is_right(text: str, *options: str) -> bool:
    return Draft202012Validator(schema(*options)).is_valid(tomllib.loads(text))


def test_they_are_json_schemas_that_describe_every_key() -> None:
    for options in ((), ("--included",)):
        found = schema(*options)
        Draft202012Validator.check_schema(found)
        silent = [
            f"{name}.{key}"
            for name, table in found["$defs"].items()
            for key, value in table.get("properties", {}).items()
            if "description" not in value
        ]
        assert silent == []


@pytest.mark.parametrize(
    "text",
    [RIGHT, TEXT, FULL, ROOT.joinpath("examples", "stage", "everleaf.toml").read_text("utf-8")],
    ids=["the tests' own", "the starting file", "with everything", "the stage"],
)
def test_a_right_document_is_right(text: str) -> None:
    assert is_right(text)


@pytest.mark.parametrize("name", OF_A_WRONG_FORM)
def test_a_document_of_a_wrong_form_is_refused(name: str) -> None:
    assert not is_right(CASES[name].text)


def test_a_secret_stands_in_exactly_one_place() -> None:
    assert not is_right(FULL.replace('{ env = "HMAC" }', "{ }"))
    assert not is_right(FULL.replace('{ env = "HMAC" }', '{ env = "HMAC", file = "/x" }'))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"smtp"', '"gopher"'),
        ("proxy_protocol = 2", "proxy_protocol = 3"),
        ("http3 = true", 'http3 = "yes"'),
        ('["/bin/list", "edges"]', '"/bin/list"'),
        ('url = "ssh://me@far.example.org"', ""),
    ],
)
def test_an_endpoint_of_a_wrong_form_is_refused(right: str, wrong: str) -> None:
    assert right in FULL
    assert not is_right(FULL.replace(right, wrong))


def test_an_included_file_holds_certificates_and_nothing_else() -> None:
    certificates = "[certificates" + RIGHT.partition("[certificates")[2]
    assert is_right(certificates, "--included")
    assert not is_right(RIGHT, "--included")
    assert not is_right(re.sub(r"names = .*", "", certificates), "--included")
