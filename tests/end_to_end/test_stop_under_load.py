"""At a stop, while many clients connect, send a line and close without a pause, each line is
stored once.
"""

import itertools
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.daemons import LOOPBACK
from tests.parts.waits import join

CLIENTS = 6
# Most lines that may be under way. On a busy machine there were a thousand: a process with 1,024 open files
# cannot accept so many waiting connections at its stop.
MOST_AHEAD = 200


class Senders:
    """Clients in threads, which send a line over each connection, until the server does not listen any
    more.

    sent: the lines that were sent over a connection. stored: returns how many lines are in the store.
    """

    def __init__(self, address: Any, stored: Callable[[], int]) -> None:
        self._family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._address = address
        self._stored = stored
        self._numbers = itertools.count()
        self.sent: list[bytes] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while True:
            wait_until(lambda: len(self.sent) - self._stored() < MOST_AHEAD, "the store")
            line = b"line %d" % next(self._numbers)
            with socket.socket(self._family) as client:
                client.settimeout(PATIENCE)
                try:
                    client.connect(self._address)
                    client.sendall(line + b"\n")
                except OSError:
                    return
            self.sent.append(line)

    def end(self) -> None:
        for thread in self._threads:
            join(thread)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_every_line_sent_before_a_stop_is_stored_once(scheme, logger, tmp_path):
    """Silent clients, and one whose handshake hangs, do not delay the stop."""
    pem = certificate_file(tmp_path / "server.pem", "localhost")
    path = tmp_path / "s"
    server = logger(
        listen=[
            LOOPBACK,
            f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}",
            f"unix:{path}",
        ]
    )
    with server.connect(), server.connect(index=1):
        address = str(path) if scheme == "unix" else ("127.0.0.1", server.port())
        senders = Senders(address, lambda: server.current.read_bytes().count(b"\n"))
        wait_until(lambda: len(senders.sent) > 300, "lines under way")
        before = list(senders.sent)
        server.send_signal(signal.SIGTERM)
        server.wait()
        senders.end()
    stored = Counter(server.messages())
    assert not set(before) - stored.keys()
    assert set(stored.values()) == {1}
    assert "stopped, 0 connections cut off" in server.log()
