"""Folders named after the process that owns them.

So what a killed process left can be told from what a living one uses, and removed.
"""

from __future__ import annotations

import os
import socket
import uuid

import psutil

CLOCK_STEP_S = 2
"""A process's start is reckoned from the machine's start, which moves a little whenever the clock is set."""


def owned_name() -> str:
    """A new name that carries this machine, this process and when it started."""
    started = int(psutil.Process().create_time())
    return f"{socket.gethostname()}~{os.getpid()}~{started}~{uuid.uuid4().hex[:8]}"


def owner_is_dead(name: str) -> bool:
    """Whether a name made by `owned_name` on this machine belongs to a process that runs no more; False if unsure."""
    host, _, rest = name.partition("~")
    pid, _, started = rest.partition("~")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        another = abs(process.create_time() - int(started.partition("~")[0])) > CLOCK_STEP_S
        return another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def owner_is_elsewhere(name: str) -> bool:
    """Whether a name made by `owned_name` was made on another machine, whose processes nobody here can ask about."""
    host, mark, rest = name.partition("~")
    return bool(host and mark and rest) and host != socket.gethostname()
