"""Twisted's HTTPChannel: what we ask of it. Also run with other releases of Twisted."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from logsrv.kit.net.twisted.http import request_line


def test_the_request_line_is_known_with_the_headers() -> None:
    found = []

    class Early(Request):
        def gotLength(self, length: int | None) -> None:
            found.append((request_line(self.channel), length))
            super().gotLength(length)

    channel = HTTPChannel()
    channel.requestFactory = Early
    channel.makeConnection(StringTransport())
    channel.dataReceived(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    assert found == [((b"POST", b"/a?b", b"HTTP/1.1"), 5)]
    channel.setTimeout(None)
    channel.connectionLost(Failure(ConnectionDone()))
