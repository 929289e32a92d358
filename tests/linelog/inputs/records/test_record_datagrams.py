"""Datagrams that are stored as lines, and answered when these are safe."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE

PLUGIN = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from logsrv.linelog.inputs.intake import Input
from logsrv.linelog.inputs.records import RecordDatagrams

class Numbers(RecordDatagrams):
    def received(self, data):
        if data == b"now?":
            self.answer(b"now")
            return
        self.store(b"number %d" % int(data))
        self.answer_when_safe(data)

@implementer(IPlugin)
class NumbersInput(Input):
    name = "numbers"
    receiver = Numbers
    no_streams = "numbers come in datagrams: numbers:udp:7002"

numbers = NumbersInput()
"""


@pytest.fixture
def server(tmp_path: Path) -> TwistdProcess:
    (tmp_path / "twisted" / "plugins").mkdir(parents=True)
    (tmp_path / "twisted" / "plugins" / "numbers_plugin.py").write_text(PLUGIN)
    listen = "numbers:udp:0:interface=127.0.0.1"
    words = ("--listen", listen, "--sync", "always", "--max-line", "100")
    return TwistdProcess("logsrv", *words, directory=tmp_path)


@pytest.mark.slow
def test_an_answered_datagram_is_on_disk_after_a_kill(
    server: TwistdProcess, tmp_path: Path
) -> None:
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", server.port()))
        client.send(b"now?")
        assert client.recv(100) == b"now"
        for number in range(100):
            client.send(b"%d" % number)
            assert client.recv(100) == b"%d" % number
        client.send(b"no number")
        client.send(b"7")
        assert client.recv(100) == b"7"
        server.stop(signal.SIGKILL)
        assert "dropped a datagram: invalid literal" in server.log()
    stored = (tmp_path / "logs" / "current.log").read_text().splitlines()
    numbers = [line.partition(" number ")[2] for line in stored]
    assert numbers == [*map(str, range(100)), "7"]


@pytest.mark.slow
@pytest.mark.complains("numbers come in datagrams")
def test_a_listener_for_connections_is_refused_with_a_sentence(
    server: TwistdProcess, tmp_path: Path
) -> None:
    words = ("--listen", "numbers:tcp:0:interface=127.0.0.1")
    with pytest.raises(AssertionError, match="numbers come in datagrams: numbers:udp:7002"):
        TwistdProcess("logsrv", *words, directory=tmp_path).__enter__()
