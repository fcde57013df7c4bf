"""Certificates that the server demands of its clients."""

from everleaf.core.symptoms import Symptom, Weight

CLIENT_REQUIRED = Symptom(
    code="client-certificate-required",
    rank=50,
    meaning="The server demands a certificate of its clients, and none was presented.",
    check="Look with --client-cert and --client-key, a pair from one of the authorities that the "
    "server accepts",
)
CLIENT_EXPIRED = Symptom(
    code="client-certificate-expired",
    rank=51,
    meaning="The server refuses the client's certificate, which is over or not valid yet.",
    check="Renew the client's certificate, and check that the client reads the new file",
)
CLIENT_UNTRUSTED = Symptom(
    code="client-certificate-untrusted",
    rank=52,
    meaning="The server refuses the client's certificate because it does not trust its issuer.",
    check="Check that the issuer is in the server's bundle for clients (nginx: "
    "`ssl_client_certificate`; haproxy: `ca-file`), and that the client sends its intermediates",
)
CLIENT_WRONG_USAGE = Symptom(
    code="client-certificate-wrong-usage",
    rank=53,
    meaning="The client's certificate is not for clients: its extended key usage has no client "
    "authentication (RFC 5280, section 4.2.1.12).",
    check="Have a certificate issued that is for TLS clients; public authorities issue no such "
    "any more",
)
CLIENT_REVOKED = Symptom(
    code="client-certificate-revoked",
    rank=54,
    meaning="The server takes the client's certificate for revoked.",
    check="Check the revocation list that the server reads for clients, and its age",
)
CLIENT_REFUSED = Symptom(
    code="client-certificate-refused",
    rank=55,
    meaning="The server refuses the client's certificate, and does not say why.",
    check="Check the server's error log at the time of this look",
)
CLIENT_UNREADABLE = Symptom(
    code="client-certificate-unreadable",
    rank=50,
    meaning="The client's certificate or key that is to be presented cannot be read, or the two "
    "do not belong together.",
    check="Check both files: PEM, readable, and of one pair",
)
CLIENT_NOT_ASKED = Symptom(
    code="client-certificate-not-asked",
    rank=96,
    meaning="A client's certificate was at hand, and the server does not ask for one.",
    check="Check that this listener is the one that is to demand certificates of its clients",
    weight=Weight.NOTICE,
)

CLIENT_REFUSED_IN_HTTP = Symptom(
    code="client-certificate-refused-in-http",
    rank=56,
    meaning="The handshake asked for a client certificate and succeeded all the same, and then the "
    "request was refused with 400, 403, 495 or 496 (with 401 too, where one was presented): nginx "
    "and Apache refuse a missing or untrusted certificate so, where it is optional for TLS.",
    check="Look with --client-cert and --client-key; with them already, check that the issuer is "
    "in the server's bundle (nginx: `ssl_client_certificate`) and what the error log says",
)

ROWS: tuple[Symptom, ...] = (
    CLIENT_REQUIRED,
    CLIENT_UNREADABLE,
    CLIENT_EXPIRED,
    CLIENT_UNTRUSTED,
    CLIENT_WRONG_USAGE,
    CLIENT_REVOKED,
    CLIENT_REFUSED,
    CLIENT_REFUSED_IN_HTTP,
    CLIENT_NOT_ASKED,
)
