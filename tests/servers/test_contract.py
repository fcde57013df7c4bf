"""What all shipped hooks have in common."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.hooks import HOOKS, hook

SHIPPED = (
    "apache",
    "caddy",
    "container",
    "dovecot",
    "haproxy",
    "nginx",
    "postfix",
    "ssh",
    "systemd",
)
# What they need before they come to anything else.
NEEDED = {
    "ssh": {"host": "far.example.org", "directory": "/certificates"},
    "systemd": {"units": "web.service"},
}
IN_WORDS = {
    "apache": "arguments",
    "caddy": "environment",
    "haproxy": "arguments",
    "nginx": "arguments",
    "ssh": "arguments",
    "systemd": "arguments",
}
WITH_BINARY = ("apache", "caddy", "dovecot", "haproxy", "nginx", "ssh", "systemd")


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("verb", ["", "restart", "check reload"])
def test_another_verb_is_not_ours(tmp_path: Path, name: str, verb: str) -> None:
    done = hook(tmp_path, name, verb, {})
    assert done.returncode == 3
    assert done.stderr == f"usage: {name} check|reload\n"


@pytest.mark.parametrize("name", IN_WORDS)
def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    key = IN_WORDS[name]
    done = hook(tmp_path, name, "check", {**NEEDED.get(name, {}), key: "'open"})
    assert done.returncode == 1
    assert f"`{key}`" in done.stderr


@pytest.mark.parametrize("name", WITH_BINARY)
def test_a_server_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    done = hook(tmp_path, name, "check", {**NEEDED.get(name, {}), "binary": "/nowhere/server"})
    assert done.returncode == 1
    assert "/nowhere/server" in done.stderr
    assert "`binary`" in done.stderr


@pytest.mark.parametrize("name", SHIPPED)
def test_every_setting_is_documented_at_the_top_or_in_the_readme(name: str) -> None:
    code = (HOOKS / name).read_text("utf-8")
    readme = (HOOKS / "README.md").read_text("utf-8")
    section = readme.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    told = (ast.get_docstring(ast.parse(code)) or "") + section
    used = set(re.findall(r'hook\.(?:setting|words|seconds)\(\s*"(\w+)"', code))
    used |= {"environment"} if "hook.environment()" in code else set()
    assert used
    assert {key for key in used if not re.search(rf"\b{key}\b", told)} == set()
    assert section, "the README tells nothing of it"


def test_every_shipped_hook_is_executable_and_leaves_nothing_in_its_folder() -> None:
    files = [path for path in HOOKS.iterdir() if path.is_file()]
    assert {path.name for path in files if os.access(path, os.X_OK)} == {*SHIPPED}
    assert not (HOOKS / "__pycache__").exists()


def test_a_process_that_ends_while_children_are_looked_for_does_no_harm() -> None:
    # The kernel then answers ESRCH, but seldom: here a process of that kind is always met.
    code = (
        "import errno, io, os, pathlib, sys\n"
        f"sys.path.insert(0, {str(HOOKS)!r})\n"
        "sys.dont_write_bytecode = True\n"
        "import hooklib\n"
        "def ended(real):\n"
        "    def one(path, *more, **other):\n"
        "        if str(path) == '/proc/1/stat':\n"
        "            raise ProcessLookupError(errno.ESRCH, 'No such process', str(path))\n"
        "        return real(path, *more, **other)\n"
        "    return one\n"
        "io.open, os.stat = ended(io.open), ended(os.stat)\n"
        "print(len(hooklib.children(os.getppid(), '')) > 0)\n"
    )
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")
