"""A session in an SSH channel, without SSH: slow windows, clients that are behind, keys of a terminal."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.conch.error import ConchError
from twisted.conch.ssh.common import NS
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from logsrv.kit.inspect.session import SessionSettings, SocketServer
from logsrv.kit.inspect.ssh_sessions import (
    LONGEST_KEY,
    MOST_CHANNELS,
    MOST_REMEMBERED,
    MOST_TYPED,
    MOST_UNREAD,
    LineEditor,
    SessionChannel,
    SSHChannels,
)
from tests.kit.inspect.looked import looked_into

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")


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


pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")


UP, DOWN, LEFT, HOME, DELETE = b"\x1b[A", b"\x1b[B", b"\x1b[D", b"\x1b[H", b"\x1b[3~"


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (b"tasks\rhelp\n", b"tasks\nhelp\n"),
        (b"taks\x7f\bsks\r", b"tasks\n"),
        (b"nonsense\x15tasks\r", b"tasks\n"),
        (b"nonsense\x03tasks\r", b"tasks\n"),
        (b"help\rtasks\r" + UP + UP + b"\r", b"help\ntasks\nhelp\n"),
        (b"help\rtasks\r" + UP + UP + DOWN + b"\r", b"help\ntasks\ntasks\n"),
        (b"tass" + LEFT + b"k\r", b"tasks\n"),
        (b"xask\x01" + DELETE + b"t\x05s\r", b"tasks\n"),
        (b"ask" + HOME + b"t\r", b"task\n"),
        (b"ta\x1b[2~\x1b[15~\t\x00\x0c\xc3\xa9sks\r", b"tasks\n"),
    ],
)
def test_keys_become_lines_however_they_arrive(keys, lines):
    assert LineEditor().receive(keys)[0] == lines
    editor = LineEditor()
    pieces = [editor.receive(keys[at : at + 1])[0] for at in range(len(keys))]
    assert b"".join(pieces) == lines


def test_typed_keys_are_echoed_and_erased_ones_removed():
    editor = LineEditor()
    assert editor.receive(b"tax") == (b"", b"tax")
    assert editor.receive(b"\x7fsks\r") == (b"tasks\n", b"\x1b[1D\x1b[1Psks\r\n")
    assert editor.receive(UP) == (b"", b"\x1b[Ktasks")
    assert editor.receive(b"\x03") == (b"", b"\x1b[5D\x1b[K")


def test_a_letter_in_the_midst_of_a_line_moves_the_rest():
    editor = LineEditor()
    assert editor.receive(b"tsks" + LEFT * 3) == (b"", b"tsks" + b"\x1b[1D" * 3)
    assert editor.receive(b"a") == (b"", b"\x1b[@a")


def test_a_terminal_is_neither_cleared_nor_left_in_another_mode():
    assert LineEditor().receive(b"") == (b"", b"")


def test_control_d_ends_the_input_on_an_empty_line_only():
    editor = LineEditor()
    editor.receive(b"x\x04")
    assert not editor.ended
    assert editor.receive(b"\x7f\x04tasks\r")[0] == b""
    assert editor.ended


def test_the_length_of_a_line_is_bounded():
    editor = LineEditor()
    for _ in range(3):
        editor.receive(b"x" * MOST_TYPED + b"\t")
    assert len(editor.receive(b"\r")[0]) == MOST_TYPED + 1


def test_earlier_lines_and_an_endless_key_take_bounded_memory():
    editor = LineEditor()
    for number in range(2 * MOST_REMEMBERED):
        editor.receive(b"help %d\r" % number)
    assert editor.receive(UP * 3 * MOST_REMEMBERED + b"\r")[0] == b"help %d\n" % MOST_REMEMBERED
    editor.receive(b"\x1b[")
    for _ in range(100):
        editor.receive(b"1" * 1000)
    assert len(editor._keys.escBuf) == LONGEST_KEY
    assert editor.receive(b"~tasks\r")[0] == b"tasks\n"
