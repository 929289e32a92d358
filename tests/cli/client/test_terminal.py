"""`logsrv connect` at a terminal: prompt, editing, history."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.at_terminal import AtTerminal
from tests.cli.command import LOGSRV, serving

UP = "\x1b[A"


def lines_of(connection: socket.socket) -> Callable[[], bytes]:
    file = connection.makefile("rb")
    return file.readline


def one_line(connection: socket.socket) -> None:
    lines_of(connection)()


def client(port: int, state: Path, *options: str) -> AtTerminal:
    return AtTerminal(
        *LOGSRV,
        "connect",
        f"localhost:{port}",
        *options,
        environment={"XDG_STATE_HOME": str(state)},
    )


def test_a_conversation(tmp_path: Path) -> None:
    """A question of the server's is the prompt; what it says stands above; its close ends it."""
    got = []

    def serve(connection: socket.socket) -> None:
        receive = lines_of(connection)
        connection.sendall(b"welcome\r\nlogin: ")
        got.append(receive())
        connection.sendall(b"hello \x1b[31mbobby\r\n")
        got.append(receive())
        connection.sendall(b"good")
        connection.sendall(b"bye")

    with serving(serve) as port, client(port, tmp_path) as terminal:
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


def test_ctrl_d_lets_the_server_finish(tmp_path: Path) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"ready\r\n")
        while connection.recv(100):
            pass
        connection.sendall(b"last words\r\n")

    with serving(serve) as port, client(port, tmp_path) as terminal:
        terminal.expect("ready")
        terminal.expect(">")
        terminal.type("\x04")
        terminal.expect("last words")
        assert terminal.wait() == 0


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with (
        serving(one_line) as port,
        client(port, tmp_path) as terminal,
    ):
        terminal.expect(">")
        terminal.type("\x03")
        assert terminal.wait() == 130


def test_history(tmp_path: Path) -> None:
    """Kept from one time to the next, but no answers to questions, and nothing behind a space."""

    def serve(connection: socket.socket) -> None:
        receive = lines_of(connection)
        for question in (b"password: ", b"ok\r\n", b"ok\r\n"):
            connection.sendall(question)
            receive()

    with serving(serve) as port, client(port, tmp_path) as terminal:
        terminal.expect("password:")
        terminal.type("secret\r")
        terminal.expect("ok")
        terminal.type("status\r")
        terminal.expect("ok")
        terminal.type(" private\r")
        assert terminal.wait() == 0
    history = tmp_path / "logsrv" / "connect_history"
    assert "+status\n" in history.read_text()
    assert "secret" not in history.read_text()
    assert "private" not in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600
    got = []

    def again(connection: socket.socket) -> None:
        got.append(connection.recv(100))

    with serving(again) as port, client(port, tmp_path) as terminal:
        terminal.expect(">")
        terminal.type(UP + "\r")
        assert terminal.wait() == 0
    assert got == [b"status\r\n"]


def test_no_history(tmp_path: Path) -> None:
    with (
        serving(one_line) as port,
        client(port, tmp_path, "--no-history") as terminal,
    ):
        terminal.expect(">")
        terminal.type("hello\r")
        assert terminal.wait() == 0
    assert not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "logsrv").write_text("no folder")
    with serving(one_line) as port, client(port, tmp_path) as terminal:
        terminal.expect(">")
        terminal.type("hello\r")
        assert terminal.wait() == 0


def test_hex(tmp_path: Path) -> None:
    """What was sent is shown as well."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))

    with serving(serve) as port, client(port, tmp_path, "--hex") as terminal:
        terminal.expect(">")
        terminal.type("hi\r")
        terminal.expect("> 00000000  68 69 0d 0a")
        terminal.expect("< 00000000  68 69 0d 0a")
        assert terminal.wait() == 0


def test_raw_is_refused(tmp_path: Path) -> None:
    """Here, a server could take over the terminal with it."""
    with client(1, tmp_path, "--raw") as terminal:
        terminal.expect("--raw writes to files and pipes only")
        assert terminal.wait() == 1


def test_a_flood_is_shown_to_its_end(tmp_path: Path) -> None:
    """Faster than a terminal: the server waits, nothing is lost, and one can still type."""
    lines = b"".join(b"line %d of many\r\n" % number for number in range(20_000))
    got = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(lines)
        got.append(connection.recv(100))

    with serving(serve) as port, client(port, tmp_path) as terminal:
        terminal.expect("line 19999 of many")
        terminal.type("enough\r")
        assert terminal.wait() == 0
    assert got == [b"enough\r\n"]
    assert len(set(re.findall(r"line (\d+) of many\r+\n", terminal.text()))) == 20_000


def test_nothing_is_lost_where_it_is_stopped_while_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-Z, or with its machine: a write comes back short then, which Python's buffers know."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"".join(b"line %d of many\r\n" % number for number in range(10_000)))
        connection.recv(1)

    with serving(serve) as port, client(port, tmp_path) as terminal:
        for number in range(99, 10_000, 100):
            terminal.expect(f"line {number} of many")
            terminal.process.send_signal(signal.SIGSTOP)
            terminal.process.send_signal(signal.SIGCONT)
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert len(set(re.findall(r"line (\d+) of many\r+\n", terminal.text()))) == 10_000


@pytest.mark.parametrize("size", [1, 150])
def test_a_line_that_never_ends(tmp_path: Path, size: int) -> None:
    """It is shown, not kept until memory is full."""

    def serve(connection: socket.socket) -> None:
        for _ in range(3000 // size):
            connection.sendall(b"x" * size)
        connection.sendall(b"!")
        connection.recv(1)

    with serving(serve) as port, client(port, tmp_path) as terminal:
        terminal.expect(">")
        terminal.expect("!")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert terminal.text().count("x") >= 3000 // size * size
