"""Free ports that no other test or program gets meanwhile."""

import contextlib
import fcntl
import os
import random
import socket

# Below the ephemeral ports of the system: one of those, unused for a moment, could be given to the server
# or the client of another test.
PLACES = range(20_000, 32_000)

# This process holds a lock of each port that it got, until it ends: other test processes run beside it,
# some with another TMPDIR.
_LOCKED = f"/tmp/logsrv-test-ports-{os.getuid()}"
_LOCKS = os.open(_LOCKED, os.O_RDWR | os.O_CREAT, 0o600)
_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that is not in use, and that no other test gets."""
    # From any of them on: a shuffle of all is 12,000 reads of the system's random numbers, 6 ms of CPU.
    first = random.SystemRandom().randrange(len(PLACES))
    for port in (*PLACES[first:], *PLACES[:first]):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))
            fcntl.lockf(_LOCKS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("every port is taken")
