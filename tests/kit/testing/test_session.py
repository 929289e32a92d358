"""The scripted session: says what was expected and what came, with the conversation so far."""

import socket
import threading
from collections.abc import Iterator

import pytest

from logsrv.kit.testing import TelnetSession
from logsrv.kit.testing.patience import PATIENCE


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """Sends some negotiation and two lines, notes what it gets, closes upon `quit`."""
    got: list[bytes] = []

    def run() -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(b"hel\xff\xfd\x01lo 42\r\nsecond\r\n")
            data = b""
            while b"quit" not in data and (chunk := client.recv(1000)):
                data += chunk
            got.append(data)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1], got
    thread.join(PATIENCE)


def test_a_session_sends_and_expects_lines(server):
    """Negotiation is refused and not seen; `…` stands for anything; the end is expected."""
    port, got = server
    with TelnetSession(port) as session:
        assert session.expect("hello …") == "hello 42"
        session.expect("second")
        session.send("quit")
        session.expect_close()
    assert got == [b"\xff\xfc\x01quit\r\n"]


def test_another_line_shows_the_conversation(server):
    with TelnetSession(server[0]) as session:
        session.send("hi")
        with pytest.raises(AssertionError, match="'bye' was expected, 'hello 42' came") as raised:
            session.expect("bye")
        session.send("quit")
    assert "> hi\n    hello 42" in str(raised.value)


def test_a_missing_line_shows_the_conversation():
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        TelnetSession(listening.getsockname()[1], deadline=0.2) as session,
        listening.accept()[0] as client,
    ):
        client.sendall(b"hello 42\r\nsecond\r\n")
        session.expect("hello 42")
        session.expect("second")
        with pytest.raises(AssertionError, match=r"nothing came within 0\.2 s"):
            session.expect("third")


def test_an_early_close_is_an_error(server):
    with TelnetSession(server[0]) as session:
        session.send("quit")
        session.expect("hello 42")
        session.expect("second")
        with pytest.raises(AssertionError, match="the connection was closed"):
            session.expect("third")
