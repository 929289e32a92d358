"""Lines to a server over every kind of socket."""

import socket
from pathlib import Path

import pytest

from logsrv.cli.client.target import parse_target
from logsrv.cli.reading.replay import ReplayConnection
from logsrv.errors import LogsrvError
from tests.cli.command import serving, serving_unix


class Got:
    def __init__(self) -> None:
        self.data = b""

    def serve(self, connection: socket.socket) -> None:
        while piece := connection.recv(65536):
            self.data += piece


def send(target: str, count: int, cafile: Path | None = None) -> None:
    with ReplayConnection(parse_target(target), cafile, insecure=False) as receiver:
        for number in range(count):
            receiver.send(b"%d" % number)


def wanted(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(count))


def test_replay_sends_to_a_unix_socket(tmp_path):
    got = Got()
    with serving_unix(tmp_path / "socket", got.serve):
        send(f"unix:{tmp_path}/socket", 50_000)
    assert got.data == wanted(50_000)


def test_who_breaks_off_is_named_with_what_it_got():
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def send_much(port: int) -> None:
        with ReplayConnection(parse_target(f"127.0.0.1:{port}"), None, insecure=False) as receiver:
            for _ in range(1_000_000):
                receiver.send(b"x" * 1000)

    with serving(reset) as port, pytest.raises(LogsrvError, match=r"127\.0\.0\.1:\d+ "):
        send_much(port)


def test_replay_to_a_missing_socket_is_an_error(tmp_path):
    with pytest.raises(LogsrvError, match="cannot be reached: No such file or directory"):
        send(f"unix:{tmp_path}/none", 1)
