"""Root directories of their own for server processes, without any container."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.servers import need


def jail(root: Path, binary: str) -> Path:
    """Make a root directory in which `binary` runs, and return it; only root can use it.

    Its own path leads to itself inside as well, so that a configuration with absolute paths
    is the same on both sides.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can start a process in another root directory")
    needed = subprocess.check_output([need("ldd"), binary], text=True)
    for path in [binary, "/etc/passwd", "/etc/group", *re.findall(r"(/\S+) \(0x", needed)]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (root / "dev").mkdir()
    (root / "dev" / "null").touch()
    here = root / str(root).lstrip("/")
    here.parent.mkdir(parents=True)
    here.symlink_to("/")
    return root
