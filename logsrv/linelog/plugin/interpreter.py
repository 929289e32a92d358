"""Python as the service's processes run it: whether they can be started, looked at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from twisted.logger import Logger

import logsrv
from logsrv.kit.text.words import listed, shown

log = Logger()


def check_interpreter(needed_by: Sequence[str]) -> None:
    """Log what does not work if the user of this process may not run this Python, or read logsrv.

    needed_by: what processes are started for; empty if none are. The service itself was started before it
    became that user.
    """
    if not needed_by:
        return
    for path, mode, what in (
        (sys.executable, os.X_OK, "execute"),
        (logsrv.__file__, os.R_OK, "read"),
    ):
        if not os.access(path, mode, effective_ids=True):
            log.error(
                "user {user} may not {what} {path}, so no process of this service can start: lines are "
                "stored, but there are no {needed}; install Python and logsrv where that user may",
                user=os.geteuid(),
                what=what,
                path=shown(path),
                needed=listed(needed_by),
            )
            return
