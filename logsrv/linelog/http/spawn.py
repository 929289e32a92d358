"""Starting a process that works for readers: this Python, a module of ours, nothing that may be secret."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.protocol import ProcessProtocol

from logsrv.linelog.http.problems import Problem

# Of the environment: the zone, the locale, where Python is.
INHERITED = ("TZ", "LANG", "LC_", "PYTHON", "PATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "COVERAGE")


def spawn(reactor: Any, protocol: ProcessProtocol, module: str, argument: str) -> None:
    """Start `module`. Raises Problem (503) if the system has no room for it."""
    try:
        reactor.spawnProcess(
            protocol,
            sys.executable,
            [sys.executable, "-P", "-m", module, argument],
            env={key: value for key, value in os.environ.items() if key.startswith(INHERITED)},
        )
    except OSError as error:
        raise Problem(503, f"a process cannot be started: {error.strerror}") from error
