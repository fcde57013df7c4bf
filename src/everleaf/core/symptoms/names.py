"""The wrong certificate, or the right one for another name."""

from everleaf.core.symptoms import Symptom, Weight

WRONG_ADDRESS = Symptom(
    code="wrong-address",
    rank=10,
    meaning="DNS leads to another address than before, which fails, while what is expected is "
    "still served at the old one, as everleaf saw it when all was well.",
    check="Check the A and AAAA records of the name: is the new address the server's own? Where "
    "it is, have it deployed to",
)
UNKNOWN_NAME = Symptom(
    code="unknown-name",
    rank=30,
    meaning="The server refuses the server name (SNI) that clients send: it has no virtual host "
    "for it (alert unrecognized_name, RFC 6066, section 3).",
    check="Check that the server has a virtual host, or a certificate, for this name, and that "
    "the address is the right one",
)
WRONG_VIRTUAL_HOST = Symptom(
    code="wrong-virtual-host",
    rank=31,
    meaning="For this server name (SNI) the server sends the certificate of its default virtual "
    "host, the same as where no name is sent, and that is for other names.",
    check="Check that a virtual host of this port names the host (nginx: `server_name`; Apache: "
    "`ServerName`; haproxy: its `crt` or `crt-list`), and was loaded",
)
HOSTNAME_MISMATCH = Symptom(
    code="hostname-mismatch",
    rank=33,
    meaning="The certificate is not for the name by which the server was reached, so that every "
    "client refuses it.",
    check="Check which certificate the server is configured with for this name, and whether the "
    "name is among those it was ordered for",
)
NO_SUBJECT_ALTERNATIVE_NAME = Symptom(
    code="no-subject-alternative-name",
    rank=34,
    meaning="The certificate has no DNS name and no address as subject alternative name; "
    "today's clients do not look at the common name (RFC 9525, section 2).",
    check="Have a certificate issued that holds its names as subject alternative names",
)
RELOAD_REFUSED = Symptom(
    code="reload-refused",
    rank=35,
    meaning="An older certificate is served than the one that everleaf installed, because the "
    "server's own test of its configuration, or its reload, failed when it was to take it.",
    check="Mend what the server's own words name, and run `everleaf run`, which reloads it",
)
NOT_RELOADED = Symptom(
    code="not-reloaded",
    rank=36,
    meaning="An older certificate of the same names is served than the one in the file: it was "
    "renewed, and the server has not read it since.",
    check="Reload the server, and check its log for why the last reload did not take the file",
)
OUR_CLOCK = Symptom(
    code="our-clock",
    rank=38,
    meaning="Other clocks say that the certificate is valid now: it is rather the clock of the "
    "machine that looks that is wrong.",
    check="Check the clock of this machine (timedatectl), before anything at the server",
)
ADDRESS_DIFFERS = Symptom(
    code="address-differs",
    rank=85,
    meaning="One address of the name serves, or refuses, something else than the others: clients "
    "fail or not as DNS has it.",
    check="Check that the address belongs to the server, and that this node was deployed to and "
    "reloaded as the others were",
)
NOT_AS_INSTALLED = Symptom(
    code="not-as-installed",
    rank=86,
    meaning="Another certificate is served than the one that is expected, and it is no older one "
    "of the same names.",
    check="Check which file the server reads, and who else replaces certificates there",
)
CHAIN_NOT_AS_INSTALLED = Symptom(
    code="chain-not-as-installed",
    rank=87,
    meaning="The expected certificate is served, with other certificates behind it than expected.",
    check="Check that the server is given the whole chain (nginx: fullchain.pem, not cert.pem), "
    "and nothing else beside it",
)
CERTIFICATES_DIFFER = Symptom(
    code="certificates-differ",
    rank=96,
    meaning="The addresses of the name serve different certificates, all of which are good.",
    check="Check that this is meant: each node may have a certificate of its own",
    weight=Weight.NOTICE,
)
CLOCKS_DIFFER = Symptom(
    code="clocks-differ",
    rank=98,
    meaning="The server's clock and ours are minutes apart, which so far does no harm.",
    check="Check both clocks against a third one",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    WRONG_ADDRESS,
    UNKNOWN_NAME,
    WRONG_VIRTUAL_HOST,
    HOSTNAME_MISMATCH,
    NO_SUBJECT_ALTERNATIVE_NAME,
    RELOAD_REFUSED,
    NOT_RELOADED,
    OUR_CLOCK,
    ADDRESS_DIFFERS,
    NOT_AS_INSTALLED,
    CHAIN_NOT_AS_INSTALLED,
    CERTIFICATES_DIFFER,
    CLOCKS_DIFFER,
)
