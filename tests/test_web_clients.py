"""A stream of events ends a test that waits in vain, though its server is still there."""

import contextlib
import socket
import threading

import pytest

from logsrv.linelog.http.views.view_protocol import HEARTBEAT
from tests.parts import web_clients
from tests.parts.waits import join
from tests.parts.web_clients import Events


@pytest.mark.parametrize("sent", [HEARTBEAT, b"x"], ids=["heartbeats", "a line byte by byte"])
def test_what_arrives_does_not_prolong_a_wait_for_an_event(sent, monkeypatch):
    monkeypatch.setattr(web_clients, "PATIENCE", 0.1)
    client, server = socket.socketpair()
    ended = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            server.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not ended.wait(0.001):
                server.sendall(sent)

    sender = threading.Thread(target=drip)
    sender.start()
    with server, Events(client) as events, pytest.raises(TimeoutError):
        events.next()
    ended.set()
    join(sender)
