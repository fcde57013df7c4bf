"""Which files haproxy loads for a `crt`: a file, its siblings, or all of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

_BUNDLE = (".rsa", ".ecdsa", ".dsa")
_SIBLINGS = (".key", ".issuer", ".ocsp", ".sctl")


def certificates(path: str) -> Iterator[str]:
    """The files of a `crt`, as `ssl-load-extra-files` has it by default.

    What is named and is not there is handed on, to be missed.
    """
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        for name in _names(path):
            yield str(Path(path, name))
        return
    bundle = [path + end for end in _BUNDLE if os.path.exists(path + end)]  # noqa: PTH110 - never raises
    if os.path.lexists(path) or not bundle:
        yield path
    else:
        yield from bundle


def _names(folder: str) -> list[str]:
    """Those of a folder that count as certificates, in their order."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough
    except OSError:
        return []
    return [
        name
        for name in names
        if not name.startswith(".")
        and not name.endswith(_SIBLINGS)
        and not os.path.isdir(str(Path(folder, name)))  # noqa: PTH112 - never raises
    ]


def listed(text: str) -> Iterator[tuple[int, str]]:
    """The files of a `crt-list`, with their lines; it knows no quotes."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.replace("[", " [").split()
        if words and not words[0].startswith("#"):
            yield number, words[0]
