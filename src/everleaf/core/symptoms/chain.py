"""What speaks against the certificates as they are sent."""

from everleaf.core.symptoms import Symptom, Weight

EXPIRED = Symptom(
    code="expired",
    rank=40,
    meaning="The server's certificate has expired, and every client refuses it.",
    check="Check whether it was renewed, and whether the server was reloaded since",
)
NOT_YET_VALID = Symptom(
    code="not-yet-valid",
    rank=41,
    meaning="The server's certificate begins in the future, and clients refuse it until then.",
    check="Check the clock of this machine, and when the certificate was issued",
)
NO_CERTIFICATE = Symptom(
    code="no-certificate",
    rank=48,
    meaning="Nothing was sent that could be read as a certificate.",
    check="Check the file that the server's configuration names",
)
KEY_MISMATCH = Symptom(
    code="key-mismatch",
    rank=49,
    meaning="The private key is not that of the certificate, so that no handshake can succeed, "
    "and most servers refuse to start.",
    check="Take certificate and key from the same version",
)
UNREADABLE_CERTIFICATE = Symptom(
    code="unreadable-certificate",
    rank=50,
    meaning="One of the certificates is damaged or not encoded as RFC 5280 demands: strict "
    "clients refuse the whole chain.",
    check="Look at the chain's file with `openssl x509`, and fetch the chain once more",
)
ANOTHER_LINEAGE = Symptom(
    code="intermediate-of-another-lineage",
    rank=51,
    meaning="A certificate bears the name of the issuer, but another key: the leaf of one "
    "issuance stands above the intermediate of another, and no client can join them.",
    check="Install the chain that came with this very certificate",
)
MISSING_INTERMEDIATE = Symptom(
    code="missing-intermediate",
    rank=52,
    meaning="The server does not send a certificate that links its own to a root. Browsers "
    "often fetch or remember it; curl and most programs fail.",
    check="Let the server send the whole chain, fullchain.pem in place of cert.pem",
)
BROKEN_SIGNATURE = Symptom(
    code="broken-signature",
    rank=53,
    meaning="A signature in the chain does not fit what it signs: the certificate was damaged "
    "or changed after it was issued.",
    check="Fetch the chain once more from whoever issued it",
)
INTERMEDIATE_EXPIRED = Symptom(
    code="intermediate-expired",
    rank=54,
    meaning="An intermediate on the only way to a root has expired, and clients refuse all "
    "below it.",
    check="Install the present intermediate of the authority, or renew the certificate",
)
INTERMEDIATE_NOT_YET_VALID = Symptom(
    code="intermediate-not-yet-valid",
    rank=54,
    meaning="An intermediate on the only way to a root begins in the future.",
    check="Check the clock of this machine, and which chain the authority recommends",
)
NO_AUTHORITY = Symptom(
    code="issuer-is-no-authority",
    rank=55,
    meaning="The certificate that signed the one below it may not issue any: its basic "
    "constraints or its key usage say so (RFC 5280, sections 4.2.1.3 and 4.2.1.9).",
    check="Have the certificate issued by an authority's certificate",
)
PATH_TOO_LONG = Symptom(
    code="path-too-long",
    rank=56,
    meaning="There are more intermediates below an authority than its path length allows "
    "(RFC 5280, section 4.2.1.9).",
    check="Have the certificate issued directly by an authority that may issue it",
)
NAME_NOT_PERMITTED = Symptom(
    code="name-not-permitted",
    rank=57,
    meaning="An authority above is constrained to other names than those of the certificate "
    "(RFC 5280, section 4.2.1.10), and clients refuse it for all of its names.",
    check="Have the certificate issued without these names, or by another authority",
)
CRITICAL_EXTENSION = Symptom(
    code="unknown-critical-extension",
    rank=58,
    meaning="A certificate holds an extension that clients must understand and do not "
    "(RFC 5280, section 4.2), so that they refuse it.",
    check="Have the certificate issued without this extension",
)
WRONG_ORDER = Symptom(
    code="wrong-order",
    rank=59,
    meaning="The certificates are not sent leaf first, each followed by its issuer. TLS 1.2 "
    "demands it (RFC 5246, section 7.4.2); browsers and OpenSSL sort, small clients fail.",
    check="Put the chain's file in order: the leaf, its issuer, the issuer's issuer",
)
MISLEADING_CROSS_SIGNATURE = Symptom(
    code="misleading-cross-signature",
    rank=59,
    meaning="An authority is sent as signed by several others, and the first way that offers "
    "itself is bad. Browsers and Go find the good one; OpenSSL does not turn back, so that curl "
    "and most programs fail.",
    check="Leave the cross-signature that leads nowhere out of the chain's file",
)
SELF_SIGNED = Symptom(
    code="self-signed",
    rank=60,
    meaning="The server's certificate is signed by its own key, and no client trusts it: often "
    "a placeholder, or what the server made up at its installation.",
    check="Check which certificate the server's configuration names",
)
UNTRUSTED_AUTHORITY = Symptom(
    code="untrusted-authority",
    rank=61,
    meaning="The chain leads to a root that is in no trust store: a private authority's, or one "
    "that is trusted no more.",
    check="Install the authority's root at the clients, or use a publicly trusted authority",
)
TRUSTED_BY_SOME = Symptom(
    code="trusted-by-some",
    rank=62,
    meaning="One trust store leads the chain to a root and another does not: which clients get "
    "in depends on their store.",
    check="Bring the store that lacks the root up to date, or choose a chain below an older root",
)
ROOT_EXPIRED = Symptom(
    code="root-expired",
    rank=63,
    meaning="The root to which the chain leads has expired, and most clients refuse it.",
    check="Choose a chain below another root, and bring the trust store up to date",
)
WEAK_KEY = Symptom(
    code="weak-key",
    rank=70,
    meaning="A key is too small or of a kind that clients take no more: RSA below 2,048 bits, "
    "curves below 256, DSA.",
    check="Have the certificate issued anew for an RSA key of 2,048 bits or a P-256 key",
)
UNCOMMON_KEY = Symptom(
    code="uncommon-key",
    rank=71,
    meaning="A key is strong, but on a curve that browsers do not know, and on which OpenSSL's "
    "clients do not agree unless they are told to.",
    check="Have the certificate issued anew for a P-256 key",
)
WEAK_SIGNATURE = Symptom(
    code="weak-signature",
    rank=71,
    meaning="A certificate is signed by means of SHA-1 or MD5, which clients take no more.",
    check="Have the certificate issued anew with SHA-256",
)
WRONG_USAGE = Symptom(
    code="wrong-usage",
    rank=72,
    meaning="The key usage or the extended key usage does not allow what the certificate is "
    "used for (RFC 5280, sections 4.2.1.3 and 4.2.1.12).",
    check="Have the certificate issued for this usage, a server's for server authentication",
)
ROOT_SENT = Symptom(
    code="root-sent",
    rank=96,
    meaning="The root is sent with the chain. Clients have it or do not trust it; it only makes "
    "each handshake larger (RFC 8446, section 4.4.2).",
    check="Leave the root out of the chain's file",
    weight=Weight.NOTICE,
)
UNRELATED_CERTIFICATES = Symptom(
    code="unrelated-certificates",
    rank=96,
    meaning="Certificates are sent that belong to no way from the leaf to a root. Clients skip "
    "them (RFC 8446, section 4.4.2), so that nobody fails; but where they stand between others, "
    "the order is wrong as well.",
    check="Take the certificates that do not belong there out of the chain's file",
    weight=Weight.NOTICE,
)
SENT_TWICE = Symptom(
    code="certificate-sent-twice",
    rank=96,
    meaning="A certificate is sent more than once. Clients skip the second.",
    check="Take the certificate out of the chain's file, where it stands a second time",
    weight=Weight.NOTICE,
)
EXPIRED_CROSS_SIGNATURE = Symptom(
    code="expired-cross-signature",
    rank=97,
    meaning="A certificate is sent that has expired, beside another way to a root that is good. "
    "Clients of today take the good one; OpenSSL 1.0.2 and GnuTLS before 3.6.14 fail.",
    check="Choose the authority's chain without the expired certificate",
    weight=Weight.NOTICE,
)
PRIVATE_ROOT = Symptom(
    code="root-of-one-store",
    rank=97,
    meaning="The root is in the trust store that decides, and not in another: so it is with a "
    "private authority.",
    check="Nothing, where the authority is meant to be private",
    weight=Weight.NOTICE,
)
EXPIRES_SOON = Symptom(
    code="expires-soon",
    rank=95,
    meaning="Less than a twentieth of the certificate's lifetime is left: it should have been "
    "renewed long ago.",
    check="Check whether it is renewed automatically, by whom, and why that has failed so far",
    weight=Weight.NOTICE,
)
NOT_FOR_BROWSERS = Symptom(
    code="key-not-for-browsers",
    rank=97,
    meaning="A key is Ed25519 or Ed448 (RFC 8410), which clients with OpenSSL take and browsers "
    "do not.",
    check="Have the certificate issued anew for a P-256 key, where browsers are to come",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    EXPIRED,
    NOT_YET_VALID,
    NO_CERTIFICATE,
    KEY_MISMATCH,
    UNREADABLE_CERTIFICATE,
    ANOTHER_LINEAGE,
    MISSING_INTERMEDIATE,
    BROKEN_SIGNATURE,
    INTERMEDIATE_EXPIRED,
    INTERMEDIATE_NOT_YET_VALID,
    NO_AUTHORITY,
    PATH_TOO_LONG,
    NAME_NOT_PERMITTED,
    CRITICAL_EXTENSION,
    WRONG_ORDER,
    MISLEADING_CROSS_SIGNATURE,
    SELF_SIGNED,
    UNTRUSTED_AUTHORITY,
    TRUSTED_BY_SOME,
    ROOT_EXPIRED,
    WEAK_KEY,
    UNCOMMON_KEY,
    WEAK_SIGNATURE,
    WRONG_USAGE,
    ROOT_SENT,
    UNRELATED_CERTIFICATES,
    SENT_TWICE,
    EXPIRED_CROSS_SIGNATURE,
    PRIVATE_ROOT,
    NOT_FOR_BROWSERS,
    EXPIRES_SOON,
)
