"""Which files a main file includes: by name, or by patterns of which nothing is lost in silence."""

import os
import re
from collections.abc import Iterable
from fnmatch import translate
from pathlib import Path

from everleaf.config.faults import BadValueError
from everleaf.config.places import absolute
from everleaf.config.report import Report

_MAGIC = re.compile(r"[*?\[]")
_SET = re.compile(r"\[!?\]?[^\]]*\]")
_NOTHING = "(?!)"  # what fnmatch makes of a set without a character, such as [z-a]


def included(patterns: Iterable[str], report: Report) -> list[Path]:
    """The files, each once, those of one pattern sorted; faults are those of the main file.

    A file that stands there and cannot be read is among them: that is a fault of its own.
    """
    found: dict[Path, None] = {}
    for place, pattern in enumerate(patterns):
        try:
            found |= dict.fromkeys(_files(pattern, report.file))
        except BadValueError as error:
            report.take(("include", place), error)
    return list(found)


def _files(pattern: str, main: Path) -> list[Path]:
    if _MAGIC.search(pattern):
        found = [one for one in sorted(_matching(pattern, main)) if _is_there(one)]
        return [one for one in found if not os.path.isdir(one) and not _is_same(one, main)]  # noqa: PTH112 - does not raise
    path = absolute(pattern, main)
    if not _is_there(path):
        raise BadValueError(
            f"there is no file {path}", "create it, or use a pattern such as conf.d/*.toml"
        )
    if _is_same(path, main):
        raise BadValueError(f"{path} is the main file itself", "remove it from the list")
    return [path]


def _matching(pattern: str, main: Path) -> list[Path]:
    """As a shell reads it: names that begin with a point are only meant where it is written."""
    *folders, last = Path(pattern).parts
    places = [main.parent]
    for part in folders:
        places = [one for place in places for one in _names(place, part, folders_only=True)]
    return [one for place in places for one in _names(place, last, folders_only=False)]


def _names(place: Path, part: str, *, folders_only: bool) -> list[Path]:
    if not _MAGIC.search(part):
        return [place / part]
    form = _form(part)
    try:
        with os.scandir(place) as entries:
            return [
                place / one.name
                for one in entries
                if form.match(one.name)
                and (part.startswith(".") or not one.name.startswith("."))
                and not (folders_only and one.is_file())
            ]
    except FileNotFoundError:
        raise BadValueError(f"there is no folder {place}", "create it, or correct this") from None
    except OSError as error:
        what = f"the folder {place} cannot be read: {error.strerror}"
        raise BadValueError(what, "let everleaf's user read it") from None


def _form(part: str) -> "re.Pattern[str]":
    if "**" in part:
        raise BadValueError("** is not known here", "write one *, a pattern for each folder")
    if "[" in _SET.sub("", part):
        raise BadValueError(f"{part!r} opens a bracket and does not close it", "close it")
    text = translate(part)
    if _NOTHING in text:
        raise BadValueError(f"{part!r} can match nothing", "correct what stands in brackets")
    return re.compile(text)


def _is_there(path: Path) -> bool:
    """Whether anything stands there, be it a link that leads nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it will tell why
    return True


def _is_same(path: Path, main: Path) -> bool:
    try:
        return path.samefile(main)
    except OSError:
        return False
