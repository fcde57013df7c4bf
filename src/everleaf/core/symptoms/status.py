"""Revocation, and what is stapled."""

from everleaf.core.symptoms import Symptom, Weight

REVOKED_BY_CRL = Symptom(
    code="revoked-by-crl",
    rank=80,
    meaning="A certificate that is sent stands on the revocation list that it names (RFC 5280, "
    "section 5): clients that look at lists, browsers among them, refuse it.",
    check="Have a new certificate issued, for a new key where the old one is compromised, and find "
    "out who revoked this one and why",
)
REVOKED_BY_STAPLE = Symptom(
    code="revoked-by-staple",
    rank=80,
    meaning="The OCSP answer that the server staples says that its own certificate is revoked "
    "(RFC 6960, section 2.2): clients that read it refuse the connection.",
    check="Have a new certificate issued, for a new key where the old one is compromised, and find "
    "out who revoked this one and why",
)
MUST_STAPLE_MISSING = Symptom(
    code="must-staple-missing",
    rank=81,
    meaning="The certificate demands a stapled OCSP answer (TLS feature extension, RFC 7633), and "
    "none is sent: Firefox refuses it.",
    check="Turn stapling on (nginx: `ssl_stapling on` with a `resolver`) and check that the "
    "responder can be reached; or renew without must-staple, since authorities give OCSP up",
)
STAPLE_MALFORMED = Symptom(
    code="staple-malformed",
    rank=82,
    meaning="What is stapled is no OCSP answer that can be read (RFC 6960, section 4.2).",
    check="Delete the file or cache from which the server staples, and let it fetch anew",
)
STAPLE_UNSUCCESSFUL = Symptom(
    code="staple-unsuccessful",
    rank=82,
    meaning="What is stapled is an error of the OCSP responder, not an answer (RFC 6960, section "
    "4.2.1): some clients take it for a refusal.",
    check="Ask the responder by hand (`openssl ocsp`), and staple only what it signed",
)
STAPLE_OF_OTHER = Symptom(
    code="staple-of-other",
    rank=82,
    meaning="The stapled OCSP answer is for another certificate than the one that is served, that "
    "before the renewal perhaps.",
    check="Renew the stapled file together with the certificate, and reload",
)
STAPLE_UNTRUSTED = Symptom(
    code="staple-untrusted",
    rank=82,
    meaning="The stapled OCSP answer is signed neither by the certificate's issuer nor by a "
    "responder that the issuer has authorised and whose certificate is valid (RFC 6960, section "
    "4.2.2.2).",
    check="Check from which responder the answer comes, and that it is the one that the "
    "certificate names",
)
STAPLE_EXPIRED = Symptom(
    code="staple-expired",
    rank=82,
    meaning="The stapled OCSP answer is over: its nextUpdate has passed (RFC 6960, section 4.2.2.1)"
    ", and clients that read it refuse it.",
    check="Check that the server, or the job that fetches the stapled file, reaches the responder, "
    "and reload",
)
STAPLE_NOT_YET_VALID = Symptom(
    code="staple-not-yet-valid",
    rank=82,
    meaning="The stapled OCSP answer is from the future: its thisUpdate has not come yet.",
    check="Check this machine's clock first, then the responder's",
)
STAPLE_UNKNOWN = Symptom(
    code="staple-unknown",
    rank=82,
    meaning="The stapled OCSP answer says that the responder does not know the certificate "
    "(RFC 6960, section 2.2): clients that read it refuse the connection.",
    check="Check that the responder is the issuer's own and knows the certificate, which may be "
    "too new for it",
)
CRL_UNREACHABLE = Symptom(
    code="crl-unreachable",
    rank=84,
    meaning="The revocation list that a certificate names cannot be fetched from here, so that "
    "whether it is revoked is not known; most clients go on without it.",
    check="Fetch the URL by hand, from another network too: it is the authority's matter, or that "
    "of a firewall in between",
    weight=Weight.NOTICE,
)
CRL_MALFORMED = Symptom(
    code="crl-malformed",
    rank=84,
    meaning="What stands at the URL of the revocation list is none (RFC 5280, section 5; it has to "
    "be DER).",
    check="Fetch the URL by hand and look at what comes; tell the authority",
    weight=Weight.NOTICE,
)
CRL_UNTRUSTED = Symptom(
    code="crl-untrusted",
    rank=84,
    meaning="The revocation list is not signed by the issuer of the certificate that names it, so "
    "that it says nothing.",
    check="Check that the authority publishes the list of the key that issued, after a change of "
    "its intermediate for example",
    weight=Weight.NOTICE,
)
CRL_NOT_CURRENT = Symptom(
    code="crl-not-current",
    rank=84,
    meaning="The revocation list is over or from the future, by its nextUpdate and thisUpdate "
    "(RFC 5280, section 5.1.2): clients that insist on lists refuse the certificate.",
    check="Check this machine's clock; else it is the authority that publishes too late",
    weight=Weight.NOTICE,
)
CRL_NOT_APPLICABLE = Symptom(
    code="crl-not-applicable",
    rank=84,
    meaning="The revocation list does not cover the certificate that names it, by its own scope "
    "(issuing distribution point, RFC 5280, section 5.2.5), or is of a kind that is not read here "
    "(indirect, delta).",
    check="Tell the authority: the certificate's CRL distribution point names another list",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    REVOKED_BY_CRL,
    REVOKED_BY_STAPLE,
    MUST_STAPLE_MISSING,
    STAPLE_MALFORMED,
    STAPLE_UNSUCCESSFUL,
    STAPLE_OF_OTHER,
    STAPLE_UNTRUSTED,
    STAPLE_EXPIRED,
    STAPLE_NOT_YET_VALID,
    STAPLE_UNKNOWN,
    CRL_UNREACHABLE,
    CRL_MALFORMED,
    CRL_UNTRUSTED,
    CRL_NOT_CURRENT,
    CRL_NOT_APPLICABLE,
)
