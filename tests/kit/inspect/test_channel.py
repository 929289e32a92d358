"""A session in an SSH channel, without SSH: windows that fill, clients that are behind."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")

from twisted.conch.error import ConchError
from twisted.conch.ssh.common import NS
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from logsrv.kit.inspect.channel import MOST_CHANNELS, MOST_UNREAD, SessionChannel, SSHChannels
from logsrv.kit.inspect.session import SessionSettings, SocketServer
from tests.kit.inspect.looked import looked_into


class Client:
    """The other end of a channel: notes what it is sent."""

    def __init__(self, window: int = 1 << 20) -> None:
        self.clock = Clock()
        _, service = looked_into(clock=self.clock)
        self.server = SocketServer(service, "inspect", SessionSettings(), service.metrics)
        self.sent = b""
        self.said: list[Any] = []
        self.opened = 0
        transport = SimpleNamespace(getPeer=lambda: IPv4Address("TCP", "192.0.2.1", 5))
        self.channel = SessionChannel(
            self.server,
            remoteWindow=window,
            remoteMaxPacket=1 << 15,
            conn=SimpleNamespace(
                transport=SimpleNamespace(transport=transport),
                sendData=self._send,
                sendRequest=lambda channel, name, data: self.said.append(name),
                sendClose=lambda channel: self.said.append("close"),
                adjustWindow=self._open,
            ),
        )

    def _send(self, channel: object, data: bytes) -> None:
        self.sent += data

    def _open(self, channel: SessionChannel, number: int) -> None:
        self.opened += 1

    def turn(self) -> bytes:
        for _ in range(50):
            self.clock.advance(0)
        sent, self.sent = self.sent, b""
        return sent


def test_a_command_is_answered_and_its_status_given():
    client = Client()
    assert client.channel.request_exec(NS(b"connections"))
    assert client.turn() == b"0 connections\n"
    assert client.said == [b"exit-status", "close"]
    assert not client.channel.request_shell(b"")


def test_a_client_that_does_not_read_is_not_read():
    client = Client(window=100)
    assert client.channel.request_shell(b"")
    client.channel.localWindowLeft = 1000
    client.channel.dataReceived(b"help\n" * 1000)
    assert len(client.turn()) == 100
    assert client.channel.paused and len(client.channel.buf) < 64 * 1024
    for _ in range(1000):
        client.channel.addWindowBytes(10_000)
        client.turn()
    assert not client.channel.paused and client.opened


def test_a_terminal_sees_what_it_types_and_lines_from_their_beginning():
    client = Client()
    client.channel.request_pty_req(b"")
    client.channel.request_shell(b"")
    client.turn()
    client.channel.dataReceived(b"connections\r")
    assert client.turn() == b"connections\r\n0 connections\r\n> "
    client.channel.dataReceived(b"\x04")
    client.turn()
    assert client.said[-1] == "close"


def test_a_terminal_that_types_and_does_not_read_loses_its_session():
    client = Client(window=100)
    client.channel.request_pty_req(b"")
    client.channel.request_shell(b"")
    client.channel.dataReceived(b"tasks " * 300 + b"\r")
    for _ in range(100):
        client.channel.dataReceived(b"\x1b[A\x1b[B" * 100)
        assert len(client.channel.buf) <= MOST_UNREAD
    client.turn()
    assert client.said[-1] == "close"


def test_a_client_may_disconnect_during_an_answer():
    client = Client(window=10)
    client.channel.request_shell(b"")
    client.channel.dataReceived(b"help\nhelp\n")
    client.channel.closed()
    client.channel.dataReceived(b"help\n")
    client.turn()


def test_the_window_of_a_slow_channel_stays_shut_until_it_has_caught_up():
    """Else a client could send for ever what nobody reads."""
    packets: list[int] = []
    connection = SSHChannels()
    connection.transport = SimpleNamespace(  # type: ignore[assignment]
        sendPacket=lambda kind, payload: packets.append(kind)
    )
    channel = SessionChannel(Client().server, localWindow=1000, conn=connection)
    connection.channelsToRemoteChannel[channel] = 0
    channel.paused, channel.localWindowLeft = True, 0
    connection.adjustWindow(channel, 1000)
    assert not packets and channel.localWindowLeft == 0
    channel.resumeProducing()
    assert len(packets) == 1 and channel.localWindowLeft == 1000


def test_a_client_has_a_bounded_number_of_sessions():
    connection = SSHChannels()
    connection.channels = dict.fromkeys(range(MOST_CHANNELS))  # type: ignore[assignment]
    with pytest.raises(ConchError, match="too many sessions"):
        connection.getChannel(b"session", 1000, 1000, b"")
