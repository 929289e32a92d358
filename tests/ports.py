"""Ports that are free, and stay so."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile

# Below those that the system gives to whoever asks for any: another test's server, or client, would get
# one that is not in use for a moment.
PLACES = range(20_000, 32_000)

# A lock of each port that was given, for as long as the process that got it lives: others run beside it.
_LOCKED = f"{tempfile.gettempdir()}/logsrv-test-ports-{os.getuid()}"
_LOCKS = os.open(_LOCKED, os.O_RDWR | os.O_CREAT, 0o600)
_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody has, nor gets by chance."""
    for port in random.SystemRandom().sample(PLACES, len(PLACES)):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))
            fcntl.lockf(_LOCKS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("every port is taken")
