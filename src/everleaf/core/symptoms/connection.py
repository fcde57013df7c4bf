"""Between the first packet and the end of the handshake."""

from everleaf.core.symptoms import Symptom, Weight

UNRESOLVED = Symptom(
    code="unresolved",
    rank=10,
    meaning="The name does not resolve: it does not exist, has no address, or no name server "
    "answered, so that nobody finds the server.",
    check="Check the A and AAAA records of the name, and the name server that was asked",
)
VANTAGE_FAILED = Symptom(
    code="vantage-failed",
    rank=11,
    meaning="The proxy or the ssh host through which the server was looked at could not be used; "
    "of the server itself nothing is known.",
    check="Check that the vantage can be reached, and takes these credentials",
)
NO_ROUTE = Symptom(
    code="no-route",
    rank=12,
    meaning="This machine has no way to any of the addresses, as where they are IPv6 and it has "
    "none; of the server itself nothing is known.",
    check="Check this machine's own addresses and routes",
)
HOST_UNREACHABLE = Symptom(
    code="host-unreachable",
    rank=13,
    meaning="A router, or the own network, says that the host cannot be reached: it is down, or "
    "the address is not its own any more.",
    check="Check that the host is up, and that the address in DNS is still its own",
)
TIMED_OUT = Symptom(
    code="timed-out",
    rank=14,
    meaning="Nothing answers to the connection: packets are lost or dropped on the way, the host "
    "is down, or the address is not its own any more.",
    check="Check firewalls and security groups for this port, that the host is up, and that the "
    "address in DNS is its own",
)
CONNECTION_REFUSED = Symptom(
    code="connection-refused",
    rank=15,
    meaning="The host answers, but nothing listens on the port: the server is stopped, or listens "
    "on another port or address.",
    check="Check that the server runs, and on which address and port it listens",
)
CONNECTION_FAILED = Symptom(
    code="connection-failed",
    rank=16,
    meaning="There was no connection, for a reason that no other row has.",
    check="Check the network between here and there, by the words of the operating system",
)
CONNECTION_RESET = Symptom(
    code="connection-reset",
    rank=20,
    meaning="The connection was cut off by a reset before the handshake ended: by the server, or "
    "by something in between that does not let TLS pass.",
    check="Check the server's error log, and load balancers and firewalls before it",
)
CLOSED = Symptom(
    code="closed-after-hello",
    rank=21,
    meaning="The server takes the connection and closes it without a word of TLS: it speaks "
    "another protocol, expects a PROXY header, or has no back end.",
    check="Check which protocol the server speaks on this port, and its error log",
)
SILENT = Symptom(
    code="silent",
    rank=22,
    meaning="The connection is taken, and then nothing is heard: the server hangs, waits for "
    "something other than TLS, or answers are lost on the way.",
    check="Check that the server is not stuck or overloaded, and that this is a port for TLS",
)
PLAIN_HTTP = Symptom(
    code="plain-http",
    rank=23,
    meaning="HTTP without TLS is spoken on the port.",
    check="Check that the listener has TLS switched on (nginx: `listen ... ssl`; haproxy: `bind "
    "... ssl crt`; Apache: `SSLEngine on`)",
)
STARTTLS_PORT = Symptom(
    code="starttls-port",
    rank=24,
    meaning="The port speaks a protocol that turns to TLS only after a command (STARTTLS), and "
    "was spoken to as if TLS began at once.",
    check="Look with the option that is named, or at the port that is for TLS from the first byte",
)
OTHER_PROTOCOL = Symptom(
    code="other-protocol",
    rank=25,
    meaning="Another protocol than TLS is spoken on the port.",
    check="Check that the port is the one that is meant, and what listens there",
)
STARTTLS_NOT_OFFERED = Symptom(
    code="starttls-not-offered",
    rank=24,
    meaning="The server speaks the protocol, but does not offer to turn to TLS.",
    check="Check that TLS is switched on in the server, with a certificate that it can read",
)
STARTTLS_REFUSED = Symptom(
    code="starttls-refused",
    rank=24,
    meaning="The server offers to turn to TLS, and refuses it when it is asked to.",
    check="Check the server's log: its certificate or key cannot be read, perhaps",
)
STARTTLS_FAILED = Symptom(
    code="starttls-failed",
    rank=25,
    meaning="What answers before TLS is not the protocol of the STARTTLS that was asked for.",
    check="Check that the port and the protocol belong together",
)
TLS_AT_ONCE = Symptom(
    code="tls-at-once",
    rank=23,
    meaning="STARTTLS was asked for, and the port speaks TLS from the first byte.",
    check="Look without --starttls (in a configuration: without `starttls`)",
)
PROXY_HEADER_EXPECTED = Symptom(
    code="proxy-header-expected",
    rank=20,
    meaning="The server wants a PROXY header before TLS, so that whoever comes without one is "
    "turned away.",
    check="Check whether clients reach this port only through the load balancer that sends the "
    "header; then look with --proxy-protocol 1",
)
PROXY_HEADER_UNEXPECTED = Symptom(
    code="proxy-header-unexpected",
    rank=20,
    meaning="A PROXY header was sent to a server that takes it for a broken TLS hello.",
    check="Check that the listener is told to expect the header (nginx: `listen ... "
    "proxy_protocol`; haproxy: `bind ... accept-proxy`), or send none",
)
NO_COMMON_VERSION = Symptom(
    code="no-common-version",
    rank=26,
    meaning="Server and client have no version of TLS in common: the server speaks SSL 3.0 or "
    "older only, or the versions between are switched off.",
    check="Check which protocol versions the server is configured for",
)
NO_COMMON_CIPHER = Symptom(
    code="no-common-cipher",
    rank=27,
    meaning="Server and client have no cipher suite, group or signature algorithm in common, or "
    "only such as today's clients refuse.",
    check="Check the ciphers and curves of the server, and that it has a certificate whose key "
    "fits them",
)
HANDSHAKE_FAILED = Symptom(
    code="handshake-failed",
    rank=28,
    meaning="The handshake failed, for a reason that no other row has.",
    check="Check the server's error log at the time of this look",
)
OLD_VERSIONS_ONLY = Symptom(
    code="old-versions-only",
    rank=29,
    meaning="The server speaks TLS 1.0 or 1.1 only, which today's clients refuse (RFC 8996).",
    check="Switch TLS 1.2 and 1.3 on in the server, or replace it where it cannot",
)
OLD_VERSIONS_TOO = Symptom(
    code="old-versions-too",
    rank=97,
    meaning="The server still speaks TLS 1.0 or 1.1 beside newer versions; RFC 8996 says that it "
    "must not.",
    check="Switch the old versions off where no old client needs them",
    weight=Weight.NOTICE,
)
NO_ROUTE_FROM_HERE = Symptom(
    code="no-route-from-here",
    rank=95,
    meaning="This machine has no way to some of the addresses, as to IPv6 ones where it has no "
    "IPv6 itself: they were not looked at.",
    check="Look from a machine that has, or through one (--via)",
    weight=Weight.NOTICE,
)

ROWS: tuple[Symptom, ...] = (
    UNRESOLVED,
    VANTAGE_FAILED,
    NO_ROUTE,
    HOST_UNREACHABLE,
    TIMED_OUT,
    CONNECTION_REFUSED,
    CONNECTION_FAILED,
    CONNECTION_RESET,
    PROXY_HEADER_EXPECTED,
    PROXY_HEADER_UNEXPECTED,
    CLOSED,
    SILENT,
    PLAIN_HTTP,
    TLS_AT_ONCE,
    STARTTLS_PORT,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
    STARTTLS_FAILED,
    OTHER_PROTOCOL,
    NO_COMMON_VERSION,
    NO_COMMON_CIPHER,
    HANDSHAKE_FAILED,
    OLD_VERSIONS_ONLY,
    OLD_VERSIONS_TOO,
    NO_ROUTE_FROM_HERE,
)
