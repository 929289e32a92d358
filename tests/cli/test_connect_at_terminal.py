"""`logsrv connect` at a terminal."""

import re
import signal
import socket

import pytest

from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, serving


def client(port: int) -> AtTerminal:
    return AtTerminal(*LOGSRV, "connect", f"localhost:{port}", environment={})


@pytest.mark.slow
def test_each_typed_line_is_sent_and_answers_are_shown_safely():
    """Each line goes when it is entered; control characters are escaped; the server's close ends it."""
    got = []

    def serve(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        connection.sendall(b"welcome\r\nlogin: ")
        got.append(lines.readline())
        connection.sendall("hello \x1b[31m\u202ebobby gr\u00fcn".encode() + b" \xff\r\n")
        got.append(lines.readline())
        connection.sendall(b"good")
        connection.sendall(b"bye")

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("connected to tcp:localhost")
        terminal.expect("login:")
        terminal.type("bobbx\x7fy\r")
        terminal.expect("hello \\x1b[31m\\u202ebobby gr\u00fcn \\xff")
        terminal.type("quit\r")
        terminal.expect("goodbye")
        assert terminal.wait() == 0
    assert got == [b"bobby\n", b"quit\n"]
    assert b"\x1b[31m" not in terminal.seen


@pytest.mark.slow
def test_ctrl_d_lets_the_server_finish():
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"ready\r\n")
        while connection.recv(100):
            pass
        connection.sendall(b"last words\r\n")

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("ready")
        terminal.type("\x04")
        terminal.expect("last words")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_ctrl_c_ends_a_conversation_at_once():
    def serve(connection: socket.socket) -> None:
        connection.recv(1)

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("connected to tcp:localhost")
        terminal.type("\x03")
        assert terminal.wait() == 130


@pytest.mark.slow
def test_no_output_is_lost_when_the_command_is_stopped_while_it_writes():
    """By Ctrl-Z: a write to a terminal comes back short then. One can type meanwhile."""
    got = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"".join(b"line %d of many\r\n" % number for number in range(10_000)))
        got.append(connection.recv(100))

    with serving(serve) as port, client(port) as terminal:
        for number in range(99, 10_000, 100):
            terminal.expect(f"line {number} of many")
            terminal.process.send_signal(signal.SIGSTOP)
            terminal.process.send_signal(signal.SIGCONT)
        terminal.type("enough\r")
        assert terminal.wait() == 0
    assert got == [b"enough\n"]
    assert len(set(re.findall(r"line (\d+) of many\r+\n", terminal.text()))) == 10_000
