"""The pager of the commands that show lines: which one, and how it is started."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess


def pager_command() -> list[str]:
    """Return the command of the pager: LOGSRV_PAGER, PAGER or less; [] for none."""
    wanted = os.environ.get("LOGSRV_PAGER", os.environ.get("PAGER", "less"))
    try:
        command = shlex.split(wanted)
    except ValueError:
        return []
    if not command or command == ["cat"] or shutil.which(command[0]) is None:
        return []
    return command


def start_pager(command: list[str]) -> subprocess.Popen[bytes]:
    """Start the pager. less shows colours then, and ends by itself when one screen suffices."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": "FRX", **os.environ})
