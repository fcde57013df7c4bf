"""A Pebble that asks a BIND of the test's own, and machines whose names stand there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from everleaf.demo.authority import LocalAuthority
from support.bind import Bind, Key, Zone
from support.loopback import free
from support.machine import Machine, authority

DOMAIN = "town.test"
KEY = Key()
_DAYS = 86400
PROFILES = {
    "default": {"description": "90 days", "validityPeriod": 90 * _DAYS},
    "shortlived": {"description": "six days", "validityPeriod": 6 * _DAYS},
}


@dataclass(frozen=True, slots=True)
class Town:
    """The parts. Every name below web.town.test is at `host`; below six.town.test, at ::1."""

    running: LocalAuthority
    bind: Bind
    key: Path
    host: str

    def machine(self, folder: Path, *certificates: tuple[str, str]) -> Machine:
        """A machine with a solver of every kind that needs no program of the operator's."""
        one, dns = self.running, self.bind.at
        machine = Machine(folder, one, self.host)
        state = f'state_dir = "{machine.state}"'
        machine.sections["settings"] = f'{state}\nresolver = ["{dns}"]'
        web, port = folder / "web", one.http_port
        web.mkdir()
        servers = f'nameservers = ["{dns}"]'
        update = f'type = "rfc2136"\nserver = "{dns}"\nkey = {{ file = "{self.key}" }}\n{servers}'
        machine.sections |= {
            "solvers.web": f'type = "http-01"\nlisten = ["{self.host}:{port}", "[::1]:{port}"]\n'
            f"public_port = {port}",
            "solvers.alpn": f'type = "tls-alpn-01"\n'
            f'listen = ["{self.host}:{one.tls_port}", "[::1]:{one.tls_port}"]\n'
            f"public_port = {one.tls_port}",
            "solvers.dns": update,
            "solvers.account": f'{update}\nchallenges = ["dns-account-01"]',
            "solvers.persist": f'type = "dns-persist-01"\n{servers}',
        }
        for name, body in certificates:
            machine.certificate(name, f'{body}\nprofile = "default"\nendpoints = []')
        return machine


@contextmanager
def town(
    folder: Path,
    *,
    options: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    records: tuple[str, ...] = (),
) -> Iterator[Town]:
    """A town; Pebble's identity in CAA and standing records is `pebble.test`."""
    address, host = free("127.0.0.1"), free()[0]
    zone = Zone(
        DOMAIN,
        (f"grant {KEY.name} zonesub TXT",),
        (f"*.web A {host}", "*.six AAAA ::1", *records),
        at=(address,),
    )
    place = folder / "bind"
    place.mkdir(parents=True)
    key = folder / "key"
    key.touch(0o600)
    key.write_text(KEY.text, "utf-8")
    with (
        Bind(place, address, keys=[KEY], zones=[zone, Zone("test", at=(address,))]) as bind,
        authority(
            folder / "pebble",
            options={"profiles": PROFILES, "caaIdentities": ["pebble.test"], **(options or {})},
            environment=environment,
            dns=bind.at,
        ) as running,
    ):
        yield Town(running, bind, key, host)


def quoted(*names: str) -> str:
    """A list of names as TOML has it."""
    return json.dumps(list(names))
