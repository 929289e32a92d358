"""Messages between parent and child."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from logsrv.cli.running.channel import MessageChannel


@pytest.fixture
def ends() -> Iterator[tuple[MessageChannel, MessageChannel]]:
    one, other = map(MessageChannel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_messages_arrive_one_by_one(ends: tuple[MessageChannel, MessageChannel]) -> None:
    one, other = ends
    one.send({"files": ["a\n", "ü"]})
    one.send("go")
    assert other.receive() == {"files": ["a\n", "ü"]}
    assert other.has_message
    assert other.receive() == "go"
    assert not other.has_message


def test_sockets_come_with_a_message(ends: tuple[MessageChannel, MessageChannel]) -> None:
    one, other = ends
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one.send({"serving": ["x"]}, [listening.fileno()])
        assert other.receive() == {"serving": ["x"]}
        (descriptor,) = other.take_descriptors()
        assert other.take_descriptors() == []
        with socket.socket(fileno=descriptor) as same:
            assert same.getsockname() == listening.getsockname()


def test_a_large_message_is_put_together(ends: tuple[MessageChannel, MessageChannel]) -> None:
    one, other = ends
    files = [f"/a/path/of/some/length/{number}" for number in range(2000)]
    sender = threading.Thread(target=one.send, args=(files,))
    sender.start()
    assert other.receive() == files
    sender.join()


def test_the_end(ends: tuple[MessageChannel, MessageChannel]) -> None:
    one, other = ends
    one.close()
    assert other.receive() is None
