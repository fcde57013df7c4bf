"""How a TLS server is reached, and what is said to it before TLS begins."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class StartTls(StrEnum):
    """Protocols that turn to TLS on the port of their plain text."""

    SMTP = "smtp"  # RFC 3207
    IMAP = "imap"  # RFC 3501, section 6.2.1
    POP3 = "pop3"  # RFC 2595, section 4
    FTP = "ftp"  # RFC 4217
    LDAP = "ldap"  # RFC 4511, section 4.14
    XMPP = "xmpp"  # RFC 6120, section 5
    POSTGRES = "postgres"
    MYSQL = "mysql"


class Way(StrEnum):
    """From where a server is looked at, where not from here."""

    SOCKS5 = "socks5"  # RFC 1928, 1929
    HTTP = "http"  # CONNECT: RFC 9110, section 9.3.6
    SSH = "ssh"


class Hidden(Protocol):
    """Where a secret stands; it is read when it is used."""

    def read(self) -> str:
        """The secret.

        Raises:
            OperatorError: it is not there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """A vantage elsewhere.

    Attributes:
        user: for ssh, who logs in; for a proxy, whom it knows.
        password: of a proxy's user; `hidden`: where it stands, if not here.
        identity: for ssh, the file of its key; None: ssh's own choice.
    """

    way: Way
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    hidden: Hidden | None = None
    identity: Path | None = None

    def __str__(self) -> str:
        """As a URL, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.way}://{self.user + '@' if self.user else ''}{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """The whole way to the first byte of TLS.

    Attributes:
        starttls: the protocol that is spoken first; None: TLS from the first byte.
        proxy_protocol: version of the PROXY header that is sent first (1 or 2); 0: none.
        via: the vantage; None: this machine.
        http3: QUIC in place of TCP (RFC 9001, RFC 9114).
    """

    starttls: StartTls | None = None
    proxy_protocol: int = 0
    via: Via | None = None
    http3: bool = False

    def __str__(self) -> str:
        """In words, for people; empty where nothing is special."""
        parts = []
        if self.http3:
            parts.append("over QUIC")
        if self.starttls:
            parts.append(f"by STARTTLS of {self.starttls}")
        if self.proxy_protocol:
            parts.append(f"with a PROXY header of version {self.proxy_protocol}")
        if self.via:
            parts.append(f"through {self.via}")
        return ", ".join(parts)


DIRECT = Approach()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Files, PEM, of a certificate with its chain, and of its private key."""

    certificate: Path
    key: Path
