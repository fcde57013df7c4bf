"""What is said in HTTP after the handshake: HSTS, redirects, refusals."""

from everleaf.core.symptoms import Symptom, Weight

HSTS_MALFORMED = Symptom(
    code="hsts-malformed",
    rank=95,
    meaning="The Strict-Transport-Security header does not follow the grammar of RFC 6797, section "
    "6.1, so that browsers ignore it as a whole: whoever believes to have HSTS has none.",
    check="Write the header as `max-age=SECONDS`, then `; includeSubDomains` where it is meant, "
    "each directive once",
)

HSTS_DOUBLED = Symptom(
    code="hsts-doubled",
    rank=96,
    meaning="The Strict-Transport-Security header is sent more than once; browsers take the first "
    "and ignore the others (RFC 6797, section 8.1).",
    check="Let one place set it: either the server in front or the application behind",
    weight=Weight.NOTICE,
)

HSTS_OFF = Symptom(
    code="hsts-off",
    rank=96,
    meaning="The Strict-Transport-Security header has a max-age of 0: browsers forget what they "
    "knew of the host, and go to it over plain HTTP again (RFC 6797, section 6.1.1).",
    check="Leave it if HSTS is being withdrawn; else begin the roll-out with max-age=300",
    weight=Weight.NOTICE,
)

HSTS_ON_PLAIN_HTTP = Symptom(
    code="hsts-on-plain-http",
    rank=97,
    meaning="The Strict-Transport-Security header is sent over plain HTTP, where it must not be "
    "(RFC 6797, section 7.2) and has no effect.",
    check="Move the header to the TLS server's own part of the configuration",
    weight=Weight.NOTICE,
)

HSTS_ABSENT = Symptom(
    code="hsts-absent",
    rank=98,
    meaning="The server sends no Strict-Transport-Security header (RFC 6797): a browser's first "
    "request by plain HTTP can be kept from TLS by whoever stands between.",
    check="Begin the roll-out with max-age=300; in nginx, add_header needs `always` to be there in "
    "errors too",
    weight=Weight.NOTICE,
)

HSTS_STEP = Symptom(
    code="hsts-step",
    rank=98,
    meaning="HSTS is in force, at one of the steps of its roll-out: minutes, days, a month, a year,"
    " with the subdomains, consenting to preloading; each is held until nothing has broken. No host"
    " has to go to the last one.",
    check="Take the next step, where there is one, when nobody was locked out for as long as the "
    "present one lasts; the last two only where every name below speaks HTTPS",
    weight=Weight.NOTICE,
)

HSTS_PRELOAD = Symptom(
    code="hsts-preload",
    rank=99,
    meaning="What the list of preloaded hosts (hstspreload.org) demands is not all met, or not all "
    "known; `detail` has each demand with yes, no or unknown and why. It is a choice: a host that "
    "is not preloaded is healthy.",
    check="Meet each demand before the host is submitted, since leaving the list takes months",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    HSTS_MALFORMED,
    HSTS_DOUBLED,
    HSTS_OFF,
    HSTS_ON_PLAIN_HTTP,
    HSTS_ABSENT,
    HSTS_STEP,
    HSTS_PRELOAD,
)
