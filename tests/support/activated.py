"""A process that is started with open sockets, as systemd starts one: sd_listen_fds(3)."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

# What is between fork and exec in systemd: its process id is known only to the process itself.
LAUNCHER = """
import os, sys
pid, high, *command = sys.argv[1:]
given = high.split(",") if high else []
for place, there in enumerate(given):
    os.dup2(int(there), 3 + place)
    os.close(int(there))
os.environ["LISTEN_PID"] = pid or str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(given))
os.environ["LISTEN_FDNAMES"] = ":".join(["web"] * len(given))
os.execv(command[0], command)
"""
_HIGH = 100


def start(
    command: Sequence[str], sockets: Sequence[socket.socket], pid: str = ""
) -> "subprocess.Popen[str]":
    """Start a program that gets these sockets as its descriptors 3, 4 and so on.

    Args:
        command: the path of the program and its arguments.
        sockets: which stay open here as well.
        pid: for whom they are; for the program itself where nothing is said.
    """
    high = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, _HIGH) for one in sockets]
    try:
        return subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, pid, ",".join(map(str, high)), *command],
            pass_fds=high,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        for one in high:
            os.close(one)
