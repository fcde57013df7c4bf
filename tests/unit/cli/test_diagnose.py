"""`everleaf diagnose`: what its command line takes, and what is said to people and to programs."""

import sys
from pathlib import Path

import click
import pytest

from everleaf.cli import diagnosed
from everleaf.cli.diagnose_options import expected_of, place_of, via_of
from everleaf.config.loading import load
from everleaf.core.approach import StartTls, Via, Way
from everleaf.core.diagnosis import Diagnosis, Finding
from everleaf.core.symptoms.chain import EXPIRED, ROOT_SENT
from everleaf.errors import EverleafError
from support.certs import Authority
from support.loopback import free, written
from support.settled import VERSION, settle
from support.shell import Everleaf
from support.terminal import watched


@pytest.mark.parametrize(
    ("text", "starttls", "place"),
    [
        ("www.example.org", None, ("www.example.org", 443)),
        ("www.example.org:8443", None, ("www.example.org", 8443)),
        ("WWW.Example.org.", None, ("www.example.org", 443)),
        ("https://www.example.org/", None, ("www.example.org", 443)),
        ("https://www.example.org:8443", None, ("www.example.org", 8443)),
        ("https://www.example.org/a/page?of=it", None, ("www.example.org", 443)),
        ("bücher.example", None, ("xn--bcher-kva.example", 443)),
        ("localhost:8443", None, ("localhost", 8443)),
        ("my_host.internal", None, ("my_host.internal", 443)),
        ("192.0.2.1", None, ("192.0.2.1", 443)),
        ("192.0.2.1:8443", None, ("192.0.2.1", 8443)),
        ("2001:db8::1", None, ("2001:db8::1", 443)),
        ("[2001:db8::1]", None, ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", None, ("2001:db8::1", 8443)),
        ("mail.example.org", StartTls.SMTP, ("mail.example.org", 25)),
        ("mail.example.org", StartTls.IMAP, ("mail.example.org", 143)),
        ("mail.example.org:587", StartTls.SMTP, ("mail.example.org", 587)),
        ("db.example.org", StartTls.POSTGRES, ("db.example.org", 5432)),
    ],
)
def test_a_place_as_people_write_it(
    text: str, starttls: StartTls | None, place: tuple[str, int]
) -> None:
    assert place_of(text, starttls) == place


NO_PLACES = (
    "", "a b", "host:", "host:0", "host:65536", "host:x", "http://h", "https://", "https:///x",
    "h/path", "*.x.org", "-x.org", "1.2.3", "[::1", "x..y",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        place_of(text, None)


@pytest.mark.parametrize(
    ("url", "via"),
    [
        ("socks5://h", Via(way=Way.SOCKS5, host="h", port=1080)),
        ("socks5://u:p%40w@h:9", Via(way=Way.SOCKS5, host="h", port=9, user="u", password="p@w")),
        ("http://proxy.example.org", Via(way=Way.HTTP, host="proxy.example.org", port=3128)),
        ("ssh://me@there", Via(way=Way.SSH, host="there", port=22, user="me")),
        ("ssh://[::1]:2222/", Via(way=Way.SSH, host="::1", port=2222)),
    ],
)
def test_a_vantage_as_a_url(url: str, via: Via) -> None:
    assert via_of(url) == via


@pytest.mark.parametrize("url", ["", "h", "ftp://h", "socks5://", "ssh://u:geheim@h", "http://h:x"])
def test_what_is_no_vantage_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        via_of(url)
    assert "geheim" not in refused.value.format_message()


WRONG_LINES = [
    ((), "Name a HOST"),
    (("a b",), "neither a DNS name nor an IP address"),
    (("h", "--address", "nowhere"), "is no IP address"),
    (("h", "--starttls", "gopher"), "'gopher' is not one of"),
    (("h", "--proxy-protocol", "3"), "is not one of"),
    (("h", "--ca-file", "/nosuch"), "does not exist"),
    (("h", "--client-cert", __file__), "--client-cert and --client-key go together"),
    (("h", "--key", __file__), "--key and --root belong to --chain"),
    (("h", "--timeout", "0s"), "too short; make it at least"),
    (("h", "--expect", "x y"), "no file, no certificate of the configuration, and no name"),
    (("h", "--expect", __file__), "holds no certificate that can be read, as PEM"),
    (("h", "--ca-file", __file__), "no certificate is in it"),
    (("h", "--via", "gopher://h"), "it is not socks5://, http:// or ssh://"),
    (("--local", "--address", "192.0.2.1"), "--local does not go with --address"),
    (("--chain", __file__, "--starttls", "smtp"), "--chain does not go with --starttls"),
]


@pytest.mark.parametrize(("line", "words"), WRONG_LINES, ids=lambda one: " ".join(one)[:40])
def test_a_wrong_command_line_ends_with_2(
    line: tuple[str, ...], words: str, everleaf: Everleaf
) -> None:
    said = everleaf("diagnose", *line)
    assert said.status == 2
    assert words in said.err
    assert said.out == ""


# -- what is expected ------------------------------------------------------------------------------


def test_a_file_is_expected_with_the_time_when_it_came(tmp_path: Path) -> None:
    pair = Authority().issue("www.example.org")
    path = tmp_path / "fullchain.pem"
    path.write_bytes(pair.files()["fullchain.pem"])
    found = expected_of(str(path), lambda: load(tmp_path / "nosuch.toml"))
    assert list(found.chain) == pair.chain
    assert found.source == str(path)
    assert found.installed_at is not None
    assert abs(found.installed_at.timestamp() - path.stat().st_mtime) < 0.001


def test_a_certificate_of_the_configuration_is_expected_in_its_live_version(config: Path) -> None:
    settings = settle(config)
    pair = Authority().issue("a.example.org")
    live = settings.state_dir / "certificates" / "a" / "live"
    for name, content in pair.files().items():
        (live / name).write_bytes(content)
    found = expected_of("a", lambda: load(config))
    assert list(found.chain) == pair.chain
    assert found.source.startswith(f"version {VERSION} in ")


def test_a_certificate_without_a_live_version_is_refused(config: Path) -> None:
    with pytest.raises(click.BadParameter, match="no version of 'a' is live"):
        expected_of("a", lambda: load(config))


def test_a_name_needs_no_configuration(tmp_path: Path) -> None:
    found = expected_of("www.Example.org", lambda: load(tmp_path / "nosuch.toml"))
    assert found.name == "www.example.org"
    assert not found.chain


def test_where_it_can_only_be_a_certificate_s_name_the_configuration_must_be_right(
    tmp_path: Path,
) -> None:
    with pytest.raises(EverleafError):
        expected_of("a", lambda: load(tmp_path / "nosuch.toml"))


# -- what is said ----------------------------------------------------------------------------------


def leaf(*names: str) -> dict[str, object]:
    return {"names": list(names), "issuer": "CN=R", "not_after": "2026-12-01T00:00:00Z"}


def seen(*names: str) -> dict[str, object]:
    return {"version": "TLSv1.3", "cipher": "C", "chain": [leaf(*names)]}


def test_people_read_the_sentence_first_then_the_rest_then_the_addresses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = (
        Finding(symptom=EXPIRED, what="it is over", where=("192.0.2.1", "192.0.2.2")),
        Finding(symptom=ROOT_SENT, what="it sends a root", where=("192.0.2.2",)),
    )
    facts: dict[str, object] = {
        "192.0.2.1": seen("a", "b", "c", "d", "e"),
        "192.0.2.2": {"version": None, "chain": [], "words": "no answer in time"},
    }
    diagnosed.show(Diagnosis(place="h:443", findings=findings, facts=facts))
    assert capsys.readouterr().out.splitlines() == [
        f"h:443: it is over. {EXPIRED.check}",
        "",
        f"note: root-sent at 192.0.2.2: it sends a root. {ROOT_SENT.check}",
        "",
        "WHERE      TLS      CIPHER  CERTIFICATE              ISSUER  END",
        "192.0.2.1  TLSv1.3  C       a, b, c and 2 more       CN=R    2026-12-01T00:00:00Z",
        "192.0.2.2  -        -       none: no answer in time  -       -",
    ]


def test_what_is_known_of_no_row_has_no_column(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, object] = {"/etc/nginx/nginx.conf:14": {"chain": [leaf("a")]}}
    diagnosed.show_all([Diagnosis(place="nginx (pid 1)", facts=facts)])
    assert capsys.readouterr().out.splitlines() == [
        "nginx (pid 1) is healthy",
        "",
        "WHERE                     CERTIFICATE  ISSUER  END",
        "/etc/nginx/nginx.conf:14  a            CN=R    2026-12-01T00:00:00Z",
    ]


def test_where_nothing_runs_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosed.show_all([])
    assert capsys.readouterr().out == "no nginx, haproxy or Apache is seen to run here\n"


def test_programs_read_stable_fields(everleaf: Everleaf) -> None:
    host, port = free()
    said = everleaf("diagnose", f"www.example.org:{port}", "--address", host, "--json")
    assert said.status == 1
    document = said.document
    assert list(document) == ["version", "place", "healthy", "sentence", "findings", "facts"]
    assert document["version"] == 1
    assert document["place"] == f"www.example.org:{port}"
    assert document["healthy"] is False
    (one,) = document["findings"]
    assert one == {
        "code": "connection-refused",
        "weight": "fault",
        "what": "connection refused: nothing listens there",
        "check": "Check that the server runs, and on which address and port it listens",
        "where": [host],
        "detail": {},
    }
    assert document["facts"][host]["handshake"] is False


def test_no_configuration_is_needed(everleaf: Everleaf, config: Path) -> None:
    config.unlink()
    assert everleaf("diagnose", written(free())).status == 1


def test_localhost_is_this_machine_whatever_dns_says(everleaf: Everleaf) -> None:
    port = free("127.0.0.1")[1]
    said = everleaf("diagnose", f"localhost:{port}")
    assert said.out.startswith(f"localhost:{port}: connection refused")


def test_a_terminal_gets_lines_that_break_between_words() -> None:
    command = [sys.executable, "-m", "everleaf", "diagnose", f"www.example.org:{free()[1]}"]
    screen = watched([*command, "--address", "127.0.0.1"], columns=60)
    assert screen.status == 1
    assert screen.drawn
    sentence = [line for line in screen.lines if not line.startswith(("WHERE", "127.0.0.1"))]
    assert len(sentence) > 1
    assert all(len(line) <= 60 for line in sentence)
    assert "connection refused: nothing listens there." in " ".join(sentence)
