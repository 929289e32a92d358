"""A session in an SSH channel, without SSH: commands, keys of a terminal, clients that do not read."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.conch.ssh.common import NS
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from logsrv.kit.inspect._session import Console, SessionSettings
from tests.kit.inspect.looked import looked_into

pytest.importorskip("twisted.conch.ssh.keys", reason="pip install 'logsrv[inspect]'")

from logsrv.kit.inspect._ssh import (
    LONGEST_KEY,
    MOST_REMEMBERED,
    MOST_TYPED,
    MOST_UNREAD,
    SessionChannel,
)


class TypingClient:
    """A client: said has the requests that it was sent."""

    def __init__(self, window: int = 1 << 20, *, python: bool = False) -> None:
        self.clock = Clock()
        view, _ = looked_into(clock=self.clock)
        server: Any = SimpleNamespace(
            clock=self.clock, view=view, settings=SessionSettings(python=python)
        )
        self.sent = b""
        self.said: list[Any] = []
        transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        conn = SimpleNamespace(
            transport=SimpleNamespace(transport=transport),
            sendData=self._send,
            sendRequest=lambda channel, name, data: self.said.append((name, data)),
            sendClose=lambda channel: self.said.append("close"),
        )
        self.channel: Any = SessionChannel(
            server, remoteWindow=window, remoteMaxPacket=1 << 15, conn=conn
        )

    def _send(self, channel: object, data: bytes) -> None:
        self.sent += data

    def turn(self) -> bytes:
        """What it is sent until nothing more is."""
        self.clock.advance(0)
        sent, self.sent = self.sent, b""
        return sent


class TypedTerminal(TypingClient):
    """A client with a terminal. lines: the lines that have been typed."""

    def __init__(self, window: int = 1 << 20, *, python: bool = False) -> None:
        super().__init__(window, python=python)
        self.channel.request_pty_req(b"")
        self.channel.request_shell(b"")
        self.lines: list[str] = []
        console: Console = self.channel.keys.terminalProtocol.console
        run = console.run_line

        def run_line(line: str) -> list[str]:
            self.lines.append(line)
            return run(line)

        console.run_line = run_line  # type: ignore[method-assign]

    def type(self, keys: bytes) -> bytes:
        self.channel.dataReceived(keys)
        return self.turn()


def test_a_command_is_answered_and_its_status_given():
    client = TypingClient()
    assert client.channel.request_exec(NS(b"connections"))
    assert client.turn() == b"0 connections\n"
    assert client.said == [(b"exit-status", bytes(4)), "close"]


def test_a_command_on_a_terminal_begins_each_line_at_its_left():
    client = TypingClient()
    client.channel.request_pty_req(b"")
    client.channel.request_exec(NS(b"connections"))
    assert client.turn() == b"0 connections\r\n"


def test_a_terminal_sees_what_it_types_and_lines_from_their_beginning():
    terminal = TypedTerminal()
    assert terminal.turn() == b"shout: help lists the commands\r\n> "
    assert terminal.type(b"connections\r") == b"connections\r\n0 connections\r\n> "
    assert terminal.type(b"quit\rconnections\r") == b"quit\r\nGoodbye.\r\n"
    assert terminal.said == [(b"exit-status", bytes(4)), "close"]


def test_a_python_prompt_in_a_terminal():
    terminal = TypedTerminal(python=True)
    terminal.turn()
    assert terminal.type(b"python\r").endswith(b"\r\n>>> ")
    assert terminal.type(b"service.name\r") == b"service.name\r\n'shout'\r\n>>> "
    assert terminal.type(b"exit()\r") == b"exit()\r\n> "


def test_a_client_that_does_not_read_is_ignored_until_it_does():
    terminal = TypedTerminal(window=100)
    for _ in range(100):
        terminal.channel.dataReceived(b"help\r" * 1000)
        assert len(terminal.channel.buf) < MOST_UNREAD + 10_000
    terminal.lines.clear()
    terminal.channel.addWindowBytes(2 * MOST_UNREAD)
    terminal.channel.dataReceived(b"tasks\r")
    assert terminal.lines == ["tasks"]


def test_a_client_may_disconnect_before_its_answer():
    client = TypingClient()
    client.channel.request_exec(NS(b"help"))
    client.channel.closed()
    client.turn()


UP, DOWN, LEFT, HOME, DELETE = b"\x1b[A", b"\x1b[B", b"\x1b[D", b"\x1b[H", b"\x1b[3~"


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (b"tasks\rhelp\n", ["tasks", "help"]),
        (b"taks\x7f\bsks\r", ["tasks"]),
        (b"nonsense\x15tasks\r", ["tasks"]),
        (b"nonsense\x03tasks\r", ["tasks"]),
        (b"help\rtasks\r" + UP + UP + b"\r", ["help", "tasks", "help"]),
        (b"help\rtasks\r" + UP + UP + DOWN + b"\r", ["help", "tasks", "tasks"]),
        (b"tass" + LEFT + b"k\r", ["tasks"]),
        (b"xask\x01" + DELETE + b"t\x05s\r", ["tasks"]),
        (b"ask" + HOME + b"t\r", ["task"]),
        (b"ta\x1b[2~\x1b[15~\t\x00\x0c\xc3\xa9sks\r", ["tasks"]),
    ],
)
def test_keys_become_lines_however_they_arrive(keys, lines):
    terminal, slow = TypedTerminal(), TypedTerminal()
    terminal.channel.dataReceived(keys)
    for at in range(len(keys)):
        slow.channel.dataReceived(keys[at : at + 1])
    assert terminal.lines == slow.lines == lines


def test_typed_keys_are_echoed_and_erased_ones_removed():
    terminal = TypedTerminal()
    terminal.turn()
    assert terminal.type(b"tax") == b"tax"
    assert terminal.type(b"\x7fsks") == b"\x1b[1D\x1b[1Psks"
    terminal.type(b"\r")
    assert terminal.type(UP) == b"\x1b[Ktasks"
    assert terminal.type(b"\x03") == b"\x1b[5D\x1b[K"


def test_a_letter_in_the_midst_of_a_line_moves_the_rest():
    terminal = TypedTerminal()
    terminal.turn()
    assert terminal.type(b"tsks" + LEFT * 3) == b"tsks" + b"\x1b[1D" * 3
    assert terminal.type(b"a") == b"\x1b[@a"


def test_control_d_ends_the_session_on_an_empty_line_only():
    terminal = TypedTerminal()
    terminal.channel.dataReceived(b"x\x04")
    assert not terminal.said
    terminal.channel.dataReceived(b"\x7f\x04tasks\r")
    terminal.turn()
    assert terminal.said[-1] == "close" and not terminal.lines


def test_the_length_of_a_line_is_bounded():
    terminal = TypedTerminal()
    for _ in range(3):
        terminal.channel.dataReceived(b"x" * MOST_TYPED + b"\t")
    terminal.channel.dataReceived(b"\r")
    assert [len(line) for line in terminal.lines] == [MOST_TYPED]


def test_earlier_lines_and_an_endless_key_take_bounded_memory():
    terminal = TypedTerminal()
    for number in range(2 * MOST_REMEMBERED):
        terminal.channel.dataReceived(b"help %d\r" % number)
        terminal.turn()
    terminal.channel.dataReceived(UP * 3 * MOST_REMEMBERED + b"\r")
    assert terminal.lines[-1] == f"help {MOST_REMEMBERED}"
    terminal.channel.dataReceived(b"\x1b[")
    for _ in range(100):
        terminal.channel.dataReceived(b"1" * 1000)
    assert len(terminal.channel.keys.escBuf) == LONGEST_KEY
    terminal.channel.dataReceived(b"~tasks\r")
    assert terminal.lines[-1] == "tasks"
