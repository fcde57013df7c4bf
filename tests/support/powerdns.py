"""A real PowerDNS with its HTTP interface, on loopback."""

import json
import os
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import dns.message
import dns.query
import dns.rdatatype
import pytest
import urllib3

from support.loopback import PATIENCE, Address, free, until, written
from support.servers import Server

_SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


def lack(reason: str) -> NoReturn:
    """Skip the test, and fail it under CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class PowerDns(Server):
    """pdns_server in the foreground, with SQLite.

    Args:
        directory: for configuration, database and log.
    """

    program = "pdns_server"
    count = 0

    def __init__(self, directory: Path) -> None:
        if not _SCHEMA.exists():
            lack("pdns-backend-sqlite3 is not installed")
        self.dns: Address = free()
        self.api: Address = free()
        self.api_key = secrets.token_urlsafe(16)
        super().__init__(directory, [self.dns, self.api])

    @property
    def at(self) -> str:
        """Where it answers DNS, as a configuration has it."""
        return written(self.dns)

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://{written(self.api)}"

    def configuration(self) -> str:
        """The text of pdns.conf; the database is made beside it."""
        database = self.directory / "pdns.sqlite"
        with sqlite3.connect(database) as connection:
            connection.executescript(_SCHEMA.read_text("utf-8"))
        connection.close()
        (host, port), (api_host, api_port) = self.dns, self.api
        lines: Mapping[str, object] = {
            "launch": "gsqlite3",
            "gsqlite3-database": database,
            "local-address": host,
            "local-port": port,
            "socket-dir": self.directory,
            "api": "yes",
            "api-key": self.api_key,
            "webserver": "yes",
            "webserver-address": api_host,
            "webserver-port": api_port,
            "webserver-allow-from": "127.0.0.0/8",
            "guardian": "no",
            "daemon": "no",
            "write-pid": "no",
            "zone-cache-refresh-interval": 0,
            "cache-ttl": 0,
            "query-cache-ttl": 0,
            "negquery-cache-ttl": 0,
            "version-string": "anonymous",
            "security-poll-suffix": "",
        }
        return "".join(f"{key}={text}\n" for key, text in lines.items())

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        return [self.binary, f"--config-dir={self.directory}", "--config-name="]

    def configure(self) -> None:
        """Write the configuration under the name that it expects."""
        self.config = self.directory / "pdns.conf"
        super().configure()

    def ready(self) -> bool:
        """Whether its interface answers."""
        return self._call("GET", "").status == 200

    def zone(self, name: str) -> None:
        """Create a zone of which it is the only server."""
        body: object = {"name": f"{name}.", "kind": "Native", "nameservers": [f"ns1.{name}."]}
        answer = self._call("POST", "/zones", body)
        assert answer.status == 201, answer.data
        record = {"content": self.dns[0], "disabled": False}
        entry = {"name": f"ns1.{name}.", "type": "A", "ttl": 60, "changetype": "REPLACE"}
        body = {"rrsets": [{**entry, "records": [record]}]}
        answer = self._call("PATCH", f"/zones/{name}.", body)
        assert answer.status == 204, answer.data
        until(f"the zone {name} is served", partial(self._has, f"ns1.{name}."))

    def txt(self, owner: str) -> list[str]:
        """The TXT values that it has at a name, sorted."""
        return self._records(owner, "TXT")

    def _has(self, name: str) -> Sequence[str]:
        return self._records(name, "A")

    def _records(self, owner: str, kind: str) -> list[str]:
        query = dns.message.make_query(owner, kind)
        response = dns.query.tcp(query, self.dns[0], port=self.dns[1], timeout=PATIENCE)
        return sorted(
            record.to_text().strip('"')
            for rrset in response.answer
            if rrset.rdtype == dns.rdatatype.from_text(kind)
            for record in rrset
        )

    def _call(self, method: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
        return urllib3.request(
            method,
            f"{self.url}/api/v1/servers/localhost{path}",
            headers={"X-API-Key": self.api_key},
            body=json.dumps(body).encode() if body is not None else None,
            timeout=PATIENCE,
        )
