"""SIGTERM to the first process of a container, until the server has a handler of its own.

The system keeps signals without a handler from the process with number 1. So a server that was starting in
a container could not be stopped: `podman stop` waited for ten seconds, and killed it. The image's
`logsrv.pth` calls `end_at_stop` whenever Python starts, so this module imports only what is loaded by then.
"""

# `signal` would take a millisecond.
import _signal  # type: ignore[import-not-found]
import os


def end_at_stop() -> None:
    """Let SIGTERM end this process at once, with status 143, if it is the first one and has no handler.

    There is nothing to clean up yet: a service that is made sets its own handler, before it opens anything.
    """
    if os.getpid() == 1 and _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGTERM, lambda number, _: os._exit(128 + number))
