"""Finding a hook: one that comes with everleaf, by its name, or any executable, by its path."""

import os
from importlib.resources import files
from pathlib import Path

from everleaf.config.faults import BadValueError, meant, shown
from everleaf.config.places import executable


def shipped() -> dict[str, Path]:
    """The hooks that come with everleaf: in the wheel, or in a source checkout."""
    package = Path(str(files("everleaf")))
    for place in (package / "hooks", package.parents[1] / "hooks"):
        if place.is_dir():
            return {
                one.name: one
                for one in sorted(place.iterdir())
                if one.is_file() and not one.suffix and os.access(one, os.X_OK)
            }
    return {}


def find(text: str) -> Path:
    """The hook's path.

    Raises:
        BadValueError: there is none, or it cannot be run.
    """
    if "/" not in text:
        known = shipped()
        if text not in known:
            remedy = f"name a shipped one or an absolute path; {meant(text, known)}"
            raise BadValueError(f"there is no hook {shown(text)}", remedy)
        return known[text]
    path = Path(text)
    if not path.is_absolute():
        raise BadValueError(f"{shown(text)} is a relative path", "write it from / on")
    return executable(path)
