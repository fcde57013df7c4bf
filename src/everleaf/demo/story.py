"""What the demo does, step by step, with the everleaf that everybody runs."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from everleaf.demo.authority import LocalAuthority, local_authority
from everleaf.demo.provision import VERSION, pebble
from everleaf.demo.server import DemoServer, demo_server
from everleaf.errors import MachineError

Document = dict[str, Any]
NAME = "demo"
_LIMIT = 120

_CONFIG = """\
[settings]
state_dir = "{folder}/state"
resolver = ["{dns}"]

[authorities.pebble]
directory = "{directory}"
ca_file = "{ca_file}"
trust_file = "{roots}"
terms_of_service_agreed = true

[solvers.web]
type = "http-01"
listen = ["127.0.0.1:{http_port}"]
public_port = {http_port}

[terminators.server]
hook = "{hook}"
settings = {settings}

[certificates.demo]
names = ["www.demo.test", "demo.test"]
terminators = ["server"]
endpoints = ["www.demo.test:{port}", "demo.test:{port}"]
"""


@dataclass(slots=True)
class Story:
    """One telling; `say` prints a line."""

    folder: Path
    say: Callable[[str], None]
    own_server: bool = False

    def tell(self) -> None:
        """All of it.

        Raises:
            MachineError: a part does not start, or everleaf did not do what it should.
        """
        programs = pebble(self.say)
        with local_authority(programs, self.folder) as authority:
            self.say(f"1. Pebble {VERSION}, a test CA, answers at {authority.directory}")
            live = self.folder / "state/certificates/demo/live"
            server = demo_server(self.folder, live, own=self.own_server)
            self._configure(authority, server)
            self._everleaf("placeholder", NAME)
            self.say("2. everleaf placeholder: a self-signed version, so that the server can start")
            with server.running():
                self.say(f"3. {server.title} serves 127.0.0.1:{server.port}")
                self._issue()
                self._rest()
                self._renew(authority)

    def _issue(self) -> None:
        run = self._everleaf("run", "--json")
        first = self._status()
        self.say("4. everleaf run: " + _stages(run))
        self.say(f"   serial {_serial(first)} is seen at {_places(first)}")

    def _rest(self) -> None:
        run = self._everleaf("run", "--json")
        if run["certificates"][0]["stages"]:
            raise MachineError("a run with nothing to do did something", code="demo")
        renewal = self._status()["renewal"]
        self.say("5. everleaf run: nothing to do; the CA's window: next order " + renewal["at"])

    def _renew(self, authority: LocalAuthority) -> None:
        before = _serial(self._status())
        now = datetime.now(UTC)
        window = {
            "start": (now - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        leaf = (self.folder / "state/certificates/demo/live/cert.pem").read_bytes()
        authority.suggest(leaf, json.dumps({"suggestedWindow": window}))
        self.say("6. The CA moves the window into the past, as before a mass revocation")
        run = self._everleaf("run", "--poll-now", "--json")
        after = self._status()
        if _serial(after) == before:
            raise MachineError("the certificate was not renewed", code="demo")
        self.say("7. everleaf run --poll-now: " + _stages(run))
        self.say(f"   serial {_serial(after)} is seen at {_places(after)}, in place of {before}")

    def _configure(self, authority: LocalAuthority, server: DemoServer) -> None:
        pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in server.settings.items())
        text = _CONFIG.format(
            folder=self.folder,
            dns=authority.dns,
            directory=authority.directory,
            ca_file=authority.ca_file,
            roots=authority.roots_file,
            http_port=authority.http_port,
            hook=server.hook,
            settings=f"{{ {pairs} }}",
            port=server.port,
        )
        (self.folder / "everleaf.toml").write_text(text, encoding="utf-8")

    def _status(self) -> Document:
        found: Document = self._everleaf("status", "--json")["certificates"][0]
        return found

    def _everleaf(self, *arguments: str) -> Document:
        program = [sys.executable, "-m", "everleaf"]
        config = ["--config", str(self.folder / "everleaf.toml"), "--log-format", "json"]
        done = subprocess.run(
            [*program, *config, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT,
        )
        with (self.folder / "everleaf.log").open("a", encoding="utf-8") as log:
            log.write(done.stderr)
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip()[-1500:]
            what = f"everleaf {' '.join(arguments)} exited with {done.returncode}: {words}"
            raise MachineError(what, code="demo", where=str(self.folder))
        if "--json" not in arguments:
            return {}
        document: Document = json.loads(done.stdout)
        return document


def _stages(run: Document) -> str:
    """The stages that did something, in their order."""
    return ", ".join(one["stage"] for one in run["certificates"][0]["stages"])


def _serial(status: Document) -> str:
    return str(status["live"]["serial"])


def _places(status: Document) -> str:
    return " and ".join(one["endpoint"] for one in status["addresses"])
