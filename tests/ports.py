"""Ports that are free, and stay so."""

from __future__ import annotations

import random
import socket

# Below those that the system gives to whoever asks for any: another test's server, or client, would get
# one that is not in use for a moment.
PLACES = range(20_000, 32_000)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody has, nor gets by chance."""
    for port in random.SystemRandom().sample(PLACES, len(PLACES)):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port is taken")
