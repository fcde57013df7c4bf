"""Real BIND servers for tests: their keys, their zones, and what they have in them.

BIND listens at addresses of interfaces only: of IPv4's loopback network at 127.0.0.1. Two servers
of one zone are at 127.0.0.1 and ::1 with the same high port, so that NS records lead to both.
"""

import base64
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest

from everleaf.system.secrets import Secret
from support.loopback import PATIENCE, Address, free, written
from support.servers import Server

_TRIES = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key, written as tsig-keygen does."""

    name: str = "everleaf-key"
    algorithm: str = "hmac-sha256"
    secret: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode(), repr=False
    )

    @property
    def text(self) -> str:
        """The key file."""
        inner = f'\talgorithm {self.algorithm};\n\tsecret "{self.secret}";\n'
        return f'key "{self.name}" {{\n{inner}}};\n'

    def file(self, folder: Path) -> Secret:
        """The key file on disk, for its owner alone."""
        path = folder / f"{self.name}.{secrets.token_hex(4)}.key"
        path.touch(mode=0o600)
        path.write_text(self.text, "utf-8")
        return Secret(file=path)


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of which every server of `at` is primary.

    Attributes:
        name: without the final dot.
        policy: lines of BIND's update-policy; none: nobody may change it.
        records: more lines of the zone file.
        at: addresses of its servers, ns1 and so on, the SOA record's first.
        others: absolute names of more servers.
    """

    name: str
    policy: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    at: tuple[Address, ...] = ()
    others: tuple[str, ...] = ()

    def text(self) -> str:
        """The zone file."""
        names = [f"ns{number}" for number, _ in enumerate(self.at, 1)]
        lines = [
            "$TTL 60",
            f"@ SOA {[*names, *self.others][0]} hostmaster 1 3600 600 86400 60",
            *(f"@ NS {name}" for name in (*names, *self.others)),
            *map(_address, names, self.at),
            *self.records,
        ]
        return "\n".join([*lines, ""])


class Bind(Server):
    """Named in the foreground, authoritative for its zones and for nothing else.

    Args:
        directory: for configuration, zones, journals and log.
        address: where it listens, by UDP and TCP.
        keys: that it knows.
        zones: that it serves.
    """

    program = "named"
    count = 0

    def __init__(
        self, directory: Path, address: Address, *, keys: Sequence[Key], zones: Sequence[Zone]
    ) -> None:
        super().__init__(directory, [address])
        self.address = address
        self.keys = tuple(keys)
        self.zones = tuple(zones)

    @property
    def at(self) -> str:
        """The address as a configuration has it."""
        return written(self.address)

    def command(self) -> list[str]:
        """What starts it in the foreground, logging to standard error."""
        return [self.binary, "-g", "-n", "1", "-c", str(self.config)]

    def ready(self) -> bool:
        """Whether it has loaded its zones."""
        return "all zones loaded" in self.words()

    def configuration(self) -> str:
        """The text of named.conf; the zones' files are written beside it."""
        host, port = self.address
        for zone in self.zones:
            (self.directory / f"{zone.name}.zone").write_text(zone.text(), "utf-8")
        family, other = ("-v6", "") if ":" in host else ("", "-v6")
        return (
            f'options {{ directory "{self.directory}"; pid-file "{self.pid_file}";\n'
            f'  session-keyfile "{self.directory}/session.key"; recursion no; notify no;\n'
            f"  listen-on{family} port {port} {{ {host}; }}; listen-on{other} {{ none; }};\n"
            "  dnssec-validation no; empty-zones-enable no; };\ncontrols { };\n"
            + "".join(key.text for key in self.keys)
            + "".join(map(self._zone, self.zones))
        )

    def _zone(self, zone: Zone) -> str:
        policy = "".join(f"    {line};\n" for line in zone.policy)
        update = f"  update-policy {{\n{policy}  }};\n" if zone.policy else ""
        file = self.directory / f"{zone.name}.zone"
        return f'zone "{zone.name}" {{\n  type primary; file "{file}";\n{update}}};\n'

    def txt(self, owner: str) -> list[str]:
        """The TXT values that it has at a name, sorted."""
        query = dns.message.make_query(owner, "TXT")
        response = dns.query.tcp(query, self.address[0], port=self.address[1], timeout=PATIENCE)
        return sorted(
            b"".join(record.strings).decode()
            for rrset in response.answer
            if rrset.rdtype == dns.rdatatype.TXT
            for record in rrset
        )

    def add(self, owner: str, *values: str) -> None:
        """Let it have more TXT values, as somebody else may write them."""
        zone = next(one for one in self.zones if owner.rstrip(".").endswith(one.name))
        key = dns.tsig.Key(self.keys[0].name, self.keys[0].secret, self.keys[0].algorithm)
        update = dns.update.UpdateMessage(f"{zone.name}.", keyring=key)
        for value in values:
            update.add(owner, 60, "TXT", f'"{value}"')
        response = dns.query.tcp(update, self.address[0], port=self.address[1], timeout=PATIENCE)
        assert response.rcode() == dns.rcode.NOERROR, response


def _address(name: str, address: Address) -> str:
    return f"{name} {'AAAA' if ':' in address[0] else 'A'} {address[0]}"


def two() -> tuple[Address, Address]:
    """Addresses for two servers of one zone: IPv4 and IPv6, with the same port."""
    for _ in range(_TRIES):
        first = free("127.0.0.1")
        with socket.socket(socket.AF_INET6) as line:
            try:
                line.bind(("::1", first[1]))
            except OSError:
                continue
        return first, ("::1", first[1])
    reason = "this machine has no IPv6 loopback address"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
