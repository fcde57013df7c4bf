"""Runs a shipped hook as everleaf does: a process, no shell, an environment of its own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

HOOKS = Path(__file__).parents[2] / "hooks"


def changed(name: str, live: os.PathLike[str], *copies: Path) -> str:
    """One line of the file that `EVERLEAF_CHANGED` names."""
    entry = {"certificate": name, "live": os.fspath(live), "copies": list(map(str, copies))}
    return json.dumps({**entry, "names": [name]})


def hook(
    directory: Path,
    name: str,
    verb: str,
    settings: Mapping[str, str],
    lines: Sequence[str] = (),
    *,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `hooks/NAME VERB`; `directory` takes the list of changed certificates, `lines`.

    `prefix` is a command that runs it, as `nsenter` does.
    """
    listed = directory / "changed"
    listed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "EVERLEAF_TERMINATOR": name,
        "EVERLEAF_CHANGED": str(listed),
        **{f"EVERLEAF_SET_{key.upper()}": value for key, value in settings.items()},
    }
    return subprocess.run(
        [*prefix, HOOKS / name, verb],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
