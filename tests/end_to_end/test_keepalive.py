"""Every connection of a real daemon is asked about, accepted or dialled: as the kernel's timers say."""

import contextlib
import socket
import sys
import time
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net/tcp")
ESTABLISHED, KEEPALIVE_TIMER = "01", "02"
# Its timers count in these.
TICKS = 100
INPUTS = (
    "lines", "syslog", "relp", "forward", "gelf", "http", "python", "lumberjack", "journal",
)  # fmt: skip


def timers() -> dict[tuple[int, int], float | None]:
    """Seconds until the question of each connection, by its own port and its peer's; None without."""
    found: dict[tuple[int, int], float | None] = {}
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, near, far, state, _, timer, *_ = row.split()
        if state == ESTABLISHED:
            kind, ticks = timer.split(":")
            ports = int(near.rpartition(":")[2], 16), int(far.rpartition(":")[2], 16)
            found[ports] = int(ticks, 16) / TICKS if kind == KEEPALIVE_TIMER else None
    return found


def asked_within(near: int, far: int, calm: float) -> float | None:
    """Seconds until the question of a connection, once it is there and all that is sent has arrived.

    None if there is no question at the time `calm`.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = timers()
        if found.get((near, far)) is not None:
            return found[near, far]
        if (near, far) in found and time.monotonic() > calm:
            return None
        time.sleep(0.02)
    raise AssertionError("there is no such connection")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "least", "most"),
    [((), 100, 120), (("--keepalive", "30s"), 20, 30), (("--keepalive", "0"), None, None)],
)
def test_every_connection_of_a_daemon_is_asked_about(options, least, most, logger, certificate):
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        schemes = ("relp", "syslog", "ndjson+http")
        ships = [
            word
            for scheme, one in zip(schemes, targets, strict=True)
            for word in ("--ship", f"{scheme}://127.0.0.1:{one.getsockname()[1]}")
        ]
        listens = [f"{name}:tcp:0:interface=127.0.0.1" for name in INPUTS]
        listens += [
            f"ssl:0:interface=127.0.0.1:privateKey={certificate}",
            "haproxy:tcp:0:interface=127.0.0.1",
        ]
        near = "tcp:0:interface=127.0.0.1"
        server = logger("--http", near, "--metrics", near, *ships, *options, listen=listens)
        ports = server.ports()
        assert len(ports) == len(listens) + 2
        pairs = []
        for port in ports:
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            pairs.append((port, peer.getsockname()[1]))
        server.send(b"a line to ship\n")
        for target in targets:
            target.settimeout(PATIENCE)
            peer, (_, port) = target.accept()
            stack.enter_context(peer)
            pairs.append((port, target.getsockname()[1]))
        # For all of them the same second: no question comes by then.
        calm = time.monotonic() + (1 if least is None else PATIENCE)
        for pair in pairs:
            seconds = asked_within(*pair, calm)
            assert (seconds is None) is (least is None), pair
            assert seconds is None or least <= seconds <= most
