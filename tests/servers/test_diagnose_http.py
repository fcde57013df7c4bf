"""What is said in HTTP, by a real nginx: HSTS in every state, redirects, client certificates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.core.approach import Pair
from everleaf.core.diagnosis import Finding, Question, Store
from everleaf.core.preloading import Judged, Met
from everleaf.tls import http
from everleaf.tls.diagnosing import Doctor
from everleaf.tls.resolver import DnsResolver
from support import lines
from support.certs import Authority, Live
from support.daemons import Apache
from support.loopback import PATIENCE, Address, free
from support.servers import Nginx

GOOD = Judged(Met.YES, "it is trusted")
FULL = "max-age=31536000; includeSubDomains; preload"
HEADER = 'add_header Strict-Transport-Security "{}" always;'
TO_HTTPS = "return 301 https://$host$request_uri;"
FURTHER = "location = / {{ {} return 302 https://$http_host/home; }}"

# What stands in the server's part with TLS.
SECURE = {
    "absent.test": "",
    "full.test": HEADER.format(FULL),
    "minutes.test": HEADER.format("max-age=300"),
    "week.test": HEADER.format("max-age=604800; includeSubDomains"),
    "month.test": HEADER.format("max-age=2592000"),
    "year.test": HEADER.format("max-age=31536000"),
    "subdomains.test": HEADER.format("max-age=63072000; includeSubDomains"),
    "off.test": HEADER.format("max-age=0"),
    "malformed.test": HEADER.format("max-age=31536000, includeSubDomains"),
    "no-age.test": HEADER.format("includeSubDomains; preload"),
    "unknown.test": HEADER.format("max-age=31536000; includeSubDomains; preload; report=1"),
    "doubled.test": HEADER.format("max-age=300") + HEADER.format(FULL),
    "doubled-bad.test": HEADER.format("max-age") + HEADER.format(FULL),
    "errors.test": f'add_header Strict-Transport-Security "{FULL}"; return 404;',
    "plain-header.test": HEADER.format(FULL),
    "open.test": HEADER.format(FULL),
    "www-first.test": HEADER.format(FULL),
    "detour.test": HEADER.format(FULL),
    "further.test": HEADER.format(FULL) + FURTHER.format(""),
    "further-bare.test": HEADER.format(FULL) + FURTHER.format("add_header X-Other 1;"),
    "away.test": HEADER.format(FULL) + "location = / { return 301 https://elsewhere.test/; }",
    "round.test": HEADER.format(FULL) + "location / { return 301 https://$http_host/; }",
}
# What stands in its part without.
OPEN = {
    "plain-header.test": HEADER.format(FULL) + TO_HTTPS,
    "open.test": "",
    "www-first.test": "return 301 https://www.www-first.test/;",
    "detour.test": "location = / { return 301 /x; } location / { " + TO_HTTPS + " }",
}


@dataclass(frozen=True, slots=True)
class Web:
    """A running nginx with a site for each state."""

    tls: Address
    plain: Address

    def look(self, host: str, **more: Any) -> tuple[dict[str, Finding], dict[str, Any]]:
        """The findings by code, and the facts."""
        given = {"plain": lines.plain(self.plain), "plain_port": self.plain[1], **more}
        found, facts = http.findings(
            host,
            self.tls[1],
            lines.secure(self.tls, host),
            now=datetime.now(UTC),
            timeout=PATIENCE,
            trusted=GOOD,
            **given,
        )
        assert len({one.code for one in found}) == len(found)
        return {one.code: one for one in found}, dict(facts)

    def demands(self, host: str, **more: Any) -> dict[str, Any]:
        """For each demand of preloading, whether it is met."""
        _, facts = self.look(host, **more)
        return {one["demand"]: one["met"] for one in facts["preload"]}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    live = Live(folder / "live")
    live.switch(Authority().issue(*SECURE))
    one = Web(free(), free())
    nginx = Nginx(folder / "nginx", [one.tls], {}, http=[one.plain], webroot=folder)
    pair = (
        f"ssl_certificate {live.path}/fullchain.pem; ssl_certificate_key {live.path}/privkey.pem;"
    )
    nginx.extra = "".join(
        f"server {{ listen {one.tls[0]}:{one.tls[1]} ssl; server_name {name}; {pair} {body}"
        f" location /home {{ return 200 home; }} {'' if 'location /' in body else OK} }}\n"
        f"server {{ listen {one.plain[0]}:{one.plain[1]}; server_name {name};"
        f" {OPEN.get(name, TO_HTTPS)} }}\n"
        for name, body in SECURE.items()
    )
    with nginx:
        yield one


OK = "location / { return 200 fine; }"


def test_a_host_that_does_all_has_nothing_but_what_cannot_be_seen(web: Web) -> None:
    found, facts = web.look("full.test", www=lambda: Judged(Met.YES, "it answers"))
    assert set(found) == {"hsts-step", "hsts-preload"}
    assert found["hsts-step"].detail == {"step": "preload", "next": None}
    assert "not met" not in found["hsts-preload"].what
    assert facts["hsts"]["step"] == "preload"
    assert facts["hsts"]["next"] is None
    assert facts["hsts"]["age"] == "1 year"
    assert [one["demand"] for one in facts["preload"] if one["met"] != "yes"] == ["all-subdomains"]
    assert facts["http"] == {"status": 200, "reason": "OK"}
    assert abs(facts["skew"]) <= 60


@pytest.mark.symptom("hsts-absent")
def test_no_header_is_a_notice(web: Web) -> None:
    found, facts = web.look("absent.test")
    assert set(found) == {"hsts-absent"}
    assert not found["hsts-absent"].is_fault
    assert facts["hsts"]["next"] == "max-age=300"


def test_a_header_that_errors_lack_is_absent_and_the_error_is_told(web: Web) -> None:
    found, _ = web.look("errors.test")
    assert "HTTP 404" in found["hsts-absent"].what


@pytest.mark.symptom("hsts-step")
@pytest.mark.parametrize(
    ("host", "where", "age", "after"),
    [
        ("minutes.test", "minutes", "5 minutes", "max-age=604800"),
        ("week.test", "days", "7 days", "max-age=2592000; includeSubDomains"),
        ("month.test", "month", "30 days", "max-age=31536000"),
        ("year.test", "year", "1 year", "max-age=31536000; includeSubDomains"),
        (
            "subdomains.test",
            "subdomains",
            "2 years",
            "max-age=63072000; includeSubDomains; preload",
        ),
    ],
)
def test_each_step_of_the_roll_out_is_told_with_the_next(
    web: Web, host: str, where: str, age: str, after: str
) -> None:
    found, facts = web.look(host)
    assert set(found) == {"hsts-step", "hsts-preload"}
    assert found["hsts-step"].detail == {"step": where, "next": after}
    assert age in found["hsts-step"].what
    assert after in found["hsts-step"].what
    assert facts["hsts"]["age"] == age
    assert not any(one.is_fault for one in found.values())


@pytest.mark.symptom("hsts-off")
def test_an_age_of_zero_is_told(web: Web) -> None:
    found, facts = web.look("off.test")
    assert set(found) == {"hsts-off"}
    assert facts["hsts"]["step"] == "none"


@pytest.mark.symptom("hsts-malformed")
@pytest.mark.parametrize(
    ("host", "words"), [("malformed.test", "a comma"), ("no-age.test", "no max-age")]
)
def test_a_malformed_header_is_a_fault_with_its_reason(web: Web, host: str, words: str) -> None:
    found, facts = web.look(host)
    assert set(found) == {"hsts-malformed"}
    assert found["hsts-malformed"].is_fault
    assert words in found["hsts-malformed"].what
    assert facts["hsts"]["malformed"]


def test_a_directive_that_nobody_knows_changes_nothing(web: Web) -> None:
    found, facts = web.look("unknown.test")
    assert set(found) == {"hsts-step", "hsts-preload"}
    assert facts["hsts"]["step"] == "preload"


@pytest.mark.symptom("hsts-doubled")
def test_of_two_headers_the_first_counts(web: Web) -> None:
    found, facts = web.look("doubled.test")
    assert set(found) == {"hsts-doubled", "hsts-step", "hsts-preload"}
    assert facts["hsts"]["step"] == "minutes"
    assert len(facts["hsts"]["headers"]) == 2


def test_a_good_header_behind_a_malformed_one_does_not_help(web: Web) -> None:
    found, facts = web.look("doubled-bad.test")
    assert set(found) == {"hsts-doubled", "hsts-malformed"}
    assert facts["hsts"]["max_age"] is None


@pytest.mark.symptom("hsts-on-plain-http")
def test_the_header_over_plain_http_is_told(web: Web) -> None:
    found, _ = web.look("plain-header.test")
    assert set(found) == {"hsts-on-plain-http", "hsts-step", "hsts-preload"}
    assert not found["hsts-on-plain-http"].is_fault


# -- what preloading demands ---------------------------------------------------------------------


@pytest.mark.symptom("hsts-preload")
def test_every_demand_is_listed_with_its_reason(web: Web) -> None:
    found, facts = web.look("year.test")
    assert found["hsts-preload"].detail["demands"] == facts["preload"]
    assert {one["demand"]: one["met"] for one in facts["preload"]} == {
        "certificate": "yes",
        "redirect": "yes",
        "www": "unknown",
        "all-subdomains": "unknown",
        "base-domain": "yes",
        "max-age": "yes",
        "include-subdomains": "no",
        "preload": "no",
        "further-redirects": "yes",
    }
    assert all(one["why"] for one in facts["preload"])
    assert all(one["what"] in found["hsts-preload"].what for one in facts["preload"])


@pytest.mark.parametrize(
    ("host", "met"),
    [
        ("full.test", "yes"),
        ("detour.test", "yes"),
        ("open.test", "no"),
        ("www-first.test", "no"),
    ],
)
def test_plain_http_has_to_lead_to_the_same_host_first(web: Web, host: str, met: str) -> None:
    assert web.demands(host)["redirect"] == met


def test_where_nothing_listens_no_redirect_is_needed(web: Web) -> None:
    assert web.demands("full.test", plain=lines.plain(free()))["redirect"] == "yes"


def test_plain_http_that_nobody_looked_at_is_unknown(web: Web) -> None:
    assert web.demands("full.test", plain=None)["redirect"] == "unknown"


@pytest.mark.parametrize(
    ("host", "met"),
    [("further.test", "yes"), ("further-bare.test", "no"), ("away.test", "yes")],
)
def test_a_further_redirect_has_to_carry_the_header(web: Web, host: str, met: str) -> None:
    assert web.demands(host)["further-redirects"] == met


def test_another_host_is_never_asked(web: Web) -> None:
    _, facts = web.look("away.test")
    assert [one["to"] for one in facts["redirects"]] == ["https://elsewhere.test/"]


def test_redirects_that_go_round_end(web: Web) -> None:
    _, facts = web.look("round.test")
    assert len(facts["redirects"]) == 1


def test_an_address_has_no_hsts(web: Web) -> None:
    found, facts = http.findings(
        web.tls[0],
        web.tls[1],
        lines.secure(web.tls, "minutes.test"),
        now=datetime.now(UTC),
        timeout=PATIENCE,
    )
    assert found == ()
    assert "hsts" not in facts


# -- the server's clock --------------------------------------------------------------------------


def test_the_servers_clock_is_read(web: Web) -> None:
    found = http.clock(
        "full.test", web.tls[1], lines.secure(web.tls, "full.test"), timeout=PATIENCE
    )
    assert found is not None
    assert abs(datetime.now(UTC) - found) < timedelta(minutes=1)


def test_a_clock_of_ours_that_is_wrong_is_seen_as_skew(web: Web) -> None:
    _, facts = http.findings(
        "full.test",
        web.tls[1],
        lines.secure(web.tls, "full.test"),
        now=datetime.now(UTC) - timedelta(days=400),
        timeout=PATIENCE,
    )
    assert abs(facts["skew"] - 400 * 86400) <= 60  # type: ignore[operator]


# -- client certificates -------------------------------------------------------------------------

CLIENTS, STRANGERS = Authority("Clients"), Authority("Strangers")
ASKING = {
    "optional.test": "ssl_verify_client optional;",
    "on.test": "ssl_verify_client on;",
    "judging.test": "ssl_verify_client optional_no_ca; "
    "if ($ssl_client_verify != SUCCESS) { return 403; }",
}


@dataclass(frozen=True, slots=True)
class Doorman:
    """A running nginx that asks for client certificates, and clients."""

    address: Address
    good: Pair
    strange: Pair
    root: bytes

    def look(self, host: str, client: Pair | None) -> list[Finding]:
        seen = lines.shaken(self.address, host, client)
        assert seen.asked, "it asks for a client certificate"
        found, _ = http.findings(
            host,
            self.address[1],
            lines.secure(self.address, host, client),
            now=datetime.now(UTC),
            timeout=PATIENCE,
            asked=seen.asked,
            presented=client is not None,
        )
        return list(found)


def client(folder: Path, authority: Authority) -> Pair:
    live = Live(folder)
    live.switch(authority.issue("client.test", client=True))
    return Pair(certificate=live.path / "fullchain.pem", key=live.path / "privkey.pem")


@pytest.fixture(scope="module")
def doorman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorman]:
    folder = tmp_path_factory.mktemp("doorman")
    live, address = Live(folder / "live"), free()
    authority = Authority()
    live.switch(authority.issue(*ASKING))
    roots = folder / "clients.pem"
    roots.write_bytes(CLIENTS.root_pem())
    nginx = Nginx(folder / "nginx", [address], {})
    pair = (
        f"ssl_certificate {live.path}/fullchain.pem; ssl_certificate_key {live.path}/privkey.pem;"
    )
    nginx.extra = "".join(
        f"server {{ listen {address[0]}:{address[1]} ssl; server_name {name}; {pair}"
        f" ssl_client_certificate {roots}; ssl_verify_depth 2; {body} {OK} }}\n"
        for name, body in ASKING.items()
    )
    with nginx:
        yield Doorman(
            address,
            client(folder / "good", CLIENTS),
            client(folder / "strange", STRANGERS),
            authority.root.public_bytes(Encoding.DER),
        )


@pytest.mark.symptom("client-certificate-refused-in-http")
@pytest.mark.parametrize(("host", "status"), [("on.test", 400), ("judging.test", 403)])
def test_a_refusal_of_a_client_without_a_certificate_is_told(
    doorman: Doorman, host: str, status: int
) -> None:
    (one,) = doorman.look(host, None)
    assert one.code == "client-certificate-refused-in-http"
    assert one.is_fault
    assert one.detail["status"] == status
    assert not one.detail["presented"]


@pytest.mark.parametrize(
    ("host", "status"), [("on.test", 400), ("optional.test", 400), ("judging.test", 403)]
)
def test_a_refusal_of_a_stranger_is_told(doorman: Doorman, host: str, status: int) -> None:
    (one,) = doorman.look(host, doorman.strange)
    assert one.code == "client-certificate-refused-in-http"
    assert one.detail == {"status": status, "reason": one.detail["reason"], "presented": True}


@pytest.mark.parametrize("host", ASKING)
def test_a_client_that_is_known_is_let_in(doorman: Doorman, host: str) -> None:
    assert {one.code for one in doorman.look(host, doorman.good)} == {"hsts-absent"}


def test_where_a_certificate_is_optional_nobody_needs_one(doorman: Doorman) -> None:
    assert {one.code for one in doorman.look("optional.test", None)} == {"hsts-absent"}


def faults(host: str, address: Address, client: Pair | None, root: bytes) -> list[str]:
    """The faults of the whole look."""
    question = Question(
        host=host,
        port=address[1],
        addresses=(address[0],),
        client=client,
        stores=(Store(name="test", roots=(root,)),),
        timeout=PATIENCE,
    )
    return [one.code for one in Doctor(DnsResolver()).look(question).faults]


@pytest.mark.parametrize("host", ["on.test", "judging.test"])
def test_the_whole_look_tells_of_the_refusal(doorman: Doorman, host: str) -> None:
    found = faults(host, doorman.address, None, doorman.root)
    assert found == ["client-certificate-refused-in-http"]


@pytest.mark.parametrize("host", ASKING)
def test_the_whole_look_finds_nothing_where_the_client_is_known(
    doorman: Doorman, host: str
) -> None:
    assert faults(host, doorman.address, doorman.good, doorman.root) == []


def test_apache_that_wants_a_certificate_for_a_page_refuses_with_403(tmp_path: Path) -> None:
    authority, address, live = Authority(), free(), Live(tmp_path / "live")
    live.switch(authority.issue("www.test"))
    roots = tmp_path / "clients.pem"
    roots.write_bytes(CLIENTS.root_pem())
    apache = Apache(tmp_path / "apache", address, live)
    apache.extra = (
        f"SSLVerifyClient optional\nSSLVerifyDepth 3\nSSLCACertificateFile {roots}\n"
        "<Location />\nRequire ssl-verify-client\n</Location>"
    )
    with apache:
        root = authority.root.public_bytes(Encoding.DER)
        assert faults("www.test", address, None, root) == ["client-certificate-refused-in-http"]
