"""The three functions that start a Python child process; no other code of logsrv starts one.

spawn   for a service: its reactor reads the pipes and hears of the end
popen   for a thread or command that waits for the child itself: it can be sent open files
fork    for work that others wait for: it begins in 1 ms with all that is imported; by `popen`, a process
        of a search took 400 ms to import the same
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess


def spawn(
    reactor: Any,
    protocol: object,
    words: Sequence[str],
    environment: Mapping[str, str],
    **more: Any,
) -> None:
    """Start Python with these arguments. more: further arguments of `reactor.spawnProcess`. Raises
    OSError.
    """
    python = sys.executable
    reactor.spawnProcess(protocol, python, [python, *words], env=environment, **more)


def popen(words: Sequence[str], **more: Any) -> subprocess.Popen[bytes]:
    """Start Python with these arguments. more: further arguments of `Popen`. Raises OSError.

    It has a process group of its own, so that Ctrl-C reaches only its parent. Not a session of its own: see
    `child_side.limit_process`.
    """
    import subprocess  # 2 ms, which a search does not need: it forks

    return subprocess.Popen([sys.executable, *words], process_group=0, **more)


def fork() -> int:
    """Fork as `os.fork` does; in the child, the garbage collector never frees objects of the parent.

    A connection to DuckDB that is freed looks for its threads, which a forked child does not have: with
    version 2.0.0 the process crashes.
    """
    # Otherwise the child would write the buffered output once more.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    enabled = gc.isenabled()
    gc.disable()
    try:
        process = os.fork()
        if not process:
            gc.freeze()
        return process
    finally:
        if enabled:
            gc.enable()
