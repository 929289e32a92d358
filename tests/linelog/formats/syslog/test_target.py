"""The target `syslog:`: nobody acknowledges, but the system of the server has the bytes."""

import contextlib
import sys
from typing import Any

import pytest
from twisted.internet.defer import TimeoutError

from logsrv.linelog.formats.syslog.target import SyslogTarget
from logsrv.linelog.ship.targets.target import Unavailable, call_target
from tests.parts.far_sides import (
    DeafPeer,
    Peer,
    closing,
    far_side,
    numbered,
    sent,
    settings,
)
from tests.parts.reactor import REACTOR, until


def target(port: int) -> SyslogTarget:
    return SyslogTarget(settings(f"syslog://127.0.0.1:{port}"), REACTOR)


async def test_frames_have_counts_and_go_over_one_connection():
    async with far_side() as (peers, port):
        async with closing(SyslogTarget(settings(f"syslog://127.0.0.1:{port}"), REACTOR)) as one:
            await one.send(sent())
            await one.send(sent(b"a"))
            await one.send(sent(b"<13>Nov 20 06:18:42 host app: b"))
            await until(lambda: peers.data.endswith(b"b"), "both")
        await until(lambda: peers.connections[0].over, "the end")
    framed = [
        b"<13>1 2026-11-20T06:18:42.123456Z 10.0.0.1 - - - - a",
        b"<13>Nov 20 06:18:42 host app: b",
    ]
    assert peers.data == b"".join(b"%d %b" % (len(one), one) for one in framed)
    assert len(peers.connections) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is not acknowledged")
async def test_a_server_that_reads_nothing_is_waited_for_and_left():
    """Its system takes some; what it does not take does not count as sent."""
    async with far_side(DeafPeer) as (peers, port):
        message = b"x" * 60_000
        sending = call_target(target(port).send, sent(*[message] * 200))
        sending.addTimeout(0.3, REACTOR)
        with pytest.raises(TimeoutError):
            await sending
        peers.connections[0].hear()  # type: ignore[attr-defined]
        await until(lambda: peers.connections[0].over, "the end")


async def test_a_connection_that_breaks_is_made_anew():
    class Leaving(Peer):
        def dataReceived(self, data: bytes) -> None:
            super().dataReceived(data)
            if b"!end" in data:
                transport: Any = self.transport
                transport.abortConnection()

    async with far_side(Leaving) as (peers, port), closing(target(port)) as one:
        await one.send(sent(b"a"))
        first = call_target(one.send, sent(b"!end"))
        await until(lambda: peers.connections[0].over, "the end")
        with contextlib.suppress(Unavailable):
            await first
        try:
            await one.send(numbered(100))
        except Unavailable:
            # The end was seen only now.
            await one.send(numbered(100))
        await until(lambda: b"message 99" in peers.data, "all")
    assert len(peers.connections) == 2
