"""Deploy hooks: executables with two verbs and a minimal environment (hooks/README.md)."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from everleaf.errors import MachineError
from everleaf.ports import Changed, Clock, HookResult
from everleaf.system import files, process

NOT_MINE = 3
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LINES = 12


class Terminator(Protocol):
    """What a hook needs to know of its terminator."""

    @property
    def hook(self) -> Path:
        """The executable."""
        ...

    @property
    def timeout(self) -> timedelta:
        """After which it is ended."""
        ...

    @property
    def per_certificate(self) -> bool:
        """Whether it is called once for each certificate, as certbot does."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """The hook's own settings."""
        ...


@dataclass(frozen=True, slots=True)
class HookTerminators:
    """`ports.Terminators`.

    Attributes:
        scratch: where a hook's list of changed certificates stands while it runs; None: where the
            system has its temporary files.
    """

    known: Mapping[str, Terminator]
    clock: Clock
    scratch: Path | None = None

    def digest(self, terminator: str) -> str:
        """A fingerprint of the hook and its settings."""
        one = self.known.get(terminator)
        if one is None:
            return ""
        try:
            content = one.hook.read_bytes()
        except OSError:
            content = b""
        settings = json.dumps(dict(one.settings), sort_keys=True).encode()
        return hashlib.sha256(content + settings).hexdigest()[:32]

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        """Would the server take what is on disk now?"""
        if self.known[terminator].per_certificate:
            return HookResult(ok=True, not_mine=True)
        return self._call(terminator, "check", changed)

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        """Let the server take what is on disk now."""
        if not self.known[terminator].per_certificate:
            return self._call(terminator, "reload", changed)
        results = {one.certificate: self._call(terminator, None, [one]) for one in changed}
        failed = [one for one in results.values() if not one.passed]
        return HookResult(ok=not failed, words=failed[0].words if failed else (), each=results)

    def _call(self, terminator: str, verb: str | None, changed: Sequence[Changed]) -> HookResult:
        one = self.known[terminator]
        command = [str(one.hook), *([verb] if verb else [])]
        limit = one.timeout.total_seconds()
        try:
            with tempfile.TemporaryDirectory(prefix=files.SCRATCH, dir=self.scratch) as folder:
                environment = _environment(terminator, one.settings, changed, Path(folder))
                if verb is None:
                    environment |= _certbot(changed[0])
                ended = process.run(command, environment=environment, limit=limit, clock=self.clock)
        except (OSError, MachineError) as error:
            return HookResult(ok=False, words=(f"{one.hook} cannot be run: {error}",))
        words = tuple(ended.output.splitlines()[-_LINES:])
        if ended.status is None:
            return HookResult(ok=False, words=(*words, f"ended after {limit:g} s"))
        if ended.status == NOT_MINE:
            return HookResult(ok=False, words=words, not_mine=True)
        if ended.status != 0 and not words:
            words = (f"exit status {ended.status}, no output",)
        return HookResult(ok=ended.status == 0, words=words)


def _environment(
    terminator: str, settings: Mapping[str, str], changed: Sequence[Changed], folder: Path
) -> dict[str, str]:
    lines = [
        json.dumps(
            {
                "certificate": one.certificate,
                "live": one.live,
                "copies": list(one.copies),
                "names": [str(name) for name in one.identifiers],
            }
        )
        for one in changed
    ]
    path = folder / "changed"
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    environment = {
        "PATH": os.environ.get("PATH", _PATH),
        "LANG": "C.UTF-8",
        "EVERLEAF_TERMINATOR": terminator,
        "EVERLEAF_CHANGED": str(path),
        **{f"EVERLEAF_SET_{name.upper()}": value for name, value in settings.items()},
    }
    if len(changed) == 1:
        environment |= {
            "EVERLEAF_CERTIFICATE": changed[0].certificate,
            "EVERLEAF_LIVE": changed[0].live,
            "EVERLEAF_NAMES": " ".join(str(name) for name in changed[0].identifiers),
        }
    return environment


def _certbot(one: Changed) -> dict[str, str]:
    names = " ".join(str(name) for name in one.identifiers)
    return {"RENEWED_LINEAGE": one.lineage, "RENEWED_DOMAINS": names}
