"""`logsrv connect` at a terminal."""

import re
import signal
import socket
from collections.abc import Callable

import pytest

from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, serving


def lines_of(connection: socket.socket) -> Callable[[], bytes]:
    file = connection.makefile("rb")
    return file.readline


def client(port: int, *options: str) -> AtTerminal:
    return AtTerminal(*LOGSRV, "connect", f"localhost:{port}", *options, environment={})


@pytest.mark.slow
def test_each_typed_line_is_sent_and_answers_are_shown():
    """Each line goes when it is entered, with CR LF; what the server says is shown, its close ends it."""
    got = []

    def serve(connection: socket.socket) -> None:
        receive = lines_of(connection)
        connection.sendall(b"welcome\r\nlogin: ")
        got.append(receive())
        connection.sendall(b"hello \x1b[31mbobby\r\n")
        got.append(receive())
        connection.sendall(b"good")
        connection.sendall(b"bye")

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("connected to localhost")
        terminal.expect("welcome")
        terminal.expect("login:")
        terminal.type("bobbx\x7fy\r")
        terminal.expect("hello \\x1b[31mbobby")
        terminal.type("quit\r")
        terminal.expect("goodbye")
        terminal.expect("is closed")
        assert terminal.wait() == 0
    assert got == [b"bobby\r\n", b"quit\r\n"]


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
def test_ctrl_d_ends_a_conversation_even_if_the_server_ignores_it():
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"ready\r\n")
        lines_of(connection)()
        # The client's end.
        terminal.process.wait()

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("ready")
        terminal.type("\x04")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_ctrl_c_ends_a_conversation_at_once():
    def serve(connection: socket.socket) -> None:
        lines_of(connection)()

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("connected to localhost")
        terminal.type("\x03")
        assert terminal.wait() == 130


@pytest.mark.slow
def test_hex_shows_sent_bytes_too_at_a_terminal():
    """What was sent is shown as well."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))

    with serving(serve) as port, client(port, "--hex") as terminal:
        terminal.expect("connected to localhost")
        terminal.type("hi\r")
        terminal.expect("> 00000000  68 69 0d 0a")
        terminal.expect("< 00000000  68 69 0d 0a")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_raw_is_refused_at_a_terminal():
    """Here, a server could take over the terminal with it."""
    with client(1, "--raw") as terminal:
        terminal.expect("--raw writes to files and pipes only")
        assert terminal.wait() == 1


@pytest.mark.slow
def test_a_flood_is_shown_to_its_end():
    """Faster than a terminal: the server waits, nothing is lost, and one can still type."""
    lines = b"".join(b"line %d of many\r\n" % number for number in range(20_000))
    got = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(lines)
        got.append(connection.recv(100))

    with serving(serve) as port, client(port) as terminal:
        terminal.expect("line 19999 of many")
        terminal.type("enough\r")
        assert terminal.wait() == 0
    assert got == [b"enough\r\n"]
    assert len(set(re.findall(r"line (\d+) of many\r+\n", terminal.text()))) == 20_000


@pytest.mark.slow
def test_nothing_is_lost_where_it_is_stopped_while_it_writes(monkeypatch):
    """By Ctrl-Z, or with its machine: a write comes back short then, which Python's buffers know."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"".join(b"line %d of many\r\n" % number for number in range(10_000)))
        connection.recv(1)

    with serving(serve) as port, client(port) as terminal:
        for number in range(99, 10_000, 100):
            terminal.expect(f"line {number} of many")
            terminal.process.send_signal(signal.SIGSTOP)
            terminal.process.send_signal(signal.SIGCONT)
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert len(set(re.findall(r"line (\d+) of many\r+\n", terminal.text()))) == 10_000
