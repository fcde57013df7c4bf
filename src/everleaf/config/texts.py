"""One file's text becomes a TOML document; what keeps it from being one is said with its line."""

import ast
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from everleaf.config.faults import Key
from everleaf.config.report import Report

_DEEPEST = 16  # more than any table of ours
_DECLARED = re.compile(r"Cannot declare (\(.*\)) twice")
_LONG_NUMBER = re.compile(r"[0-9_]{1000}")
_NESTED = 100


def document(report: Report, *, included: bool) -> dict[str, Any] | None:
    """The document of the report's file; None: the report says why there is none."""
    try:
        report.text = _content(report.file, included=included).decode("utf-8-sig")
        found: dict[str, Any] = _without_nul(tomllib.loads(report.text), (), report)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        report.add((), "the file is not UTF-8", "save it as UTF-8", line=line)
    except tomllib.TOMLDecodeError as error:
        _explain(str(error), report)
    except RecursionError:
        line = _line_of_nesting(report.text)
        report.add((), "it is nested too deeply", "write it flat", line=line)
    except ValueError:  # of int(), which refuses thousands of digits
        long = _LONG_NUMBER.search(report.text)
        line = report.text.count("\n", 0, long.start() if long else 0) + 1
        report.add((), "a number has too many digits", "write a shorter one", line=line)
    except OSError as error:
        report.add((), *_unreadable(error, included=included), line=0)
    else:
        return found
    return None


def _content(file: Path, *, included: bool) -> bytes:
    """What it holds. Included ones come by patterns: reading a pipe among them would never end."""
    if included and not stat.S_ISREG(file.stat().st_mode) and not file.is_dir():
        raise OSError(0, "it is no regular file")
    return file.read_bytes()


def _unreadable(error: OSError, *, included: bool) -> tuple[str, str]:
    match error:
        case FileNotFoundError() if included:
            return "the link leads to no file", "remove it, or create what it names"
        case FileNotFoundError():
            remedy = "create it with 'everleaf config init PATH', or name another with --config"
            return "there is no such file", remedy
        case IsADirectoryError():
            return "this is a directory", "name a file in it"
        case _:
            return f"the file cannot be read: {error.strerror}", "let everleaf's user read it"


def _explain(words: str, report: Report) -> None:
    found = re.search(r"\(at line (\d+)", words)
    line = int(found[1]) if found else report.text.count("\n") + 1
    what = re.sub(r" \(at .*\)$", "", words)
    declared = _DECLARED.match(what)
    if declared:
        key: Key = ast.literal_eval(declared[1])
        report.add(key, "this table stands twice", "rename or remove one of the two", line=line)
    elif what == "Cannot overwrite a value":
        report.add((), "a key stands twice in one table", "remove one of the two", line=line)
    else:
        report.add((), f"this is not TOML: {what}", "mend the syntax (toml.io)", line=line)


def _line_of_nesting(text: str) -> int:
    """The line on which more brackets are open than anybody needs."""
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        depth += sum(line.count(one) for one in "[{") - sum(line.count(one) for one in "]}")
        if depth > _NESTED or max(line.count("["), line.count("{")) > _NESTED:
            return number
    return 1


def _without_nul(value: Any, key: Key, report: Report) -> Any:
    """The same without NUL bytes, which neither a path nor a program's argument can hold.

    What lies deeper than any table of ours is left out: it is wrong already where it begins.
    """
    if len(key) > _DEEPEST:
        return None
    match value:
        case str() if "\0" in value:
            report.spoil(key, "a NUL byte stands in it", "remove it")
            return value.replace("\0", "")
        case list():
            return [_without_nul(one, (*key, place), report) for place, one in enumerate(value)]
        case dict():
            for name in [name for name in value if "\0" in name]:
                report.spoil((*key, name), "a NUL byte stands in a key", "remove it")
                del value[name]
            return {name: _without_nul(one, (*key, name), report) for name, one in value.items()}
        case _:
            return value
